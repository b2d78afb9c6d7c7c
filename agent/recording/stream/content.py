"""What a segment contains, in digests and times: for its signed manifest. It covers what a stream signature by specification does not:
the parameter sets (picture size), the container's times, the sound, the position.

Only what every container keeps counts, so that a copy in another container, or cut out and joined, can still be compared: the slices
of the pictures, the frames of the sound, the sentences of the position, and their times relative to the segment's first picture.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.recording.stream import nal
from agent.recording.stream.errors import StreamError
from agent.recording.stream.fmp4 import Audio, Sample, Track, Video

MAX_SAMPLES = 4096
"""Of one track in one segment."""
MAX_TICKS = 0xFFFFFFFF
_HASH_SIZE = 32
_MICROSECONDS = 1_000_000
_DAY_US = 86_400 * _MICROSECONDS


@dataclass(frozen=True, slots=True)
class TrackContent:
    """One track: SHA-256 over the SHA-256 of each of its parts (slice, frame of sound, sample), ``ticks`` a second, where its first
    sample begins after the segment's first picture (microseconds), and from each sample to the next as runs ``(samples, ticks each)``;
    of the last sample its duration.
    """

    digest: bytes
    ticks: int
    begin_us: int
    runs: tuple[tuple[int, int], ...]

    @property
    def samples(self) -> int:
        """How many samples it has."""
        return sum(count for count, _ in self.runs)

    def fields(self) -> dict[str, object]:
        """As part of an event's data."""
        flat = [number for run in self.runs for number in run]
        return {"digest": self.digest, "ticks": self.ticks, "begin": self.begin_us, "runs": flat}


@dataclass(frozen=True, slots=True)
class Content:
    """A segment's content. ``parameters`` is the digest of SPS and PPS, ``anchor`` that of the first slice: it names the segment."""

    parameters: bytes
    anchor: bytes
    video: TrackContent
    audio: TrackContent | None
    position: TrackContent | None

    def fields(self) -> dict[str, object]:
        """As part of an event's data."""
        tracks = {"video": self.video, "audio": self.audio, "position": self.position}
        kept = {name: track.fields() for name, track in tracks.items() if track is not None}
        return {"parameters": self.parameters, "anchor": self.anchor, **kept}


def read(fields: object) -> Content:
    """The content in an event's data.

    Raises:
        StreamError: it is none, or passes a bound.
    """
    if not isinstance(fields, dict) or not fields.keys() <= {"parameters", "anchor", "video", "audio", "position"}:
        raise StreamError("the segment's content is no map of the known fields")
    video = _track(fields.get("video"), "video")
    if video is None:
        raise StreamError("the segment's content tells no video")
    return Content(
        _digest(fields, "parameters"),
        _digest(fields, "anchor"),
        video,
        _track(fields.get("audio"), "audio"),
        _track(fields.get("position"), "position"),
    )


class ContentDigest:
    """Reads along while a segment is written: give it the tracks and the samples that the muxer gets."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        video = next((track for track in tracks if isinstance(track, Video)), None)
        if video is None:
            raise StreamError("a segment has a video track")
        self._parameters = parameters_digest([video.sps, video.pps])
        self._tracks = [_Along(track) for track in tracks]
        self._anchor = b""

    def add(self, samples: Sequence[Sequence[Sample]]) -> None:
        """The samples of one fragment, for each track its own."""
        for along, some in zip(self._tracks, samples, strict=True):
            for sample in some:
                if along.name != "video":
                    along.add(sample, [sample.data])
                    continue
                slices = [unit for unit in nal.parted(sample.data) if nal.is_slice(unit)]
                if not self._anchor and slices:
                    self._anchor = hashlib.sha256(slices[0]).digest()
                along.add(sample, slices)

    def content(self) -> Content:
        """What the segment contains so far.

        Raises:
            StreamError: there is no picture in it yet.
        """
        by_name = {along.name: along for along in self._tracks}
        video = by_name["video"]
        if video.first is None or not self._anchor:
            raise StreamError("a segment without a picture has no content")
        zero = video.first * _MICROSECONDS // video.ticks
        told = {name: along.told(zero) for name, along in by_name.items()}
        begun = told["video"]
        assert begun is not None
        return Content(self._parameters, self._anchor, begun, told.get("audio"), told.get("position"))


def parameters_digest(units: Sequence[bytes]) -> bytes:
    """The digest of SPS and PPS units."""
    return hashlib.sha256(nal.joined(units)).digest()


class _Along:
    """One track's digest and times, sample by sample."""

    def __init__(self, track: Track) -> None:
        self.name = "video" if isinstance(track, Video) else "audio" if isinstance(track, Audio) else "position"
        self.ticks = track.ticks
        self.first: int | None = None
        self._hash = hashlib.sha256()
        self._last: Sample | None = None
        self._runs: list[list[int]] = []

    def add(self, sample: Sample, parts: Sequence[bytes]) -> None:
        for part in parts:
            self._hash.update(hashlib.sha256(part).digest())
        if self._last is None:
            self.first = sample.time
        else:
            self._count(self._runs, sample.time - self._last.time)
        self._last = Sample(b"", sample.time, sample.duration)

    def told(self, zero_us: int) -> TrackContent | None:
        if self._last is None or self.first is None:
            return None
        runs = [list(run) for run in self._runs]
        self._count(runs, self._last.duration)
        begin = self.first * _MICROSECONDS // self.ticks - zero_us
        return TrackContent(self._hash.digest(), self.ticks, begin, tuple((count, ticks) for count, ticks in runs))

    @staticmethod
    def _count(runs: list[list[int]], ticks: int) -> None:
        if runs and runs[-1][1] == ticks:
            runs[-1][0] += 1
        else:
            runs.append([1, ticks])


def _track(fields: object, name: str) -> TrackContent | None:
    if fields is None:
        return None
    if not isinstance(fields, dict) or fields.keys() != {"digest", "ticks", "begin", "runs"}:
        raise StreamError(f"the segment's {name} is not told as digest, ticks, begin and runs")
    ticks, begin, flat = fields["ticks"], fields["begin"], fields["runs"]
    if type(ticks) is not int or not 0 < ticks <= MAX_TICKS or type(begin) is not int or abs(begin) > _DAY_US:
        raise StreamError(f"the segment's {name} has impossible times")
    if type(flat) is not list or not flat or len(flat) % 2 or len(flat) > 2 * MAX_SAMPLES:
        raise StreamError(f"the segment's {name} has no runs of samples, or too many")
    if any(type(number) is not int or not 0 <= number <= MAX_TICKS for number in flat):
        raise StreamError(f"the segment's {name} has impossible runs of samples")
    runs = tuple(zip(flat[::2], flat[1::2], strict=True))
    if not all(count for count, _ in runs) or sum(count for count, _ in runs) > MAX_SAMPLES:
        raise StreamError(f"the segment's {name} has no samples in a run, or too many")
    return TrackContent(_digest(fields, "digest"), ticks, begin, runs)


def _digest(fields: Mapping[str, object], name: str) -> bytes:
    value = fields.get(name)
    if type(value) is not bytes or len(value) != _HASH_SIZE:
        raise StreamError(f"the segment's '{name}' is no digest of {_HASH_SIZE} bytes")
    return value
