"""Whether a clip contains what a signed manifest says: what the stream's own signature by its specification does not cover."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from agent.recording.stream.content import Content, TrackContent
from center.evidence.stream import Clip, Picture, Piece

_MICROSECONDS = 1_000_000
_ROUNDING_US = 15
"""A tick of 90 kHz, and what rounding leaves."""


@dataclass(slots=True)
class Difference:
    """What differs, in words. ``pictures`` says that the pictures do, ``cut`` that so many of them are missing at the end."""

    reasons: list[str] = field(default_factory=list)
    pictures: bool = False
    cut: int = 0

    def all(self) -> list[str]:
        """Every difference, in words."""
        words = ["pictures were altered"] if self.pictures else []
        words += [f"{self.cut} pictures are cut off"] if self.cut else []
        return self.reasons + words


def compare(clip: Clip, content: Content) -> Difference:
    """What differs between a clip and the content that was signed."""
    found = Difference(list(clip.problems))
    if clip.parameters != content.parameters:
        found.reasons.append("the picture's size or coding parameters were changed")
    slices = [one for picture in clip.pictures for one in picture.slices]
    if sha256(b"".join(slices)).digest() != content.video.digest:
        found.cut = max(0, content.video.samples - len(clip.pictures))
        found.pictures = not found.cut
    zero = clip.pictures[0].at_us
    if not _timed(clip.pictures, content.video, zero, clip.tick_us, whole=not found.cut):
        found.reasons.append("the times of the pictures were changed")
    for name, pieces, track in (("sound", clip.audio, content.audio), ("position", clip.position, content.position)):
        why = _track(pieces, track, zero, clip.tick_us)
        if why:
            found.reasons.append(f"the {name} {why}")
    return found


def _track(pieces: Sequence[Piece], track: TrackContent | None, zero_us: int, tick_us: int) -> str:
    """What is wrong with the sound or the position; empty if nothing."""
    if track is None:
        return "was added" if pieces else ""
    if sha256(b"".join(piece.digest for piece in pieces)).digest() != track.digest:
        return "was changed or cut off" if pieces else "was removed"
    # In a joined clip the last one lasts until the next segment's first: a container without fragments has no other word for a pause.
    return "" if _timed(pieces, track, zero_us, tick_us, whole=False) else "was moved to other times"


def _timed(
    samples: "Sequence[Picture | Piece]", track: TrackContent, zero_us: int, tick_us: int, *, whole: bool
) -> bool:
    """Whether the samples stand at their times, within the container's rounding. The last one's duration counts if they are whole."""
    if not samples:
        return True
    slack = tick_us + _ROUNDING_US
    begin_us = zero_us + track.begin_us
    ticks = 0
    told = (step for count, step in track.runs for _ in range(count))
    for sample, step in zip(samples, told, strict=False):
        if abs(sample.at_us - begin_us - ticks * _MICROSECONDS // track.ticks) > slack:
            return False
        ticks += step
    end_us = begin_us + ticks * _MICROSECONDS // track.ticks
    return not whole or abs(samples[-1].at_us + samples[-1].lasts_us - end_us) <= 2 * slack
