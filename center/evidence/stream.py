"""Reads a clip for verification: what its pictures, signatures, sound and position are, as hashes and times. Nothing is decoded.

PyAV takes the container apart (MP4, MKV, MPEG-TS, raw H.264). Pictures are not kept, so that an hour of video fits into memory.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

import av
import av.error
from av.container import InputContainer

from agent.recording.stream import nal, sei
from agent.recording.stream.content import parameters_digest
from agent.recording.stream.errors import StreamError
from center.evidence import boxes
from center.evidence.errors import EvidenceError

MAX_PICTURES = 2_000_000
"""Of one clip: nine hours at 60 a second."""
MAX_PARAMETER_SETS = 16
_MICROSECONDS = 1_000_000
_UNDECODED = {"skip_frame": "all"}
"""FFmpeg would decode the first pictures to learn more than is needed here: less time, and less for a hostile file to aim at."""
_FORMATS = ("mp4", "matroska", "mpegts", "h264")


class NoClipError(EvidenceError):
    """The file is no video that can be taken apart."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit: when it is shown (µs from the container's zero), for how long, the hash of each of its slices."""

    at_us: int
    lasts_us: int
    slices: tuple[bytes, ...]
    begins_gop: bool


@dataclass(frozen=True, slots=True)
class Signing:
    """A signing SEI behind the first ``after`` pictures; ``read`` is None if it is damaged, for the reason ``problem``."""

    after: int
    read: sei.Read | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A sample of sound or position: when (µs), how long, its hash."""

    at_us: int
    lasts_us: int
    digest: bytes


@dataclass(slots=True)
class Clip:
    """All of a clip. ``parameters`` is the digest of its SPS and PPS. ``problems`` are what makes it unfit for proof as a whole."""

    pictures: list[Picture] = field(default_factory=list)
    signings: list[Signing] = field(default_factory=list)
    audio: list[Piece] = field(default_factory=list)
    position: list[Piece] = field(default_factory=list)
    parameters: bytes = b""
    problems: list[str] = field(default_factory=list)
    tick_us: int = 1
    """How exact the container's times are: its longest tick, at least a microsecond."""


def read_clip(file: BinaryIO) -> Clip:
    """What is in a video file. A file that is cut gives what is whole of it.

    Raises:
        NoClipError: it is no such file, or there is no H.264 in it, or too much.
    """
    try:
        if boxes.is_mp4(file):
            boxes.check(file)
        with av.open(file, mode="r", metadata_errors="replace", options=_UNDECODED) as container:
            return _Reader(container).clip()
    except (av.error.FFmpegError, ValueError, OverflowError, StreamError, boxes.BoxError) as error:
        why = getattr(error, "strerror", None) or error  # FFmpeg's numbers mean nothing to anybody
        raise NoClipError(f"no video that can be read: {str(why)[:200]}") from None


