"""Keys as the wire and the authority know them: identifier, SubjectPublicKeyInfo, certificate request; and the one error of a board's keys.

A signer has ``kid`` (8 bytes), ``public_der`` (91 bytes) and ``sign(data) -> r || s`` (64 bytes): `softkey`, `atecc608`.
"""

import os
from hashlib import sha256

from agent.keys.errors import KeysError
from agent.wire.fields import identity
from devices.firmware import comb, curve, p256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from agent.wire.cose import Signer as WireSigner
    from devices.firmware.curve import Affine

    class Signer(WireSigner, Protocol):
        """What signs."""

        public_der: bytes


KID_SIZE = 8
# SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 section 2) up to its coordinates.
SPKI_PREFIX = (
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
)
SPKI_SIZE = 91

_SEQUENCE = 0x30
_SET = 0x31
_INTEGER = 0x02
_UTF8 = 0x0C
_BIT_STRING = 0x03
_VERSION_1 = b"\x02\x01\x00"
_NO_ATTRIBUTES = b"\xa0\x00"
_COMMON_NAME = b"\x06\x03\x55\x04\x03"
# ecdsa-with-SHA256, RFC 5758 section 3.2: no parameters.
_ECDSA_SHA256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"


class BoardKeyError(KeysError):
    """A key of this board cannot be used: its file or chip is missing, damaged or refuses. The text says which and what to do."""


def spki_of_point(x: int, y: int) -> bytes:
    """SubjectPublicKeyInfo DER of a point."""
    return SPKI_PREFIX + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def point_of_spki(der: bytes) -> "Affine":
    """The point of a public key. Only the one form with an uncompressed point is taken: a key has one identifier.

    Raises:
        BoardKeyError: another form, another kind of key, or a point off the curve.
    """
    if len(der) == SPKI_SIZE and der[: len(SPKI_PREFIX)] == SPKI_PREFIX:
        x = int.from_bytes(der[-64:-32], "big")
        y = int.from_bytes(der[-32:], "big")
        if curve.on_curve(x, y):
            return x, y
    raise BoardKeyError("not an uncompressed P-256 SubjectPublicKeyInfo of %d bytes" % SPKI_SIZE)


def kid_of(der: bytes) -> bytes:
    """The key identifier of the wire contract: the first 8 bytes of SHA-256 over the SubjectPublicKeyInfo DER."""
    return sha256(der).digest()[:KID_SIZE]


def certificate_request(signer: "Signer", device_id: str) -> bytes:
    """A certificate signing request (PKCS#10, RFC 2986, DER) for ``CN=<device_id>``, signed by ``signer``.

    Raises:
        MalformedError: the identity breaks the naming rule.
        BoardKeyError, OSError: the key does not sign.
    """
    name = identity(device_id, "device").encode()
    attribute = _der(_SEQUENCE, _COMMON_NAME + _der(_UTF8, name))
    info = _der(
        _SEQUENCE,
        _VERSION_1 + _der(_SEQUENCE, _der(_SET, attribute)) + signer.public_der + _NO_ATTRIBUTES,
    )
    raw = signer.sign(info)
    signature = _der(_SEQUENCE, _integer(raw[:32]) + _integer(raw[32:]))
    return _der(_SEQUENCE, info + _ECDSA_SHA256 + _der(_BIT_STRING, b"\x00" + signature))


def check_pair(signer: "Signer", generator: str, scratch: str) -> None:
    """Let the key sign once, and verify that against its public key, by way of a table in the file ``scratch``, which is removed again.

    Raises:
        BoardKeyError: the signature does not fit.
        OSError: no room for the table, or the signer's trouble.
    """
    x, y = point_of_spki(signer.public_der)
    try:
        comb.make_sure(scratch, x, y)
        fits = p256.verify(generator, scratch, signer.sign(SPKI_PREFIX), sha256(SPKI_PREFIX).digest())
    finally:
        _remove(scratch)
    if not fits:
        raise BoardKeyError(
            "the key's signature does not fit its public key: the hardware is faulty, replace the board"
        )


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass


def _integer(number: bytes) -> bytes:
    """DER INTEGER of an unsigned number (X.690 section 8.3)."""
    number = number.lstrip(b"\x00")
    return _der(_INTEGER, number if number[0] < 0x80 else b"\x00" + number)


def _der(tag: int, contents: bytes) -> bytes:
    """One DER element of at most 65535 bytes (X.690 section 8.1.3)."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    if size < 0x100:
        return bytes((tag, 0x81, size)) + contents
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + contents
