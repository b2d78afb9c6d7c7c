"""Verdicts over time: spans of a recording that are proven, altered or missing, and what that makes of each second."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PROVEN = "proven"
ALTERED = "altered"
MISSING = "missing"
SECOND_US = 1_000_000
MAX_SECONDS = 1_000_000
"""Of one recording: eleven days."""
MAX_REASONS = 8
"""Told of one second."""
HOLE_US = 500_000
"""Longer than this without a picture, and something may have happened that nobody recorded."""
UNTAKEN = "pictures were not taken"
_WEIGHT = {PROVEN: 0, MISSING: 1, ALTERED: 2}
_SLACK_US = 2000
"""What rounding may leave between two spans."""


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


@dataclass(slots=True)
class Verdict:
    """On one recording, or one clip. ``ended`` is None where no end can be signed (a clip). ``opened`` says that it was looked into,
    ``receipted`` for how many segments there is a center's receipt.
    """

    name: str
    device: str = ""
    begin_ms: int = 0
    ended: bool | None = None
    opened: bool = False
    receipted: int = 0
    seconds: list[Second] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        """Whether all of it is proven, and nothing can be missing at its end."""
        return (
            bool(self.seconds) and self.ended is not False and all(second.verdict == PROVEN for second in self.seconds)
        )

    def note(self, text: str) -> None:
        """Tell it once."""
        if text and text not in self.notes:
            self.notes.append(text)

    def total_s(self, verdict: str) -> float:
        """How many seconds have this verdict, the last one by its true length."""
        return round(sum(one.lasts_us for one in self.seconds if one.verdict == verdict) / SECOND_US, 3)


def untaken(pictures: Iterable[tuple[int, int]], usual_us: int) -> Iterator[Span]:
    """Where the camera delivered nothing: nobody took pictures away, there never were any. Of each picture when it is shown and for how
    long. A hole of more than ``HOLE_US`` is missing; a shorter one is told.
    """
    for begin, lasts in pictures:
        if lasts > usual_us * 3 // 2:
            yield Span(begin + usual_us, begin + lasts, MISSING if lasts - usual_us > HOLE_US else PROVEN, UNTAKEN)


def seconds(spans: Iterable[Span]) -> list[Second]:
    """What the spans make of each second, from 0 to the end of the last. What no span tells of is missing."""
    told = sorted(spans, key=lambda span: (span.begin_us, span.end_us))
    end = min(max((span.end_us for span in told), default=0), MAX_SECONDS * SECOND_US)
    count = (end + SECOND_US - 1) // SECOND_US
    cells = [Second(number, min(SECOND_US, end - number * SECOND_US)) for number in range(count)]
    covered = [0] * count
    reached = 0
    for span in told:
        begin, finish = max(span.begin_us, 0), min(span.end_us, end)
        slack = min(_SLACK_US, (finish - begin) // 2)
        for number in range(begin // SECOND_US, (finish + SECOND_US - 1) // SECOND_US):
            low, high = number * SECOND_US, (number + 1) * SECOND_US
            if begin + slack < high and finish - slack >= low:
                _put(cells[number], span)
            covered[number] += max(0, min(finish, high) - max(begin, reached, low))
        reached = max(reached, finish)
    for cell, length in zip(cells, covered, strict=True):
        if length < cell.lasts_us - _SLACK_US:
            _put(cell, Span(0, 0, MISSING, "nothing is there"))
    return cells


def _put(cell: Second, span: Span) -> None:
    if _WEIGHT[span.verdict] > _WEIGHT[cell.verdict]:
        cell.verdict = span.verdict
    cell.pictures_only |= span.pictures_only
    if span.why and span.why not in cell.why and len(cell.why) < MAX_REASONS:
        cell.why.append(span.why)
