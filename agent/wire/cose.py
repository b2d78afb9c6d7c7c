"""COSE_Sign1 (RFC 9052 §4.2), tag 18: the envelope of every message.

Assembled by hand because ``cryptography`` has no COSE and boards have no library. One key family: ECDSA on P-256 with SHA-256, written
as ESP256 (-9, RFC 9864) and accepted as ES256 (-7, RFC 9053) too. Who may sign is the caller's key table; this module never takes an
algorithm, a key or a role from the message.
"""

from agent.wire import cbor
from agent.wire.errors import ForgedError, MalformedError, OversizedError, UnknownKeyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Verify = Callable[[bytes, bytes], bool]

    class Signer(Protocol):
        """A P-256 private key: ``kid`` names it (8 bytes), ``sign`` returns r‖s (64 bytes) over SHA-256 of its argument."""

        @property
        def kid(self) -> bytes:
            """First 8 bytes of SHA-256 over the key's SubjectPublicKeyInfo in DER."""

        def sign(self, data: bytes) -> bytes:
            """r‖s, 32 bytes each, big endian (RFC 9053 §2.1)."""


MAX_MESSAGE = 65536
"""Bytes of a whole message at most."""
KID_LENGTH = 8
SIGNATURE_LENGTH = 64
ESP256 = -9
ES256 = -7

ALG = 1
CRIT = 2
KID = 4
X5CHAIN = 33
"""Header labels: RFC 9052 §3.1, RFC 9360 §2."""

_SIG_STRUCTURE = b"\x84\x6aSignature1"
_OPENING = b"\xd2\x84"
_OUR_HEADER = b"\xa2\x01\x28\x04\x48"
"""The protected header that we write, ``{1: -9, 4: kid}``, up to the 8 bytes of the identifier."""
_OUR_OPENING = b"\xd2\x84\x4d" + _OUR_HEADER
"""How a message begins that we wrote: read without the general decoder, which would find the same."""


class Sign1:
    """A parsed COSE_Sign1. Parsed is not verified: only ``verify`` says who signed it.

    ``protected`` are the bytes that were signed, ``headers`` the map in them, ``unprotected`` the other map.
    """

    def __init__(
        self,
        protected: bytes,
        headers: "dict[object, object]",
        unprotected: "dict[object, object]",
        payload: bytes,
        signature: bytes,
    ) -> None:
        self.protected = protected
        self.headers = headers
        self.unprotected = unprotected
        self.payload = payload
        self.signature = signature


def to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """The bytes that a signature covers: Sig_structure of RFC 9052 §4.4 with context ``Signature1``."""
    head = cbor.head
    return b"".join(
        (
            _SIG_STRUCTURE,
            head(2, len(protected)),
            protected,
            head(2, len(aad)),
            aad,
            head(2, len(payload)),
            payload,
        )
    )


def sign(payload: bytes, aad: bytes, signer: "Signer", unprotected: "dict[object, object] | None" = None) -> bytes:
    """``payload`` in an envelope signed by ``signer``, for the message class whose context string is ``aad``.

    Raises:
        OversizedError: the message would exceed ``MAX_MESSAGE`` bytes.
    """
    protected = b"\x4d" + _OUR_HEADER + signer.kid
    body = cbor.head(2, len(payload)) + payload
    signature = signer.sign(_SIG_STRUCTURE + protected + cbor.head(2, len(aad)) + aad + body)
    headers = cbor.dumps(unprotected) if unprotected else b"\xa0"
    message = _OPENING + protected + headers + body + cbor.head(2, len(signature)) + signature
    if len(message) > MAX_MESSAGE:
        raise OversizedError("message of %d bytes, at most %d are allowed" % (len(message), MAX_MESSAGE))
    return message


