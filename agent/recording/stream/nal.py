"""NAL units of H.264 (ITU-T H.264 §7.3.1 and annex B): cut a byte stream into them, join them into a sample, protect their bytes."""

import re
from collections.abc import Iterable

from agent.recording.stream.errors import StreamError

SLICE = 1
IDR = 5
SEI = 6
SPS = 7
PPS = 8
DELIMITER = 9

MAX_UNITS = 1024
"""NAL units of one access unit at most: a picture of 4K in slices of one macroblock row has 135."""

_START = b"\x00\x00\x01"
_TO_PROTECT = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_PROTECTED = b"\x00\x00\x03"


def kind(unit: bytes) -> int:
    """The type of a NAL unit (``SLICE``, ``IDR`` …)."""
    return unit[0] & 0x1F


def is_slice(unit: bytes) -> bool:
    """Whether it holds a slice of a picture."""
    return unit[0] & 0x1F in (SLICE, IDR)


def split(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream (annex B), without start codes and without the zeros that may stand behind them.

    Raises:
        StreamError: no start code, or more than ``MAX_UNITS`` units.
    """
    start = stream.find(_START)
    if start < 0:
        raise StreamError("the video's bytes have no start code: they are no H.264 byte stream")
    units = []
    while start >= 0:
        start += len(_START)
        end = stream.find(_START, start)
        unit = (stream[start:end] if end >= 0 else stream[start:]).rstrip(b"\x00")
        if unit:
            units.append(unit)
        if len(units) > MAX_UNITS:
            raise StreamError(f"more than {MAX_UNITS} NAL units in one access unit")
        start = end
    return units


def joined(units: Iterable[bytes]) -> bytes:
    """The units as a sample of an MP4 file: each behind its length in four bytes."""
    return b"".join([part for unit in units for part in (len(unit).to_bytes(4, "big"), unit)])


def parted(sample: bytes, length_size: int = 4) -> list[bytes]:
    """The NAL units of an MP4 sample. Empty ones are left out, and zeros behind a unit, which some muxers leave there.

    Raises:
        StreamError: a length points beyond the sample, or more than ``MAX_UNITS`` units.
    """
    units = []
    at = 0
    while at < len(sample):
        end = at + length_size
        length = int.from_bytes(sample[at:end], "big")
        if end + length > len(sample):
            raise StreamError("a NAL unit is longer than the sample that holds it")
        unit = sample[end : end + length].rstrip(b"\x00")
        if unit:
            units.append(unit)
        if len(units) > MAX_UNITS:
            raise StreamError(f"more than {MAX_UNITS} NAL units in one access unit")
        at = end + length
    return units


def protect(raw: bytes) -> bytes:
    """With emulation prevention (§7.4.1.1): a 3 wherever two zeros stand before a byte of 0 to 3, so that no start code arises."""
    return _TO_PROTECT.sub(_PROTECTED, raw)


def unprotect(protected: bytes) -> bytes:
    """Without the bytes of emulation prevention."""
    return protected.replace(_PROTECTED, b"\x00\x00")
