"""Signatures and public keys: what is taken, what is refused, and that nothing hostile raises."""

import subprocess
import sys
import timeit
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from agent.keys import p256
from agent.keys.errors import PublicKeyError, SignatureFormatError
from agent.keys.file import FileKey

# RFC 6979 appendix A.2.5: P-256, SHA-256, message "sample".
_SECRET = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
_Y = 0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299
_R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
_S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
_SPKI = p256.spki_of_point(_X, _Y)


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_the_rfc_6979_signature_verifies_and_only_for_its_message() -> None:
    check = p256.verifier(_SPKI)
    assert check(raw(_R, _S), b"sample")
    assert not check(raw(_R, _S), b"Sample")


def test_the_identifier_is_the_head_of_the_digest_over_the_key_that_openssl_writes() -> None:
    public = ec.derive_private_key(_SECRET, ec.SECP256R1()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert der == _SPKI
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    assert p256.kid_of(der) == digest.finalize()[:8]


def test_high_s_is_accepted_because_ecdsa_is_malleable() -> None:
    check = p256.verifier(_SPKI)
    assert check(raw(_R, p256.ORDER - _S), b"sample")


@pytest.mark.parametrize("r", [0, 1, _R, p256.ORDER - 1, p256.ORDER, p256.ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, p256.ORDER - 1, p256.ORDER, p256.ORDER + 1, 2**256 - 1])
def test_edge_values_of_r_and_s_are_refused_without_an_exception(r: int, s: int) -> None:
    assert not p256.verifier(_SPKI)(raw(r, s), b"sample")
    assert not p256.verifier(_SPKI)(raw(s, r), b"sample")


def test_r_and_s_beyond_the_order_are_not_reduced() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    check = p256.verifier(p256.spki_of_point(numbers.x, numbers.y))
    with pytest.raises(SignatureFormatError):
        p256.der_from_raw(raw(p256.ORDER + 1, 1))
    assert not check(raw(p256.ORDER + 1, 1), b"")


@pytest.mark.parametrize("size", [0, 1, 63, 65, 128])
def test_a_signature_of_a_wrong_length_is_refused_without_an_exception(size: int) -> None:
    assert not p256.verifier(_SPKI)(raw(_R, _S)[:size].ljust(size, b"\x00"), b"sample")


@given(st.binary(max_size=96), st.binary(max_size=32))
def test_random_bytes_never_verify_and_never_raise(signature: bytes, data: bytes) -> None:
    assert p256.verifier(_SPKI)(signature, data) is False


@given(st.integers(1, p256.ORDER - 1), st.integers(1, p256.ORDER - 1))
def test_raw_and_der_are_two_forms_of_the_same_signature(r: int, s: int) -> None:
    assert p256.raw_from_der(encode_dss_signature(r, s)) == raw(r, s)
    assert p256.der_from_raw(raw(r, s)) == encode_dss_signature(r, s)


@given(st.binary(max_size=80))
def test_broken_der_ends_in_the_documented_error(der: bytes) -> None:
    try:
        p256.raw_from_der(der)
    except SignatureFormatError:
        return
    assert p256.der_from_raw(p256.raw_from_der(der)) == der


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (p256.ORDER, 1), (1, p256.ORDER), (2**256, 1), (1, 2**300)])
def test_der_with_values_out_of_range_is_refused(r: int, s: int) -> None:
    with pytest.raises(SignatureFormatError, match="outside"):
        p256.raw_from_der(encode_dss_signature(r, s))


def other_keys() -> dict[str, bytes]:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        "RSA": rsa.generate_private_key(65537, 2048).public_key().public_bytes(*form),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*form),
        "P-384": ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(*form),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(*form),
        "nothing": b"",
        "too short": _SPKI[:-1],
        "too long": _SPKI + b"\x00",
        "beside the curve": p256.spki_of_point(_X, _Y ^ 1),
        "zero": p256.spki_of_point(0, 0),
        "compressed": p256.SPKI_PREFIX + b"\x02" + _SPKI[-64:],
    }


OTHER_KEYS = other_keys()


@pytest.mark.parametrize("spki", OTHER_KEYS.values(), ids=OTHER_KEYS)
def test_keys_that_are_not_p256_points_are_refused(spki: bytes) -> None:
    with pytest.raises(PublicKeyError):
        p256.verifier(spki)


def test_a_public_key_is_read_from_pem_and_nothing_else_is() -> None:
    public = ec.derive_private_key(_SECRET, ec.SECP256R1()).public_key()
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    assert p256.public_from_pem(text) == _SPKI
    for wrong in ("", text * 2, text.replace("PUBLIC", "PRIVATE"), text[:-20], text.replace("M", "!", 1)):
        with pytest.raises(PublicKeyError):
            p256.public_from_pem(wrong)


def test_the_forms_cost_little_beside_the_bare_signature() -> None:
    """The budget of one event is about 25 µs beside the bare signature; the conversion takes a few."""
    der = encode_dss_signature(_R, _S)
    conversion_us = min(timeit.repeat(lambda: p256.raw_from_der(der), number=500, repeat=5)) / 500 * 1e6
    back_us = min(timeit.repeat(lambda: p256.der_from_raw(raw(_R, _S)), number=500, repeat=5)) / 500 * 1e6
    assert conversion_us < 25
    assert back_us < 25


def test_what_the_agent_loads_for_keys_parses_no_x509(tmp_path: Path) -> None:
    code = (
        "import sys; import agent.keys.p256, agent.keys.file, agent.keys.credentials, agent.keys.request\n"
        "key = agent.keys.file.FileKey.load(sys.argv[1]); key.sign(b'x')\n"
        "heavy = [name for name in sys.modules if 'x509' in name or name == 'cryptography.hazmat.primitives.serialization'"
        " or name in ('pkcs11', 'asn1crypto', 'click', 'logging', 'pathlib', 'json', 'datetime')]\n"
        "assert not heavy, heavy"
    )
    path = str(tmp_path / "key.pem")
    FileKey.generate(path)
    subprocess.run([sys.executable, "-c", code, path], check=True)
