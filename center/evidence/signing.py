"""What the signature in a stream (ONVIF Media Signing) proves of a clip's pictures: each one, their order, and what is missing between.

A proven SEI lists, in order, the hashes of the slices of its period; the hash of a slice binds it to the first slice of its GOP. So each
slice has one signed place, and the places must follow one another without a gap.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from statistics import median

from agent.recording.stream.sei import Period
from center.evidence.stream import Clip, Picture, Signing
from center.evidence.trust import Holder, Trust

UNSIGNED = "altered, or not signed"
MISPLACED = "out of its order"
JOINED = "of another recording than what stands before"
RETIMED = "shown at another speed than recorded"
_SPEEDS = (0.8, 1.25)
_PERIODS_FOR_SPEED = 3
_ALL_ZERO = bytes(32)
_LEAST_HOLE_US = 100_000
"""Between signed times and the container's."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Pictures are missing before the picture ``before``: about ``frames`` if that is known, else 0; signed times tell ``lasts_us``."""

    before: int
    frames: int
    lasts_us: int


@dataclass(slots=True)
class Judgement:
    """What was found. ``faults`` names for each picture that is not proven why; ``device`` is who signed, empty if nobody proven did."""

    faults: dict[int, str] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    device: str = ""
    start_ms: int = 0

    def note(self, text: str) -> None:
        """Tell it once."""
        if text and text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class _Place:
    period: int
    index: int


def judge(clip: Clip, trust: Trust) -> Judgement:
    """What the clip's signatures prove of its pictures."""
    found = Judgement()
    periods = _proven(clip, trust, found)
    if not clip.signings:
        found.note("there is no signature in the stream")
    places = {
        listed: _Place(number, index)
        for number, period in enumerate(periods)
        for index, listed in enumerate(period.hashes)
    }
    placed = _placed(clip.pictures, places)
    _in_order(clip.pictures, placed, periods, found)
    if periods and _retimed(clip.pictures, placed, periods):
        for number in range(len(clip.pictures)):
            found.faults.setdefault(number, RETIMED)
    return found


def _proven(clip: Clip, trust: Trust, found: Judgement) -> list[Period]:
    """The periods whose signature and certificates are good, each once, by the one device that the first of them names."""
    periods: dict[bytes, Period] = {}
    chain: tuple[bytes, ...] = ()
    for signing in clip.signings:
        if signing.read is None:
            found.note(f"a signature is damaged: {signing.problem}")
            continue
        period = signing.read.period
        chain = period.certificates or chain
        holder = _holder(signing, chain, trust)
        if isinstance(holder, str):
            found.note(f"a signature proves nothing: {holder}")
            continue
        if found.device and holder.device != found.device:
            found.note(f"a signature is by another device, {holder.device}")
            continue
        if not periods:
            found.device, found.start_ms = holder.device, period.start_ms
        found.note(holder.note)
        periods.setdefault(signing.read.signed, period)
    return list(periods.values())


def _holder(signing: Signing, chain: tuple[bytes, ...], trust: Trust) -> Holder | str:
    assert signing.read is not None
    period = signing.read.period
    holder = trust.holder(chain, period.start_ms) if chain else "no certificate is there"
    if isinstance(holder, str):
        return holder
    if not holder.check(signing.read.signature, signing.read.signed):
        return f"it is not by the key of {holder.device}"
    if sha256(b"".join(period.hashes)).digest() != period.gop_hash:
        return "it contradicts itself"
    return holder


def _placed(pictures: list[Picture], places: dict[bytes, _Place]) -> list[_Place | None]:
    """For each picture the signed place of its first slice, None if not all of its slices stand there together."""
    placed: list[_Place | None] = []
    anchor = b""
    for picture in pictures:
        slices = picture.slices
        if picture.begins_gop:
            anchor = slices[0]
            listed = (anchor, *(sha256(anchor + one).digest() for one in slices[1:]))
        else:
            listed = tuple(sha256(anchor + one).digest() for one in slices)
        first = places.get(listed[0])
        if first is not None and any(
            places.get(one) != _Place(first.period, first.index + number) for number, one in enumerate(listed[1:], 1)
        ):
            first = None
        placed.append(first)
    return placed


def _in_order(pictures: list[Picture], placed: list[_Place | None], periods: list[Period], found: Judgement) -> None:
    last: _Place | None = None
    unproven: list[Picture] = []
    shown_us = -1
    for number, (picture, place) in enumerate(zip(pictures, placed, strict=True)):
        if picture.at_us <= shown_us:
            found.faults[number] = MISPLACED
        shown_us = max(shown_us, picture.at_us)
        if place is None:
            found.faults[number] = UNSIGNED
            unproven.append(picture)
            continue
        if last is not None:
            problem = _step(last, place, periods)
            if problem:
                found.faults[number] = problem
            if problem == MISPLACED:
                continue
            hole = _hole(last, place, periods, unproven, picture)
            if hole is not None:
                found.holes.append(Hole(number, *hole))
        last = _Place(place.period, place.index + len(picture.slices) - 1)
        unproven = []


def _step(last: _Place, place: _Place, periods: list[Period]) -> str:
    """What is wrong with a picture at ``place`` behind one that ended at ``last``; empty if nothing."""
    if last.period == place.period:
        return "" if place.index > last.index else MISPLACED
    before, now = periods[last.period], periods[place.period]
    if now.counter <= before.counter:
        return JOINED if now.link == _ALL_ZERO else MISPLACED
    if now.counter == before.counter + 1 and now.link != before.hashes[0]:
        return JOINED
    return ""


def _hole(
    last: _Place, place: _Place, periods: list[Period], unproven: list[Picture], picture: Picture
) -> tuple[int, int] | None:
    """Frames that are missing between, and how long they lasted; None if nothing is. Unproven pictures between stand for as many."""
    before, now = periods[last.period], periods[place.period]
    if now.counter < before.counter:
        return None
    there = sum(len(one.slices) for one in unproven)
    if last.period == place.period:
        slices = place.index - last.index - 1
    else:
        between = [period for period in periods if before.counter < period.counter < now.counter]
        slices = len(before.hashes) - 1 - last.index + place.index + sum(len(period.hashes) for period in between)
        if now.counter - before.counter - 1 > len(between):
            missing_us = (now.start_ms - before.end_ms) * 1000 - sum(one.lasts_us for one in unproven)
            return (0, missing_us) if missing_us > _LEAST_HOLE_US else None if unproven else (0, 1)
    frames = max(0, slices - there) // len(picture.slices)
    return (frames, frames * picture.lasts_us) if frames else None


def _retimed(pictures: list[Picture], placed: list[_Place | None], periods: list[Period]) -> bool:
    """Whether the container shows the pictures at another speed than their signatures tell. One step of the badge's clock does not."""
    ratios = []
    for number, (picture, place) in enumerate(zip(pictures, placed, strict=True)):
        if place is None or place.index:
            continue
        period = periods[place.period]
        end = number + len(period.hashes) // len(picture.slices) - 1
        if end < len(pictures) and period.end_ms > period.start_ms:
            shown = pictures[end].at_us + pictures[end].lasts_us - picture.at_us
            ratios.append(shown / 1000 / (period.end_ms - period.start_ms))
    return len(ratios) >= _PERIODS_FOR_SPEED and not _SPEEDS[0] <= median(ratios) <= _SPEEDS[1]
