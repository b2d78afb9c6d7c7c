"""Writes fragmented MP4 (ISO/IEC 14496-12): a header once, then fragments that each stand alone, so that a file that was cut off
anywhere plays up to its last whole fragment.

Every sample carries its own duration, and every fragment the exact time of its first sample. Pictures are shown in the order in which
they are decoded: cameras that record live make no others.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.recording.stream import sps
from agent.recording.stream.errors import StreamError

VIDEO_TICKS = 90_000
"""Per second, in the video's and the position's track."""
MAX_SAMPLES = 4096
"""In one fragment and track."""

_MOVIE_TICKS = 1000
_AAC_RATES = {48000: 3, 44100: 4, 32000: 5, 24000: 6, 22050: 7, 16000: 8, 12000: 9, 11025: 10, 8000: 11}
_AAC_LC = 2
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC = 0x02000000
_NO_SYNC = 0x01010000
"""Sample flags: depends on none; depends on others and is no sync sample."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a track; ``time`` and ``duration`` in the track's ticks, ``time`` from the file's own zero."""

    data: bytes
    time: int
    duration: int
    keyframe: bool = True


@dataclass(frozen=True, slots=True)
class Video:
    """An H.264 track, ``VIDEO_TICKS`` a second. ``parameters`` are its SPS and PPS NAL units."""

    sps: bytes
    pps: bytes

    ticks = VIDEO_TICKS
    handler = b"vide"

    def media_header(self) -> bytes:
        """The box that says that this is video."""
        return full_box(b"vmhd", 0, 1, bytes(8))

    def entry(self) -> bytes:
        """The sample entry."""
        picture = sps.read(self.sps)
        config = (
            bytes((1, picture.profile, picture.constraints, picture.level, 0xFF, 0xE1))
            + _counted(self.sps)
            + b"\x01"
            + _counted(self.pps)
        )
        if picture.profile in (100, 110, 122, 144):
            config += b"\xfd\xf8\xf8\x00"
        size = struct.pack(">HH", picture.width, picture.height)
        fixed = bytes(6) + b"\x00\x01" + bytes(16) + size + struct.pack(">IIIH", 0x480000, 0x480000, 0, 1)
        return box(b"avc1", fixed + bytes(32) + b"\x00\x18\xff\xff" + box(b"avcC", config))

    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        picture = sps.read(self.sps)
        return picture.width, picture.height


@dataclass(frozen=True, slots=True)
class Audio:
    """An AAC-LC track (raw frames, no ADTS), ``rate`` ticks a second."""

    rate: int
    channels: int

    handler = b"soun"

    @property
    def ticks(self) -> int:
        """Per second."""
        return self.rate

    def media_header(self) -> bytes:
        """The box that says that this is sound."""
        return full_box(b"smhd", 0, 0, bytes(4))

    def entry(self) -> bytes:
        """The sample entry, with the decoder's configuration in descriptors (ISO/IEC 14496-1)."""
        if self.rate not in _AAC_RATES or not 1 <= self.channels <= 7:
            raise StreamError(f"AAC has no {self.channels} channels at {self.rate} Hz")
        config = (_AAC_LC << 11 | _AAC_RATES[self.rate] << 7 | self.channels << 3).to_bytes(2, "big")
        decoder = _descriptor(4, b"\x40\x15" + bytes(3 + 4 + 4) + _descriptor(5, config))
        stream = _descriptor(3, b"\x00\x00\x00" + decoder + _descriptor(6, b"\x02"))
        fixed = bytes(6) + b"\x00\x01" + bytes(8) + struct.pack(">HHII", self.channels, 16, 0, self.rate << 16)
        return box(b"mp4a", fixed + full_box(b"esds", 0, 0, stream))

    def size(self) -> tuple[int, int]:
        """Sound has none."""
        return 0, 0


@dataclass(frozen=True, slots=True)
class Position:
    """A track of timed metadata: what the GNSS receiver said (NMEA sentences), ``VIDEO_TICKS`` a second."""

    ticks = VIDEO_TICKS
    handler = b"meta"

    def media_header(self) -> bytes:
        """The box for media that are neither seen nor heard."""
        return full_box(b"nmhd", 0, 0, b"")

    def entry(self) -> bytes:
        """The sample entry: timed metadata of a MIME type."""
        return box(b"mett", bytes(6) + b"\x00\x01" + b"\x00" + b"application/nmea-0183\x00")

    def size(self) -> tuple[int, int]:
        """Metadata have none."""
        return 0, 0


Track = Video | Audio | Position


