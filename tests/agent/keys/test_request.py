"""Requests made by hand: OpenSSL and cryptography read them as any other."""

import shutil
import subprocess
from collections.abc import Callable

import pytest
from cryptography import x509

from agent.keys.errors import IdentityError
from agent.keys.file import FileKey
from agent.keys.names import ROLES, is_identity, parse_role_uri, role_uri
from agent.keys.request import certificate_request

OPENSSL = shutil.which("openssl") or "openssl"


@pytest.mark.parametrize("identity", ["abc", "pillar-017", "a" + "-" * 62])
def test_openssl_and_cryptography_accept_the_request(new_key: Callable[[], FileKey], identity: str) -> None:
    text = certificate_request(new_key(), identity)
    request = x509.load_pem_x509_csr(text.encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == f"CN={identity}"
    command = [OPENSSL, "req", "-verify", "-noout", "-subject"]
    answer = subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    assert answer.stdout.strip() == f"subject=CN = {identity}"
    assert "verify OK" in answer.stderr


@pytest.mark.parametrize("identity", ["", "ab", "a" * 64, "-abc", "Abc", "a_b", "a.b", "абв", "abc\n", "a b"])
def test_a_wrong_identity_is_refused_everywhere(new_key: Callable[[], FileKey], identity: str) -> None:
    assert not is_identity(identity)
    with pytest.raises(IdentityError):
        certificate_request(new_key(), identity)
    with pytest.raises(IdentityError):
        role_uri("device", identity)
    with pytest.raises(IdentityError):
        parse_role_uri(f"urn:dabyl:device:{identity}")


@pytest.mark.parametrize("role", ROLES)
def test_role_and_identity_come_back_from_the_uri(role: str) -> None:
    assert role_uri(role, "pillar-017") == f"urn:dabyl:{role}:pillar-017"
    assert parse_role_uri(f"urn:dabyl:{role}:pillar-017") == (role, "pillar-017")


@pytest.mark.parametrize(
    "uri", ["", "urn:dabyl", "URN:DABYL:device:abc", "urn:dabyl:boss:abc", "urn:dabyl:device:abc:d"]
)
def test_other_uris_name_no_role(uri: str) -> None:
    with pytest.raises(IdentityError):
        parse_role_uri(uri)
