"""Continuity: what the stored events of one device prove about its chain. Pure; order and repetition of deliveries change nothing.

Within a boot, numbers run 1, 2, 3 … and each event carries the link of the one before. The first event of a boot names the last event
that the device still knew. What the center holds of an older boot beyond that is the *unkept tail*: signed and valid. Numbers that a
``journal.gap`` declares are *declared*, and a late fill is welcome. The same (boot, seq) with two payloads is never innocent: a fork.
Volatile boots (from 2**31 on) have no order among boots.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.wire.chain import VOLATILE, ZERO
from agent.wire.event import Event
from agent.wire.fields import UINT32

BOOTED = "device.booted"
RESET = "device.reset"
GAP = "journal.gap"
MAX_GAPS = 1_000
"""Ranges in one ``journal.gap`` at most."""

Range = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True, slots=True)
class Last:
    """What a first event of a boot says about the boot before: the last event that the device kept."""

    boot: int
    seq: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """What a ``journal.gap`` declares: numbers ``first`` to ``last`` of ``boot`` were given up; ``link`` is the last one's."""

    boot: int
    first: int
    last: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What continuity needs of one stored event."""

    boot: int
    seq: int
    link: bytes
    prev: bytes
    type: str
    last: Last | None = None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class BootVerdict:
    """One boot.

    ``present``, ``missing`` (expected, neither there nor declared), ``declared`` (given up by the device, and not there) are ranges.
    ``unkept`` are present numbers beyond what the device kept, ``forgotten`` absent ones among them: they will never come.
    ``breaks`` are numbers whose ``prev`` contradicts the event before, ``forks`` numbers with more than one payload.
    ``linked``: True if the boot's first event continues a stored event, or starts a chain as it may (reset, volatile, the very first);
    False if it contradicts what is stored; None while what it continues from is not stored.
    """

    boot: int
    present: tuple[Range, ...]
    missing: tuple[Range, ...]
    declared: tuple[Range, ...]
    unkept: tuple[Range, ...]
    forgotten: tuple[Range, ...]
    breaks: tuple[int, ...]
    forks: tuple[int, ...]
    linked: bool | None

    @property
    def whole(self) -> bool:
        """True if nothing is missing, broken, forked or unlinked."""
        return not self.missing and not self.breaks and not self.forks and self.linked is True


@dataclass(frozen=True, slots=True)
class Verdict:
    """A device's chain. ``boots`` in ascending order; ``absent`` are boots that are named by a later one and of which nothing is there."""

    boots: tuple[BootVerdict, ...]
    absent: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """True if every event that the device kept is there, unaltered and in its place."""
        return not self.absent and all(boot.whole for boot in self.boots)

    @property
    def broken(self) -> bool:
        """True if something contradicts (not merely: is missing)."""
        return any(boot.forks or boot.breaks or boot.linked is False for boot in self.boots)


def entry_of(event: Event, own_link: bytes) -> Entry:
    """What continuity needs of ``event``. Data that does not follow its schema declares nothing."""
    last = _last(event.data.get("last")) if event.seq == 1 and event.type in (BOOTED, RESET) else None
    return Entry(event.boot, event.seq, own_link, event.prev, event.type, last, declared_gaps(event))


def declared_gaps(event: Event) -> tuple[Gap, ...]:
    """The gaps that a ``journal.gap`` event declares, ``{ranges: [[boot, first, last, link], …]}``. Anything else declares nothing."""
    listed = event.data.get("ranges") if event.type == GAP else None
    if not isinstance(listed, list) or len(listed) > MAX_GAPS:
        return ()
    return tuple(gap for gap in (_gap(item) for item in listed) if gap is not None)


def examine(entries: Iterable[Entry]) -> Verdict:
    """The verdict over all stored events of one device, in any order, repeated or not."""
    boots: dict[int, dict[int, dict[bytes, Entry]]] = {}
    gaps: dict[int, dict[Range, Gap]] = {}
    for entry in entries:
        boots.setdefault(entry.boot, {}).setdefault(entry.seq, {})[entry.link] = entry
        for gap in entry.gaps:
            gaps.setdefault(gap.boot, {})[gap.first, gap.last] = gap
    kept: dict[int, int] = {}
    for events in boots.values():
        for first in events.get(1, {}).values():
            if first.last is not None:
                kept[first.last.boot] = max(first.last.seq, kept.get(first.last.boot, 0))
    earliest = min((boot for boot in boots if boot < VOLATILE), default=0)
    verdicts = tuple(
        _boot(boot, events, list(gaps.get(boot, {}).values()), kept.get(boot), boots, boot == earliest)
        for boot, events in sorted(boots.items())
    )
    return Verdict(verdicts, tuple(sorted(boot for boot in kept if boot not in boots)))


def ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """``numbers`` as ascending ranges without overlap."""
    out: list[Range] = []
    for number in sorted(numbers):
        if out and number <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(number, out[-1][1]))
        else:
            out.append((number, number))
    return tuple(out)


def is_number(value: object) -> bool:
    """True for what a boot or seq may be: an integer from 1 to 2**32 - 1."""
    return type(value) is int and 1 <= value <= UINT32


def _gap(value: object) -> Gap | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    boot, first, last, follows = value
    if not (is_number(boot) and is_number(first) and is_number(last)) or first > last:
        return None
    if not isinstance(follows, bytes) or len(follows) != len(ZERO):
        return None
    return Gap(boot, first, last, follows)


def _last(value: object) -> Last | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    boot, seq, own = value
    if not (is_number(boot) and is_number(seq)) or not isinstance(own, bytes) or len(own) != len(ZERO):
        return None
    return Last(boot, seq, own)


def _boot(
    boot: int,
    events: dict[int, dict[bytes, Entry]],
    gaps: list[Gap],
    kept: int | None,
    boots: dict[int, dict[int, dict[bytes, Entry]]],
    earliest: bool,
) -> BootVerdict:
    top = max(events)
    holes = _holes(events, top if kept is None else max(kept, top))
    declared: list[Range] = []
    missing: list[Range] = []
    for hole in holes:
        inside, outside = _cut(hole, [(gap.first, gap.last) for gap in gaps])
        declared += inside
        missing += outside
    forgotten: list[Range] = []
    if kept is not None:
        expected: list[Range] = []
        for first, last in missing:
            if first <= kept:
                expected.append((first, min(last, kept)))
            if last > kept:
                forgotten.append((max(first, kept + 1), last))
        missing = expected
    return BootVerdict(
        boot,
        ranges(events),
        tuple(missing),
        tuple(declared),
        ranges(number for number in events if kept is not None and number > kept),
        tuple(forgotten),
        _breaks(events, gaps),
        tuple(sorted(seq for seq, payloads in events.items() if len(payloads) > 1)),
        _linked(events, boots, earliest),
    )


def _holes(events: dict[int, dict[bytes, Entry]], top: int) -> list[Range]:
    """The absent numbers from 1 to ``top``; its cost follows what is there, not the size of a claimed number."""
    holes: list[Range] = []
    after = 1
    for seq in sorted(events):
        if seq > after:
            holes.append((after, seq - 1))
        after = seq + 1
    if after <= top:
        holes.append((after, top))
    return holes


def _cut(hole: Range, covers: list[Range]) -> tuple[list[Range], list[Range]]:
    """``hole`` in the parts that ``covers`` cover, and the others."""
    inside: list[Range] = []
    outside: list[Range] = []
    at = hole[0]
    for first, last in sorted(covers):
        first, last = max(first, at), min(last, hole[1])  # noqa: PLW2901  clipped to what is left of the hole
        if first > last:
            continue
        if first > at:
            outside.append((at, first - 1))
        if inside and inside[-1][1] + 1 == first:
            inside[-1] = (inside[-1][0], last)
        else:
            inside.append((first, last))
        at = last + 1
    if at <= hole[1]:
        outside.append((at, hole[1]))
    return inside, outside


def _breaks(events: dict[int, dict[bytes, Entry]], gaps: list[Gap]) -> tuple[int, ...]:
    """Numbers of which no payload continues any payload of the number before, or what a gap says of it."""
    told: dict[int, set[bytes]] = {}
    for gap in gaps:
        told.setdefault(gap.last, set()).add(gap.link)
    broken = []
    for seq, payloads in events.items():
        before = set(events.get(seq - 1, ())) or told.get(seq - 1, set())
        if seq > 1 and before and all(entry.prev not in before for entry in payloads.values()):
            broken.append(seq)
    return tuple(sorted(broken))


def _linked(
    events: dict[int, dict[bytes, Entry]], boots: dict[int, dict[int, dict[bytes, Entry]]], earliest: bool
) -> bool | None:
    """Whether the first event of a boot continues what is stored; the best of its payloads counts (a fork is told elsewhere)."""
    verdicts = [_first_linked(entry, boots, earliest) for entry in events.get(1, {}).values()]
    if True in verdicts:
        return True
    return False if False in verdicts else None


def _first_linked(entry: Entry, boots: dict[int, dict[int, dict[bytes, Entry]]], earliest: bool) -> bool | None:
    if entry.last is None:
        fresh = entry.type == RESET or earliest or entry.boot >= VOLATILE
        return entry.prev == ZERO if fresh else False
    if entry.prev != entry.last.link:
        return False
    named = boots.get(entry.last.boot, {}).get(entry.last.seq)
    if named is None:
        return None
    return entry.last.link in named
