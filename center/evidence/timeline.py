"""Verdicts over time: spans of a recording that are proven, altered or missing, and what that makes of each second."""

from collections.abc import Iterable
from dataclasses import dataclass, field

PROVEN = "proven"
ALTERED = "altered"
MISSING = "missing"
_WEIGHT = {PROVEN: 0, MISSING: 1, ALTERED: 2}
SECOND_US = 1_000_000
MAX_SECONDS = 1_000_000
"""Of one recording: eleven days."""
MAX_REASONS = 8
"""Told of one second."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begin_us`` to ``end_us`` after the recording's begin. ``pictures_only`` says that a proof covers the pictures alone,
    not the sound, the times, the picture's size and the position.
    """

    begin_us: int
    end_us: int
    verdict: str
    why: str = ""
    pictures_only: bool = False


@dataclass(slots=True)
class Second:
    """One second, or the part of one at the end: its worst verdict, and why."""

    number: int
    lasts_us: int
    verdict: str = PROVEN
    pictures_only: bool = False
    why: list[str] = field(default_factory=list)


def seconds(spans: Iterable[Span]) -> list[Second]:
    """What the spans make of each second, from 0 to the end of the last. What no span tells of is missing."""
    told = sorted(spans, key=lambda span: (span.begin_us, span.end_us))
    end = min(max((span.end_us for span in told), default=0), MAX_SECONDS * SECOND_US)
    cells = [
        Second(number, min(SECOND_US, end - number * SECOND_US)) for number in range((end + SECOND_US - 1) // SECOND_US)
    ]
    covered = [0] * len(cells)
    reached = 0
    for span in told:
        first = min(max(span.begin_us, 0) // SECOND_US, max(len(cells) - 1, 0))
        last = max(first, (min(span.end_us, end) - 1) // SECOND_US)
        for cell in cells[first : last + 1]:
            _put(cell, span)
        begin = max(span.begin_us, reached)
        for number in range(begin // SECOND_US, last + 1):
            low = max(begin, number * SECOND_US)
            covered[number] += max(0, min(span.end_us, end, (number + 1) * SECOND_US) - low)
        reached = max(reached, span.end_us)
    for cell, length in zip(cells, covered, strict=True):
        if length < cell.lasts_us:
            _put(cell, Span(0, 0, MISSING, "nothing is there"))
    return cells


def total_s(cells: Iterable[Second], verdict: str) -> float:
    """Seconds of a verdict, the last one by its true length."""
    return round(sum(cell.lasts_us for cell in cells if cell.verdict == verdict) / SECOND_US, 3)


def _put(cell: Second, span: Span) -> None:
    if _WEIGHT[span.verdict] > _WEIGHT[cell.verdict]:
        cell.verdict = span.verdict
    cell.pictures_only |= span.pictures_only
    if span.why and span.why not in cell.why and len(cell.why) < MAX_REASONS:
        cell.why.append(span.why)