class Muxer:
    """One file. Give each fragment's samples in the order of the tracks."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tuple(tracks)
        self._sequence = 0

    def header(self) -> bytes:
        """What the file begins with.

        Raises:
            StreamError: a track's parameters are impossible.
        """
        brands = b"iso5" + struct.pack(">I", 512) + b"iso5iso6mp41"
        movie = full_box(
            b"mvhd",
            0,
            0,
            struct.pack(">IIIIIH", 0, 0, _MOVIE_TICKS, 0, 0x10000, 0x100)
            + bytes(10)
            + _UNITY
            + bytes(24)
            + struct.pack(">I", len(self._tracks) + 1),
        )
        tracks = b"".join(_track(number, track) for number, track in enumerate(self._tracks, 1))
        extends = b"".join(
            full_box(b"trex", 0, 0, struct.pack(">IIIII", number, 1, 0, 0, 0))
            for number in range(1, len(self._tracks) + 1)
        )
        return box(b"ftyp", brands) + box(b"moov", movie + tracks + box(b"mvex", extends))

    def fragment(self, samples: Sequence[Sequence[Sample]]) -> list[bytes]:
        """The parts of a fragment: for each track its samples, in order, without overlap; a track may have none.

        Raises:
            StreamError: another number of tracks, no or too many samples, or times that do not rise.
        """
        if len(samples) != len(self._tracks) or not any(samples) or max(map(len, samples)) > MAX_SAMPLES:
            raise StreamError(f"a fragment has 1 to {MAX_SAMPLES} samples, in {len(self._tracks)} tracks")
        self._sequence += 1
        moof = self._moof(samples, 0)
        data = [sample.data for track in samples for sample in track]
        size = 8 + sum(map(len, data))
        return [self._moof(samples, len(moof) + 8), size.to_bytes(4, "big"), b"mdat", *data]

    def _moof(self, samples: Sequence[Sequence[Sample]], offset: int) -> bytes:
        parts = [full_box(b"mfhd", 0, 0, struct.pack(">I", self._sequence))]
        for number, track in enumerate(samples, 1):
            if track:
                parts.append(_track_fragment(number, track, offset))
                offset += sum(len(sample.data) for sample in track)
        return box(b"moof", b"".join(parts))


def _track_fragment(number: int, samples: Sequence[Sample], offset: int) -> bytes:
    if any(one.time + one.duration != following.time for one, following in pairwise(samples)):
        raise StreamError("within a fragment each sample ends where the next one begins")
    entries = b"".join(
        struct.pack(">III", sample.duration, len(sample.data), _SYNC if sample.keyframe else _NO_SYNC)
        for sample in samples
    )
    return box(
        b"traf",
        full_box(b"tfhd", 0, 0x20000, struct.pack(">I", number))
        + full_box(b"tfdt", 1, 0, struct.pack(">Q", samples[0].time))
        + full_box(b"trun", 0, 0x701, struct.pack(">Ii", len(samples), offset) + entries),
    )


def _track(number: int, track: Track) -> bytes:
    width, height = track.size()
    head = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII", 0, 0, number, 0, 0)
        + bytes(8)
        + struct.pack(">HHHH", 0, 0, 0x100 if track.handler == b"soun" else 0, 0)
        + _UNITY
        + struct.pack(">II", width << 16, height << 16),
    )
    media_head = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, track.ticks, 0, 0x55C4, 0))
    handler = full_box(b"hdlr", 0, 0, bytes(4) + track.handler + bytes(12) + b"dabyl\x00")
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1) + full_box(b"url ", 0, 1, b"")))
    tables = b"".join(
        (
            full_box(b"stsd", 0, 0, struct.pack(">I", 1) + track.entry()),
            full_box(b"stts", 0, 0, bytes(4)),
            full_box(b"stsc", 0, 0, bytes(4)),
            full_box(b"stsz", 0, 0, bytes(8)),
            full_box(b"stco", 0, 0, bytes(4)),
        )
    )
    information = box(b"minf", track.media_header() + here + box(b"stbl", tables))
    return box(b"trak", head + box(b"mdia", media_head + handler + information))


def box(name: bytes, body: bytes) -> bytes:
    """A box of ISO/IEC 14496-12: its size, its name of four letters, its body."""
    return (8 + len(body)).to_bytes(4, "big") + name + body


def full_box(name: bytes, version: int, flags: int, body: bytes) -> bytes:
    """A box whose body begins with version and flags."""
    return box(name, (version << 24 | flags).to_bytes(4, "big") + body)


def _counted(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes((tag, len(body))) + body
