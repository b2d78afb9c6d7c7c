"""A certificate signing request (PKCS#10, RFC 2986) made with any signer: key file, PKCS#11 token or microcontroller.

The DER is written by hand, because `cryptography`'s builder wants the private key itself, which a token never gives, and because a
device need not load X.509 for it. It asks for a common name, and may tell the board's serial number; role, validity and extensions are
the authority's decision.
"""

from agent.keys import p256, pem
from agent.keys.errors import IdentityError
from agent.keys.names import is_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Signer(Protocol):
        """What signs: see the package's docstring."""

        kid: bytes
        public_der: bytes

        def sign(self, data: bytes) -> bytes:
            """64 bytes ``r || s`` over ``data``."""


_SEQUENCE = 0x30
_SET = 0x31
_UTF8 = 0x0C
_PRINTABLE = 0x13
_BIT_STRING = 0x03
_ATTRIBUTES = 0xA0
_VERSION_1 = bytes.fromhex("020100")
_COMMON_NAME = bytes.fromhex("0603550403")
_SERIAL_NUMBER = bytes.fromhex("0603550405")
# ecdsa-with-SHA256, RFC 5758 section 3.2: no parameters.
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def certificate_request(signer: "Signer", identity: str, board: str = "") -> str:
    """A ``CERTIFICATE REQUEST`` PEM for ``CN=<identity>``, signed by ``signer``.

    Args:
        signer: holds the key.
        identity: the common name.
        board: the board's serial number, up to 64 printable ASCII characters, which stands in the subject, too; empty: it is left out.

    Raises:
        IdentityError: the identity breaks the naming rule, or that is no serial number.
    """
    if not is_identity(identity):
        raise IdentityError(
            f"{identity[:80]!r} is no identity: use 3 to 63 of a-z, 0-9 and '-', beginning with a letter or digit"
        )
    if len(board) > 64 or not board.isascii() or not (board or "x").isprintable():
        raise IdentityError(f"{board[:80]!r} is no serial number: up to 64 printable ASCII characters")
    attribute = _der(_SEQUENCE, _COMMON_NAME + _der(_UTF8, identity.encode("ascii")))
    parts = _der(_SET, attribute)
    if board:
        parts += _der(_SET, _der(_SEQUENCE, _SERIAL_NUMBER + _der(_PRINTABLE, board.encode("ascii"))))
    name = _der(_SEQUENCE, parts)
    info = _der(_SEQUENCE, _VERSION_1 + name + signer.public_der + _der(_ATTRIBUTES, b""))
    signature = p256.der_from_raw(signer.sign(info))
    return pem.encoded(
        "CERTIFICATE REQUEST", _der(_SEQUENCE, info + _ECDSA_SHA256 + _der(_BIT_STRING, b"\x00" + signature))
    )


def _der(tag: int, contents: bytes) -> bytes:
    """One DER element; lengths up to 65535 (X.690 section 8.1.3)."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    if size < 0x100:
        return bytes((tag, 0x81, size)) + contents
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + contents
