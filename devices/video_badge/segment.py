"""One segment in the making: pictures, sound and positions in, the bytes of its encrypted file out, and at the end its contents.

Pictures are held back for a fragment of 200 ms at most, and signed with it; then they are in the file, whatever happens to the process.
What was made of them is let go of at each step, so that at most two copies of a fragment are in memory.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

from agent.recording.manifest import Contents
from agent.recording.seal import CHUNK, Sealer
from agent.recording.stream import nal
from agent.recording.stream.content import ContentDigest
from agent.recording.stream.errors import StreamError
from agent.recording.stream.fmp4 import VIDEO_TICKS, Audio, Muxer, Position, Sample, Track, Video
from agent.recording.stream.media_signing import MediaSigner
from devices.video_badge.media import Item, Picture, Sentence, Sound

US = 1_000_000
FRAGMENT_TICKS = VIDEO_TICKS // 5
AAC_SAMPLES = 1024
STALE_US = 400_000
MOST_WAITING = 512
"""Sounds or positions that wait for a picture at most."""
HIDDEN = (nal.SPS, nal.PPS, nal.DELIMITER)
"""Units that stand in the container's header, or nowhere."""


class Segment:
    """One segment.

    Args:
        sealer: encrypts it.
        signer: of the recording.
        first: its first picture, a key frame with its parameter sets.
        sound: rate and channels, None without.
        positions: whether there is a receiver.
        zero_us: the time of the recording's first picture.
        fps: frames a second that the camera should make.

    Raises:
        StreamError: the first picture is no beginning.
    """

    def __init__(
        self,
        sealer: Sealer,
        signer: MediaSigner,
        first: Picture,
        *,
        sound: tuple[int, int] | None,
        positions: bool,
        zero_us: int,
        fps: int,
    ) -> None:
        self.parameters = parameters(first.data)
        tracks: list[Track] = [Video(*self.parameters)]
        if sound is not None:
            tracks.append(Audio(*sound))
        if positions:
            tracks.append(Position())
        self.wrapped = sealer.wrapped
        """Its key, as it goes into the manifest."""
        self._sealer = sealer
        self._signer = signer
        self._zero_us = zero_us
        self._rate = 0 if sound is None else sound[0]
        self._positions = positions
        self._interval = VIDEO_TICKS // fps
        self._muxer = Muxer(tracks)
        self._digest = ContentDigest(tracks)
        self._plain_hash = hashlib.sha256()
        self._hash = hashlib.sha256()
        self._plain_size = 0
        self._pictures: list[tuple[Picture, list[bytes]]] = []
        self._sounds: list[Sound] = []
        self._sentences: list[Sentence] = []
        self._ends = [0, 0, 0]  # of each track, in its ticks
        self._headed = False
        self._interval_us = US / fps
        self._last_us = first.at_us
        self.begin_us = first.at_us
        self.unix_ms = first.unix_ms
        self.frames = 0
        self.missing = 0
        self.size = 0
        """Bytes given out so far."""

    @property
    def digest(self) -> bytes:
        """SHA-256 over the bytes given out so far."""
        return self._hash.digest()

    def add(self, item: Item) -> bytes:
        """Take what came, in order; the bytes that are to be written now. A picture that is no H.264 is missing.

        Raises:
            StreamError: the pictures cannot be signed or told in the file's format.
        """
        if isinstance(item, Picture):
            try:
                units = nal.split(item.data)
            except StreamError:
                return b""
            self._count_missing(item.at_us)
            self._last_us = item.at_us
            self._pictures.append((dataclasses.replace(item, data=b""), units))
            span = self._ticks(item.at_us) + self._interval - self._ticks(self._pictures[0][0].at_us)
            return self._fragment(pad=True) if span >= FRAGMENT_TICKS else b""
        waiting: list[Sound] | list[Sentence] = self._sounds if isinstance(item, Sound) else self._sentences
        if item.at_us >= self._zero_us and len(waiting) < MOST_WAITING:
            waiting.append(item)  # type: ignore[arg-type]  # each list has its own kind
        stale = bool(self._pictures) and item.at_us - self._pictures[0][0].at_us > STALE_US
        return self._fragment(pad=True) if stale else b""  # no picture comes that would push those that wait

    def goes_on_with(self, picture: Picture) -> bool:
        """Whether a key frame has the parameter sets that the segment began with."""
        try:
            return parameters(picture.data) == self.parameters
        except StreamError:
            return False

    def flush(self) -> bytes:
        """The pictures that are held back, as a fragment of their own."""
        return self._fragment(pad=True) if self._pictures else b""

    def finish(self, end_us: int) -> tuple[bytes, Contents]:
        """The last bytes, and what the segment contains; ``end_us`` is when the next one begins, or the last picture was."""
        out = self._fragment(pad=False) if self._pictures or self._sounds or self._sentences else b""
        self._count_missing(end_us)
        rest = self._sealer.finish()
        self._hash.update(rest)
        self.size += len(rest)
        duration_ms = max(0, end_us - self.begin_us) // 1000
        fields = self._digest.content().fields()
        contents = Contents(self.unix_ms, duration_ms, self._plain_hash.digest(), self.frames, self.missing, fields)
        return out + rest, contents

    def _count_missing(self, next_us: int) -> None:
        """Pictures that should have come between the last one and the next."""
        self.missing += max(0, round((next_us - self._last_us) / self._interval_us) - 1)

    def _fragment(self, *, pad: bool) -> bytes:
        samples: list[Sequence[Sample]] = [self._video()]
        if self._rate:
            samples.append(self._audio())
        if self._positions:
            samples.append(self._position())
        parts = [] if self._headed else [self._muxer.header()]
        self._headed = True
        parts += self._muxer.fragment(samples)
        self._digest.add(samples)
        if pad:
            parts.append(padding(self._plain_size + sum(map(len, parts))))
        plain = b"".join(parts)
        del samples, parts
        self._plain_size += len(plain)
        self._plain_hash.update(plain)
        sealed = self._sealer.update(plain)
        if not self.size:
            sealed = self._sealer.header + sealed
        self._hash.update(sealed)
        self.size += len(sealed)
        return sealed

    def _video(self) -> list[Sample]:
        pictures, self._pictures = self._pictures, []
        if not pictures:
            return []
        signed = [self._signer.unit(units, one.unix_ms) for one, units in pictures]
        signed[-1] += self._signer.close(pictures[-1][0].unix_ms)
        times = [self._ticks(one.at_us) for one, _units in pictures]
        times[0] = max(times[0], self._ends[0])
        times.append(times[-1] + self._interval)
        samples = []
        for n, (one, units) in enumerate(pictures):
            data = nal.joined([unit for unit in signed[n] if nal.kind(unit) not in HIDDEN])
            units.clear()
            signed[n].clear()
            times[n + 1] = max(times[n + 1], times[n] + 1)
            samples.append(Sample(data, times[n], times[n + 1] - times[n], one.keyframe))
        self._ends[0] = times[-1]
        self.frames += len(samples)
        return samples

    def _audio(self) -> list[Sample]:
        """The sounds, one behind the other: a clock's jitter is smoothed, a hole is in the duration of what is before it."""
        sounds, self._sounds = self._sounds, []
        samples: list[Sample] = []
        for one in sounds:
            end = self._ends[1]
            time = (one.at_us - self._zero_us) * self._rate // US
            if end and time < end + AAC_SAMPLES:
                time = end
            if samples:
                samples[-1] = Sample(samples[-1].data, samples[-1].time, time - samples[-1].time)
            samples.append(Sample(one.data, time, AAC_SAMPLES))
            self._ends[1] = time + AAC_SAMPLES
        return samples

    def _position(self) -> list[Sample]:
        sentences, self._sentences = self._sentences, []
        samples: list[Sample] = []
        for one in sentences:
            time = max(self._ticks(one.at_us), self._ends[2])
            if samples:
                samples[-1] = Sample(samples[-1].data, samples[-1].time, time - samples[-1].time)
            samples.append(Sample(one.data, time, VIDEO_TICKS))
            self._ends[2] = time + 1
        return samples

    def _ticks(self, at_us: int) -> int:
        return ((at_us - self._zero_us) * VIDEO_TICKS + US // 2) // US


def parameters(data: bytes) -> tuple[bytes, bytes]:
    """The SPS and the PPS of a key frame. Raises StreamError if they are not there."""
    units = nal.split(data)
    found = [next((unit for unit in units if nal.kind(unit) == kind), b"") for kind in (nal.SPS, nal.PPS)]
    if not all(found):
        raise StreamError("a recording begins with a key frame that has its parameter sets")
    return found[0], found[1]


def padding(size: int) -> bytes:
    """A ``free`` box that brings a file of this size to the end of a chunk of the cipher, which lets go of whole chunks only."""
    short = -size % CHUNK
    if short == 0:
        return b""
    if short < 8:
        short += CHUNK
    return short.to_bytes(4, "big") + b"free" + bytes(short - 8)
