"""ECDSA on P-256 with SHA-256 as the wire carries it: raw ``r || s`` signatures, key identifiers, and verification that only answers
yes or no. Pure; holds no secrets; never raises on a hostile signature. Loads only the EC part of `cryptography`.
"""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from agent.keys import pem
from agent.keys.errors import PublicKeyError, SignatureFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE_SIZE = 64
KID_SIZE = 8
# Order of the base point, FIPS 186-5 / SEC 2 section 2.4.2.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 section 2) up to the point itself: id-ecPublicKey, prime256v1, BIT STRING.
SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
POINT_SIZE = 65
SPKI_SIZE = len(SPKI_PREFIX) + POINT_SIZE
_PEM_LIMIT = 16


def raw_from_der(der: bytes) -> bytes:
    """The 64 bytes ``r || s`` of a DER ECDSA signature (RFC 3279 section 2.2.3).

    Raises:
        SignatureFormatError: it is no DER signature, or r or s is outside [1, n-1].
    """
    try:
        r, s = decode_dss_signature(der)
    except ValueError:
        raise SignatureFormatError("the signature is not a DER sequence of two integers") from None
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise SignatureFormatError("the signature's r or s is outside [1, n-1] of P-256")
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def der_from_raw(raw: bytes) -> bytes:
    """The DER form of a signature of 64 bytes ``r || s``.

    Raises:
        SignatureFormatError: it is not 64 bytes long, or r or s is outside [1, n-1].
    """
    if len(raw) != SIGNATURE_SIZE:
        raise SignatureFormatError(f"a P-256 signature has {SIGNATURE_SIZE} bytes, this has {len(raw)}")
    r = int.from_bytes(raw[:32], "big")
    s = int.from_bytes(raw[32:], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise SignatureFormatError("the signature's r or s is outside [1, n-1] of P-256")
    return encode_dss_signature(r, s)


def kid_of(spki_der: bytes) -> bytes:
    """The key identifier of the wire contract: the first 8 bytes of SHA-256 over the SubjectPublicKeyInfo DER."""
    return sha256(spki_der).digest()[:KID_SIZE]


def spki_of_point(x: int, y: int) -> bytes:
    """SubjectPublicKeyInfo DER (91 bytes) of the uncompressed point with these coordinates."""
    return SPKI_PREFIX + b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def public_key(spki_der: bytes) -> EllipticCurvePublicKey:
    """The public key of a SubjectPublicKeyInfo.

    Only the one DER form with an uncompressed point is taken, so that a key has exactly one identifier.

    Raises:
        PublicKeyError: another form, another curve or algorithm, or a point off the curve.
    """
    if len(spki_der) != SPKI_SIZE or not spki_der.startswith(SPKI_PREFIX) or spki_der[len(SPKI_PREFIX)] != 4:
        raise PublicKeyError(
            f"not an uncompressed P-256 SubjectPublicKeyInfo of {SPKI_SIZE} bytes (got {len(spki_der)} bytes): "
            "make the key with `dabyl`, or with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
        )
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), spki_der[len(SPKI_PREFIX) :])
    except ValueError:
        raise PublicKeyError("the public key's point is not on the P-256 curve") from None


def verifier(spki_der: bytes) -> "Callable[[bytes, bytes], bool]":
    """A function ``(signature, data) -> bool`` for this key. Reading the key once makes each check one OpenSSL call.

    It answers False to a signature of a wrong length, with r or s out of range, or that does not fit; it never raises for one.
    High-s signatures are taken: ECDSA is malleable, so nothing may be identified by its signature.

    Raises:
        PublicKeyError: see `public_key`.
    """
    verify = public_key(spki_der).verify
    algorithm = ECDSA(SHA256())

    def check(signature: bytes, data: bytes) -> bool:
        try:
            verify(der_from_raw(signature), data, algorithm)
        except (SignatureFormatError, InvalidSignature):
            return False
        return True

    return check


def public_from_pem(text: str) -> bytes:
    """The SubjectPublicKeyInfo DER of a ``PUBLIC KEY`` PEM.

    Raises:
        PublicKeyError: no or several blocks of that kind, broken base64, or not a P-256 key.
    """
    try:
        found = [der for label, der in pem.blocks(text, _PEM_LIMIT) if label == "PUBLIC KEY"]
    except ValueError as error:
        raise PublicKeyError(f"the public key's PEM is broken: {error}") from None
    if len(found) != 1:
        raise PublicKeyError(
            f"expected one PUBLIC KEY block, found {len(found)}: give the key's SubjectPublicKeyInfo as PEM"
        )
    public_key(found[0])
    return found[0]