class _Reader:
    def __init__(self, container: InputContainer) -> None:
        if container.format.name.split(",")[0] not in _FORMATS and "mp4" not in container.format.name:
            raise NoClipError(
                f"a file of the format {container.format.name[:60]}: MP4, MKV, MPEG-TS and H.264 are read"
            )
        videos = list(container.streams.video)
        if not videos or getattr(videos[0].codec_context, "name", "") != "h264":
            raise NoClipError("there is no H.264 video in the file")
        self._container = container
        self._video = videos[0]
        self._clip = Clip()
        self._parameters: list[bytes] = []
        extra = videos[0].codec_context.extradata or b""
        self._length_size = 0 if extra[:1] != b"\x01" else (extra[4] & 3) + 1
        for unit in _sets(extra, self._length_size):
            self._parameter(unit)
        audio, position = container.streams.audio, container.streams.data
        self._pieces = {}
        for found, pieces in ((audio, self._clip.audio), (position, self._clip.position)):
            if found:
                self._pieces[found[0].index] = pieces
        used = 1 + len(self._pieces)
        if len(container.streams) > used:
            self._clip.problems.append(f"tracks that no badge records: {len(container.streams) - used}")
        ticks = [stream.time_base for stream in container.streams if stream.time_base]
        self._clip.tick_us = max(1, *(round(tick * _MICROSECONDS) for tick in ticks))

    def clip(self) -> Clip:
        """Read it to its end, or to where it is damaged."""
        clip = self._clip
        held: tuple[int | None, int, tuple[bytes, ...], bool] | None = None
        try:
            for packet in self._container.demux():
                if packet.size == 0:
                    continue
                base = packet.time_base or Fraction(1, 90_000)
                at = None if packet.pts is None else _us(packet.pts, base)
                lasts = _us(packet.duration or 0, base)
                if packet.stream.index == self._video.index:
                    picture = self._picture(bytes(packet))
                    if picture is not None:
                        self._put(held, at)
                        held = (at, lasts, *picture)
                elif packet.stream.index in self._pieces and at is not None:
                    digest = hashlib.sha256(bytes(packet)).digest()
                    self._pieces[packet.stream.index].append(Piece(at, lasts, digest))
        except av.error.FFmpegError as error:
            clip.problems.append(f"damaged, and not read to its end: {str(error)[:120]}")
        self._put(held, None)
        if not clip.pictures:
            raise NoClipError("there is no picture in the file")
        clip.parameters = parameters_digest(self._parameters)
        return clip

    def _picture(self, packet: bytes) -> tuple[tuple[bytes, ...], bool] | None:
        """A picture's slices and whether it begins a GOP; its signatures are put down on the way. None if there is no slice.

        What cannot be taken apart is a picture too, of which nothing is proven.
        """
        try:
            units = nal.parted(packet, self._length_size) if self._length_size else nal.split(packet)
        except StreamError:
            return (hashlib.sha256(packet).digest(),), False
        slices: list[bytes] = []
        begins = False
        for unit in units:
            kind = nal.kind(unit)
            if nal.is_slice(unit):
                begins = begins or (not slices and kind == nal.IDR)
                slices.append(hashlib.sha256(unit).digest())
            elif kind == nal.SEI and sei.is_signing(unit):
                self._signing(unit, behind=bool(slices))
            elif kind in (nal.SPS, nal.PPS):
                self._parameter(unit)
        return (tuple(slices), begins) if slices else None

    def _signing(self, unit: bytes, *, behind: bool) -> None:
        after = len(self._clip.pictures) + behind + self._holds
        try:
            self._clip.signings.append(Signing(after, sei.read(unit)))
        except StreamError as error:
            self._clip.signings.append(Signing(after, None, str(error)))

    _holds = 0

    def _put(self, held: tuple[int | None, int, tuple[bytes, ...], bool] | None, following: int | None) -> None:
        """Put down the picture that waited for the time of the ``following`` one."""
        self._holds = 1
        if held is None:
            return
        at, lasts, slices, begins = held
        pictures = self._clip.pictures
        if len(pictures) >= MAX_PICTURES:
            raise NoClipError(f"more than {MAX_PICTURES} pictures: verify the recording in parts")
        if at is None:
            at = pictures[-1].at_us + pictures[-1].lasts_us if pictures else 0
        elif following is not None:
            lasts = following - at
        pictures.append(Picture(at, lasts, slices, begins))

    def _parameter(self, unit: bytes) -> None:
        if unit not in self._parameters:
            if len(self._parameters) >= MAX_PARAMETER_SETS:
                raise NoClipError(f"more than {MAX_PARAMETER_SETS} parameter sets")
            self._parameters.append(unit)


def _us(ticks: int, base: Fraction) -> int:
    return ticks * base.numerator * _MICROSECONDS // base.denominator


def _sets(extra: bytes, length_size: int) -> Iterator[bytes]:
    """The parameter sets that stand in a file's head: an ``avcC`` box, or NAL units with start codes."""
    if not extra:
        return
    if not length_size:
        yield from (unit for unit in nal.split(extra) if nal.kind(unit) in (nal.SPS, nal.PPS))
        return
    at = 5
    for mask in (0x1F, 0xFF):
        if at >= len(extra):
            return
        count = extra[at] & mask
        at += 1
        for _ in range(count):
            length = int.from_bytes(extra[at : at + 2], "big")
            unit = extra[at + 2 : at + 2 + length]
            at += 2 + length
            if unit:
                yield unit
