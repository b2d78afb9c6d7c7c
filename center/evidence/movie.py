"""Writes an ordinary MP4 (ISO/IEC 14496-12): index first, then the samples, unchanged and with their exact times. It plays everywhere.

Given runs of samples as `fragments` finds them, on one common timeline. What lies between two samples, because nothing was recorded or a
segment is lost, stays as long as it was: the sample before lasts until the next begins.
"""

import itertools
import struct
from collections.abc import Sequence

from agent.recording.stream.fmp4 import box, full_box
from center.evidence.errors import EvidenceError
from center.evidence.fragments import Run, TrackHead

MOVIE_TICKS = 90_000
MAX_TICKS = 0xFFFFFFFF
_CHUNK_64 = 1 << 32
_FTYP = b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class MovieError(EvidenceError):
    """These samples make no film: no picture, times that do not rise, or too long."""


class Movie:
    """The index of a film whose samples lie in the order of ``runs``.

    Raises:
        MovieError: it would be none.
    """

    def __init__(self, tracks: Sequence[TrackHead], runs: Sequence[Run]) -> None:
        self._runs = runs
        pictures = next((n for n, head in enumerate(tracks) if head.handler == b"vide"), None)
        if not any(run.track == pictures for run in runs):
            raise MovieError("there is no picture to be exported")
        self._tracks = [_Track(head, [run for run in runs if run.track == n]) for n, head in enumerate(tracks)]
        shown = self._tracks[pictures or 0]
        for track in self._tracks:
            track.end_at(shown.begin + shown.lasts)
        self._zero = min(track.begin for track in self._tracks if track.samples)
        self._size = sum(run.size for run in runs)

    @property
    def lasts_s(self) -> float:
        """Seconds from the first sample to the end of the last."""
        return max(one.delay(self._zero) + one.lasts for one in self._tracks if one.samples) / MOVIE_TICKS

    def header(self) -> bytes:
        """What the file begins with; the runs' bytes follow, in order."""
        wide = self._size + _CHUNK_64 // 16 >= _CHUNK_64
        ftyp = box(b"ftyp", _FTYP)
        data_head = (
            struct.pack(">I4sQ", 1, b"mdat", 16 + self._size) if wide else struct.pack(">I4s", 8 + self._size, b"mdat")
        )
        moov = self._moov(0, wide=wide)
        moov = self._moov(len(ftyp) + len(moov) + len(data_head), wide=wide)
        return ftyp + moov + data_head

    def _moov(self, begin: int, *, wide: bool) -> bytes:
        places: list[list[int]] = [[] for _ in self._tracks]
        for run in self._runs:
            places[run.track].append(begin)
            begin += run.size
        kept = [(track, there) for track, there in zip(self._tracks, places, strict=True) if track.samples]
        lasts = round(self.lasts_s * MOVIE_TICKS)
        if lasts > MAX_TICKS:
            raise MovieError("longer than 13 hours: export it in parts")
        head = struct.pack(">IIIIIH", 0, 0, MOVIE_TICKS, lasts, 0x10000, 0x100)
        movie = full_box(b"mvhd", 0, 0, head + bytes(10) + _UNITY + bytes(24) + struct.pack(">I", len(kept) + 1))
        return box(
            b"moov",
            movie + b"".join(track.box(n, self._zero, there, wide=wide) for n, (track, there) in enumerate(kept, 1)),
        )


class _Track:
    """One track's tables. Times in movie ticks, but for those of its samples."""

    def __init__(self, head: TrackHead, runs: Sequence[Run]) -> None:
        self._head = head
        self._chunks = [len(run.samples) for run in runs]
        self.samples = [sample for run in runs for sample in run.samples]
        times = [time for time, _, _, _ in self.samples]
        steps = [following - one for one, following in itertools.pairwise(times)]
        if any(step <= 0 for step in steps):
            raise MovieError("samples whose times do not rise: the segments do not follow one another")
        self._steps = [*steps, max(1, self.samples[-1][1])] if self.samples else []
        if any(step > MAX_TICKS for step in self._steps):
            raise MovieError("longer than 13 hours without a picture: export it in parts")
        self.begin = times[0] * MOVIE_TICKS // head.ticks if times else 0

    @property
    def lasts(self) -> int:
        """From its begin to its end."""
        return sum(self._steps) * MOVIE_TICKS // self._head.ticks

    def end_at(self, end: int) -> None:
        """What the last sample tells lasts no longer than until ``end``, when the pictures do; a position has no end of its own."""
        if self.samples:
            rest = end * self._head.ticks // MOVIE_TICKS - self.samples[-1][0]
            self._steps[-1] = max(1, min(self._steps[-1], rest))

    def delay(self, zero: int) -> int:
        """How long after the film's begin it begins."""
        return self.begin - zero

    def box(self, number: int, zero: int, places: Sequence[int], *, wide: bool) -> bytes:
        head, media = bytearray(self._head.header), bytearray(self._head.media_header)
        struct.pack_into(">I", head, 12, number)
        struct.pack_into(">I", head, 20, min(self.delay(zero) + self.lasts, MAX_TICKS))
        struct.pack_into(">I", media, 16, min(sum(self._steps), MAX_TICKS))
        edits = [(self.delay(zero), -1)] * (self.delay(zero) > 0) + [(self.lasts, 0)]
        entries = b"".join(struct.pack(">IiI", min(lasts, MAX_TICKS), at, 0x10000) for lasts, at in edits)
        inside = (
            box(b"tkhd", bytes(head))
            + box(b"edts", full_box(b"elst", 0, 0, struct.pack(">I", len(edits)) + entries))
            + box(
                b"mdia",
                box(b"mdhd", bytes(media))
                + box(b"hdlr", self._head.handler_box)
                + self._information(places, wide=wide),
            )
        )
        return box(b"trak", inside)

    def _information(self, places: Sequence[int], *, wide: bool) -> bytes:
        steps = [(len(list(same)), step) for step, same in itertools.groupby(self._steps)]
        keys = [n for n, (_, _, _, key) in enumerate(self.samples, 1) if key]
        chunks: list[tuple[int, int]] = []
        for n, count in enumerate(self._chunks, 1):
            if not chunks or chunks[-1][1] != count:
                chunks.append((n, count))
        where = (
            _table(b"co64", ">Q", [(at,) for at in places]) if wide else _table(b"stco", ">I", [(at,) for at in places])
        )
        sizes = b"".join(struct.pack(">I", size) for _, _, size, _ in self.samples)
        tables = (
            self._head.description
            + _table(b"stts", ">II", steps)
            + (_table(b"stss", ">I", [(n,) for n in keys]) if len(keys) < len(self.samples) else b"")
            + _table(b"stsc", ">III", [(n, count, 1) for n, count in chunks])
            + full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(self.samples)) + sizes)
            + where
        )
        return box(b"minf", self._head.media_kind + self._head.data_here + box(b"stbl", tables))


def _table(name: bytes, form: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    return full_box(name, 0, 0, struct.pack(">I", len(rows)) + b"".join(struct.pack(form, *row) for row in rows))
