"""Whether an MP4 file's tables are no larger than the file can fill, before a demuxer is given it.

A few bytes can claim billions of samples, and demuxers then build tables of them for minutes. What is checked is only that: that boxes
lie within one another, and that samples are not more than there is room for.
"""

import os
from typing import BinaryIO

from center.evidence.errors import EvidenceError

MAX_SAMPLES = 20_000_000
MAX_BOXES = 5_000_000
MAX_DEPTH = 8
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"edts", b"udta"})
_TABLES = frozenset({b"trun", b"stsz", b"stts", b"ctts"})
_MAX_TRACK = 1 << 16
_FREE_SAMPLES = 4096
"""Samples that a run may claim without a byte for each of them."""
_PER_SAMPLE = (0x100, 0x200, 0x400, 0x800)


class BoxError(EvidenceError):
    """The file's boxes are damaged, or claim more than there is."""


def is_mp4(file: BinaryIO) -> bool:
    """Whether the file begins as an MP4 does. Leaves the file at its begin."""
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    return head[4:8] in (b"ftyp", b"moov", b"styp", b"moof", b"mdat", b"free", b"wide", b"skip")


def check(file: BinaryIO) -> None:
    """Look over an MP4's boxes. Leaves the file at its begin. What is cut off at the end is no error: it is not there to harm.

    Raises:
        BoxError: boxes overlap, nest too deep, are too many, or claim more samples than can be.
    """
    size = file.seek(0, os.SEEK_END)
    _Check(file, size).boxes(0, size, 0)
    file.seek(0)


class _Check:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._boxes = 0
        self._samples = 0
        self._tracks: set[int] = set()

    def boxes(self, begin: int, end: int, depth: int) -> None:
        """All boxes between two places of the file."""
        if depth > MAX_DEPTH:
            raise BoxError(f"the file's boxes nest deeper than {MAX_DEPTH}")
        at = begin
        while at + 8 <= end:
            self._boxes += 1
            if self._boxes > MAX_BOXES:
                raise BoxError(f"the file has more than {MAX_BOXES} boxes")
            self._file.seek(at)
            head = self._file.read(16)
            length, name, body = int.from_bytes(head[:4], "big"), head[4:8], at + 8
            if length == 1:
                length, body = int.from_bytes(head[8:16], "big"), at + 16
            elif length == 0 and not depth:
                length = end - at
            following = at + length
            if following < body or (depth and following > end):
                raise BoxError(f"the box {name!r} has an impossible size")
            if name in _CONTAINERS:
                self.boxes(body, min(following, end), depth + 1)
            elif name in _TABLES:
                self._table(name, body, min(following, end))
            elif name in (b"tkhd", b"tfhd"):
                self._track(name, body)
            at = following

    def _track(self, name: bytes, begin: int) -> None:
        """A fragment is of a track that there is."""
        self._file.seek(begin)
        head = self._file.read(24)
        if name == b"tfhd":
            if int.from_bytes(head[4:8], "big") not in self._tracks:
                raise BoxError("a fragment is of a track that is not there")
            return
        track = int.from_bytes(head[20:24] if head[:1] == b"\x01" else head[12:16], "big")
        if track in self._tracks or not 0 < track < _MAX_TRACK:
            raise BoxError(f"the track number {track} is impossible, or there twice")
        self._tracks.add(track)

    def _table(self, name: bytes, begin: int, end: int) -> None:
        self._file.seek(begin)
        head = self._file.read(12)
        if len(head) < 8:
            return
        if name == b"trun":
            flags, count = int.from_bytes(head[1:4], "big"), int.from_bytes(head[4:8], "big")
            each = sum(4 for flag in _PER_SAMPLE if flags & flag)
            room = (end - begin) // each if each else _FREE_SAMPLES
        elif name == b"stsz":
            fixed, count = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
            room = self._size // fixed if fixed else (end - begin) // 4
        else:
            self._file.seek(begin + 8)
            rows = self._file.read(min(max(end - begin - 8, 0), 8 * MAX_SAMPLES))
            entries = min(int.from_bytes(head[4:8], "big"), len(rows) // 8)
            count = sum(int.from_bytes(rows[8 * row : 8 * row + 4], "big") for row in range(entries))
            room = MAX_SAMPLES
        self._samples += count
        if count > room or self._samples > MAX_SAMPLES:
            raise BoxError(f"the box {name.decode('ascii')} claims {count} samples, more than there can be")
