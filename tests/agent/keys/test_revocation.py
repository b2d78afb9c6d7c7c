"""Revocation lists: those that count revoke, and none that is wrong is ignored."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier

from agent.keys import errors, pem
from agent.keys.certificate import read
from agent.keys.chain import age_warnings, load_roots, read_path, verify_chain
from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from agent.keys.revocation import RevocationList, load_lists
from provisioning.authority.authority import Authority
from tests.agent.keys.conftest import Issue
from tests.agent.keys.forge import NOW, NOW_MS, Forge, Roots, usage


def lists(authority: Authority, now_ms: int = NOW_MS) -> tuple[RevocationList, ...]:
    return load_lists(authority.crl_pem(now_ms))


def test_a_revoked_certificate_is_refused_and_its_sibling_is_not(
    tmp_path: Path, new_key: Callable[[], FileKey]
) -> None:
    authority = Authority.create(tmp_path / "ca", "Test", NOW_MS)
    trusted = load_roots(authority.root_pem)
    issued = [
        authority.issue_device(certificate_request(new_key(), name), name, NOW_MS, 30) for name in ("dev-1", "dev-2")
    ]
    chains = [chain_from_pem(one.chain_pem, "issued") for one in issued]
    for chain in chains:
        verify_chain(chain, trusted, NOW_MS, lists(authority))
    authority.revoke(issued[0].serial, NOW_MS)
    with pytest.raises(errors.ChainRevokedError, match=f"{issued[0].serial:x}"):
        verify_chain(chains[0], trusted, NOW_MS, lists(authority))
    verify_chain(chains[1], trusted, NOW_MS, lists(authority))


class Listed:
    """A root, a leaf, and lists made at will."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        self.chain = forge.direct(forge.leaf())
        self.serial = read(self.chain[0], "leaf").serial

    def listing(
        self, *, key: Any = None, until: timedelta = timedelta(days=1), extra: Any = None, digest: Any = None
    ) -> str:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.forge.root.subject)
        builder = builder.last_update(NOW - timedelta(days=9)).next_update(NOW + until)
        revoked = x509.RevokedCertificateBuilder().serial_number(self.serial).revocation_date(NOW).build()
        builder = builder.add_revoked_certificate(revoked)
        if extra is not None:
            builder = builder.add_extension(extra, critical=True)
        return builder.sign(key or self.forge.root_key, digest or hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def listed(forge: Forge) -> Listed:
    return Listed(forge)


def test_an_old_list_still_revokes(listed: Listed) -> None:
    old = load_lists(listed.listing(until=-timedelta(days=1)))
    with pytest.raises(errors.ChainRevokedError):
        verify_chain(listed.chain, listed.forge.roots, NOW_MS, old)


def test_an_old_list_is_reported_for_those_it_does_not_revoke(listed: Listed, forge: Forge) -> None:
    old = load_lists(listed.listing(until=-timedelta(days=1)))
    chain = forge.direct(forge.leaf())
    verify_chain(chain, forge.roots, NOW_MS, old)
    path = read_path(chain, forge.roots)
    (warning,) = age_warnings(path, NOW_MS, old)
    assert "should have been replaced" in warning
    assert list(age_warnings(path, NOW_MS, load_lists(listed.listing()))) == []


def test_a_list_with_a_wrong_signature_is_an_error_never_ignored(listed: Listed, forge: Forge) -> None:
    forged = load_lists(listed.listing(key=ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(errors.RevocationListError, match="wrong signature"):
        verify_chain(forge.direct(forge.leaf()), forge.roots, NOW_MS, forged)


def test_a_list_counts_only_from_an_authority_that_may_sign_lists(forge: Forge) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    only_certificates: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage(key_cert_sign=True), True),
    ]
    root = forge.make("forge root", key, None, key, only_certificates)
    leaf = forge.make("pillar-017", ec.generate_private_key(ec.SECP256R1()), root, key, forge.leaf())
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(NOW)
    text = builder.next_update(NOW).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    chain, trusted = [leaf.public_bytes(Encoding.DER)], (read(root.public_bytes(Encoding.DER), "root"),)
    verify_chain(chain, trusted, NOW_MS)
    with pytest.raises(errors.RevocationListError, match="cRLSign"):
        verify_chain(chain, trusted, NOW_MS, load_lists(text))


def test_unused_bits_in_a_lists_signature_are_refused(listed: Listed) -> None:
    for _ in range(8):
        parsed = x509.load_pem_x509_crl(listed.listing().encode())
        changed = bytearray(parsed.public_bytes(Encoding.DER))
        changed[-len(parsed.signature) - 1] = 1
        with pytest.raises(errors.RevocationListError):
            load_lists(pem.encoded("X509 CRL", bytes(changed)))


def test_a_list_of_another_authority_does_not_concern_this_chain(listed: Listed, issue: Issue, roots: Roots) -> None:
    old = load_lists(listed.listing(until=-timedelta(days=1)))
    verify_chain(issue(), roots, NOW_MS, old)
    assert list(age_warnings(read_path(issue(), roots), NOW_MS, old)) == []


def test_lists_that_cannot_be_understood_are_refused(listed: Listed) -> None:
    partial = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    good = listed.listing()
    wrong = (
        listed.listing(extra=partial),
        listed.listing(extra=x509.DeltaCRLIndicator(1)),
        listed.listing(extra=x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
        listed.listing(digest=hashes.SHA384()),
        good.replace("X509 CRL", "CERTIFICATE"),
        good[:-30],
        good.replace("MI", "MJ", 1),
        "# no list yet",
        x509.load_pem_x509_crl(good.encode()).public_bytes(Encoding.DER).decode("latin-1"),
    )
    for text in wrong:
        with pytest.raises(errors.RevocationListError):
            load_lists(text)
    assert load_lists("") == load_lists(" \n") == ()


def test_a_mutated_list_is_refused_or_concerns_another_authority(listed: Listed) -> None:
    der = x509.load_pem_x509_crl(listed.listing().encode()).public_bytes(Encoding.DER)
    seeded = random.Random(11)
    refused = 0
    for _ in range(400):
        changed = bytearray(der)
        changed[seeded.randrange(len(der))] ^= 1 << seeded.randrange(8)
        try:
            found = load_lists(pem.encoded("X509 CRL", bytes(changed)))
            verify_chain(listed.chain, listed.forge.roots, NOW_MS, found)
        except errors.RevocationListError:
            refused += 1
            continue
        assert found[0].issuer != listed.forge.root.subject
    assert refused > 300
