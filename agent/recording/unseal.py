"""Opening a sealed segment with the custodian's private key. Never loaded on a badge, which has no such key."""

import dataclasses

from cryptography.cobblestone import Cobblestone128Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from agent.recording.seal import SUITE, Header, HeaderError, info_of

STEP = 16384 + 16
KEY_LENGTH = 16


class UnsealError(ValueError):
    """A segment cannot be opened: it is none, it is for another custodian, or nothing of it is genuine."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """What was in a segment. ``whole`` is False for a file that was cut or damaged: ``plaintext`` is what is genuine before that."""

    recording: bytes
    n: int
    plaintext: bytes
    whole: bool


def open_segment(data: bytes, private: EllipticCurvePrivateKey) -> Opened:
    """The contents of a segment's file.

    Raises:
        UnsealError: it cannot be opened with this key.
    """
    try:
        header = Header(data)
    except HeaderError as error:
        raise UnsealError(str(error)) from None
    try:
        key = SUITE.decrypt(header.wrapped, private, info=info_of(header.recording, header.n))
    except (InvalidTag, ValueError):
        raise UnsealError("the segment's key does not open: it is for another custodian, or damaged") from None
    if len(key) != KEY_LENGTH:
        raise UnsealError("the segment's key is none of this cipher")
    cipher = Cobblestone128Decryptor(key, header.bytes)
    body = memoryview(data)[header.size :]
    plain = bytearray()
    whole = False
    try:
        for at in range(0, len(body), STEP):
            plain += cipher.update(body[at : at + STEP])
        plain += cipher.finalize()
        whole = True
    except InvalidTag:
        pass  # what came before is genuine
    return Opened(header.recording, header.n, bytes(plain), whole)
