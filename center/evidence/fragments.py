"""Reads a badge's segment once it is opened: fragmented MP4 as `agent.recording.stream.fmp4` writes it, down to where each sample is.

A segment that was cut, by a lost supply, gives its whole fragments. Everything is bounded; whatever else the bytes are ends in one error.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agent.recording.stream.fmp4 import MAX_SAMPLES
from center.evidence.errors import EvidenceError

MAX_TRACKS = 3
MAX_FRAGMENTS = 4_096
_NO_SYNC = 0x00010000
_ENTRY = struct.Struct(">III")
_TRUN_FLAGS = 0x701
_TFHD_FLAGS = 0x20000


class FragmentsError(EvidenceError):
    """The bytes are no segment of a badge."""


@dataclass(frozen=True, slots=True)
class TrackHead:
    """A track as the header describes it: ``ticks`` a second, and those of its boxes that hold for any file."""

    ticks: int
    handler: bytes
    header: bytes
    media_header: bytes
    handler_box: bytes
    media_kind: bytes
    data_here: bytes
    description: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one track that lie one behind the other: from ``offset`` on, (time, duration, size, keyframe) each."""

    track: int
    offset: int
    samples: tuple[tuple[int, int, int, bool], ...]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(size for _, _, size, _ in self.samples)


@dataclass(frozen=True, slots=True)
class Fragments:
    """A segment's tracks, and their samples in the order in which they lie in it."""

    tracks: tuple[TrackHead, ...]
    runs: tuple[Run, ...]


def read(data: bytes) -> Fragments:
    """The tracks and samples of an opened segment.

    Raises:
        FragmentsError: it is none.
    """
    try:
        return _read(memoryview(data))
    except (struct.error, IndexError, KeyError):
        raise FragmentsError("the segment's boxes are damaged") from None


def whole(data: bytes) -> bytes:
    """Up to the end of the last whole fragment; what a lost supply tore behind it was never signed.

    Raises:
        FragmentsError: it is no segment.
    """
    return data[: max((end for name, _, end in _boxes(memoryview(data), 0, len(data)) if name == b"mdat"), default=0)]


def _read(data: memoryview) -> Fragments:
    tracks: tuple[TrackHead, ...] = ()
    runs: list[Run] = []
    fragments = 0
    pending: list[Run] = []
    for name, start, end in _boxes(data, 0, len(data)):
        if name == b"moov" and not tracks:
            tracks = tuple(_track(data, *place) for kind, *place in _boxes(data, start, end) if kind == b"trak")
        elif name == b"moof":
            fragments += 1
            pending = [_run(data, start - 8, *place) for kind, *place in _boxes(data, start, end) if kind == b"traf"]
        elif name == b"mdat":
            if any(run.offset < start or run.offset + run.size > end for run in pending):
                raise FragmentsError("a fragment's samples lie outside of it")
            runs += pending
            pending = []
    if not 1 <= len(tracks) <= MAX_TRACKS or fragments > MAX_FRAGMENTS:
        raise FragmentsError(f"a segment has 1 to {MAX_TRACKS} tracks and up to {MAX_FRAGMENTS} fragments")
    if any(not 0 <= run.track < len(tracks) for run in runs):
        raise FragmentsError("a fragment is of a track that the segment does not have")
    return Fragments(tracks, tuple(runs))


def _boxes(data: memoryview, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its body begins, where it ends) of the whole boxes there; what was cut off at the end is left out."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        if size < 8:
            raise FragmentsError("a box of no or unknown length")
        if start + size > end:
            return
        yield name, start + 8, start + size
        start += size


def _track(data: memoryview, start: int, end: int) -> TrackHead:
    boxes: dict[bytes, tuple[int, int]] = {}
    _collect(data, start, end, boxes, depth=0)
    media = bytes(data[slice(*boxes[b"mdhd"])])
    if media[:1] != b"\0":
        raise FragmentsError("a media header of an unknown version")
    ticks = int(struct.unpack_from(">I", media, 12)[0])
    if not 1 <= ticks <= 1_000_000:
        raise FragmentsError("a track with an impossible clock")
    kind = next((name for name in (b"vmhd", b"smhd", b"nmhd") if name in boxes), None)
    if kind is None:
        raise FragmentsError("a track that is neither pictures, sound nor positions")
    handler = bytes(data[slice(*boxes[b"hdlr"])])
    return TrackHead(
        ticks,
        handler[8:12],
        bytes(data[slice(*boxes[b"tkhd"])]),
        media,
        handler,
        _whole(data, boxes[kind]),
        _whole(data, boxes[b"dinf"]),
        _whole(data, boxes[b"stsd"]),
    )


def _collect(data: memoryview, start: int, end: int, boxes: dict[bytes, tuple[int, int]], depth: int) -> None:
    for name, begin, finish in _boxes(data, start, end):
        if name in (b"mdia", b"minf", b"stbl") and depth < 3:
            _collect(data, begin, finish, boxes, depth + 1)
        else:
            boxes.setdefault(name, (begin, finish))


def _whole(data: memoryview, place: tuple[int, int]) -> bytes:
    return bytes(data[place[0] - 8 : place[1]])


def _run(data: memoryview, moof: int, start: int, end: int) -> Run:
    """One track's samples in a fragment that begins at ``moof``."""
    boxes = {name: (begin, finish) for name, begin, finish in _boxes(data, start, end)}
    flags, number = struct.unpack_from(">II", data, boxes[b"tfhd"][0])
    version, base = struct.unpack_from(">IQ", data, boxes[b"tfdt"][0])
    begin, finish = boxes[b"trun"]
    run_flags, count = struct.unpack_from(">II", data, begin)
    if flags != _TFHD_FLAGS or version != 1 << 24 or run_flags != _TRUN_FLAGS or not 1 <= count <= MAX_SAMPLES:
        raise FragmentsError("a fragment that no badge writes")
    (offset,) = struct.unpack_from(">i", data, begin + 8)
    if begin + 12 + count * _ENTRY.size > finish or base >= 1 << 48:
        raise FragmentsError("a fragment's table is cut")
    samples = []
    for duration, size, how in _ENTRY.iter_unpack(data[begin + 12 : begin + 12 + count * _ENTRY.size]):
        samples.append((base, duration, size, not how & _NO_SYNC))
        base += duration
    return Run(number - 1, moof + offset, tuple(samples))