def parse(message: bytes) -> Sign1:
    """The parts of a COSE_Sign1 message.

    Raises:
        OversizedError: more than ``MAX_MESSAGE`` bytes.
        MalformedError: not a tagged COSE_Sign1 in deterministic CBOR.
    """
    if len(message) > MAX_MESSAGE:
        raise OversizedError("message of %d bytes, at most %d are allowed" % (len(message), MAX_MESSAGE))
    message = bytes(message)  # a board's receive buffer is reused
    if message[:8] == _OUR_OPENING and message[16:17] == b"\xa0":
        protected = message[3:16]
        headers: "dict[object, object]" = {ALG: ESP256, KID: protected[5:]}
        unprotected: "object" = {}
        i = 17
    else:
        if message[:2] != _OPENING:
            raise MalformedError("not a COSE_Sign1 message (tag 18, four elements)")
        item, i = cbor.decode_item(message, 2)
        if not isinstance(item, bytes):
            raise MalformedError("COSE_Sign1: the protected header is a byte string")
        protected = item
        headers = _header_map(protected)
        unprotected, i = cbor.decode_item(message, i)
    payload, i = cbor.decode_item(message, i)
    if len(message) == i + 66 and message[i : i + 2] == b"\x58\x40":
        signature: "object" = message[i + 2 :]
    else:
        signature, i = cbor.decode_item(message, i)
        if i != len(message):
            raise MalformedError("%d bytes after the end of the message" % (len(message) - i))
    if not (isinstance(unprotected, dict) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise MalformedError("COSE_Sign1: the unprotected header is a map, payload and signature are byte strings")
    return Sign1(protected, headers, unprotected, payload, signature)


def _header_map(protected: bytes) -> "dict[object, object]":
    if not protected:
        return {}
    headers = cbor.loads(protected)
    if not isinstance(headers, dict) or not headers:
        raise MalformedError("COSE_Sign1: the protected header is a map, or no bytes where it is empty")
    return headers


def verify(message: bytes, aad: bytes, key_of: "Callable[[bytes], Verify | None]") -> Sign1:
    """The parsed ``message``, after its signature for the message class ``aad`` was verified.

    ``key_of(kid)`` is the key table: the verifier of the P-256 key with this identifier, or None. It alone decides whom to believe.

    Raises:
        MalformedError, OversizedError: as ``parse``; no 8-byte key identifier; a header marked critical (we understand none).
        UnknownKeyError: the key table does not have the key.
        ForgedError: another algorithm than the key's, a wrong signature length, or a signature that does not verify.
    """
    parts = parse(message)
    headers = parts.headers
    if CRIT in headers or CRIT in parts.unprotected:
        raise MalformedError("a header is marked critical, and none is understood")
    kid = headers.get(KID)
    if not isinstance(kid, bytes) or len(kid) != KID_LENGTH:
        raise MalformedError("the protected header names no key identifier of %d bytes" % KID_LENGTH)
    if parts.unprotected:
        for label in headers:
            if label in parts.unprotected:
                raise MalformedError("header %r is there twice" % (label,))
    check = key_of(kid)
    if check is None:
        raise UnknownKeyError("no key known with identifier " + hex_of(kid))
    alg = headers.get(ALG)
    if alg not in (ESP256, ES256):
        raise ForgedError("algorithm %r is not the one of this key (ECDSA P-256)" % (alg,))
    if len(parts.signature) != SIGNATURE_LENGTH:
        raise ForgedError("a signature of %d bytes, P-256 has %d" % (len(parts.signature), SIGNATURE_LENGTH))
    if not check(parts.signature, to_be_signed(parts.protected, aad, parts.payload)):
        raise ForgedError("the signature does not verify under key " + hex_of(kid))
    return parts


def certificate_chain(parts: Sign1) -> "list[bytes]":
    """The certificates (DER, leaf first) in header ``x5chain``, or an empty list. They are claims until a chain is verified.

    Raises:
        MalformedError: the header is neither one byte string nor an array of 2…4 of them (RFC 9360 §2).
    """
    chain = parts.unprotected.get(X5CHAIN)
    if chain is None:
        return []
    if isinstance(chain, bytes):
        return [chain]
    if not isinstance(chain, list) or not 2 <= len(chain) <= 4:
        raise MalformedError("x5chain holds one certificate, or an array of 2 to 4")
    for certificate in chain:
        if not isinstance(certificate, bytes):
            raise MalformedError("x5chain holds byte strings")
    return chain


def x5chain(certificates: "list[bytes]") -> "dict[object, object]":
    """The unprotected header that carries ``certificates`` (DER, leaf first)."""
    return {X5CHAIN: certificates[0] if len(certificates) == 1 else certificates}


def hex_of(b: bytes) -> str:
    """Lower-case hexadecimal (MicroPython before 1.22 has no ``bytes.hex`` on every port)."""
    return "".join(["%02x" % x for x in b])
