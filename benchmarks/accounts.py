"""The accounts of a torture run: what agents promised, line by line of their traces, against what consumers got. Pure.

An event is *accepted* once its agent said ``kept`` (after fdatasync), or, if it is an alarm, ``published``. The journal counts positions
over all lives of a device; a boot's first event names the last one kept before, so each position leads back to a (boot, seq).
A press is *owed* if it began after the agent had its pins and was let go before the agent was killed.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Name = tuple[str, int, int]
"""(device, boot, seq)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Life:
    """One life of one agent, from start to kill.

    Args:
        device: whose.
        sealed: (boot, seq, type), in order.
        published: (boot, seq) handed to a connection.
        kept: the highest journal position said to be kept, 0 if none.
        bound_ns: when it had its pins and had set its outputs, None if it never got so far.
        killed_ns: when it was killed, CLOCK_MONOTONIC.
        presses: (touched, let go) of the button in this life, CLOCK_MONOTONIC ns, in order.
    """

    device: str
    sealed: tuple[tuple[int, int, str], ...]
    published: frozenset[tuple[int, int]]
    kept: int
    bound_ns: int | None
    killed_ns: int
    presses: tuple[tuple[int, int], ...] = ()

    @property
    def boot(self) -> int | None:
        """Its boot number, None if it sealed nothing."""
        return self.sealed[0][0] if self.sealed else None

    @property
    def owed(self) -> list[int]:
        """When the presses began that it had to tell, ns."""
        bound_ns = self.bound_ns
        if bound_ns is None:
            return []
        return [down for down, up in self.presses if bound_ns <= down and up <= self.killed_ns]


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """One event as the center handed it on. ``data`` as in its CloudEvent."""

    device: str
    boot: int
    seq: int
    type: str
    identifier: str
    data: Mapping[str, Any]

    @property
    def name(self) -> Name:
        """What names it for ever."""
        return self.device, self.boot, self.seq


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What became of it all. ``lost`` are accepted events that nobody got, ``unheard`` are owed presses that no event told."""

    accepted: int
    kept: int
    published_only: int
    lost: tuple[Name, ...]
    lost_published_only: tuple[Name, ...]
    duplicates: int
    presses_owed: int
    unheard: tuple[str, ...]


def life_of(
    device: str, stages: Iterable[Mapping[str, Any]], killed_ns: int, presses: Sequence[tuple[int, int]] = ()
) -> Life:
    """A life out of an agent's trace."""
    sealed: list[tuple[int, int, str]] = []
    published: set[tuple[int, int]] = set()
    kept = 0
    bound_ns: int | None = None
    for told in stages:
        stage = told["stage"]
        if stage == "sealed":
            sealed.append((told["boot"], told["seq"], told["type"]))
        elif stage == "published":
            published.add((told["boot"], told["seq"]))
        elif stage == "kept":
            kept = max(kept, told["position"])
        elif stage in ("input", "output") and bound_ns is None:
            bound_ns = told["mono_ns"]
    return Life(device, tuple(sealed), frozenset(published), kept, bound_ns, killed_ns, tuple(presses))


def judge(lives: Sequence[Life], verified: Sequence[Verified]) -> Verdict:
    """The accounts closed.

    Args:
        lives: of all devices, each device's in order.
        verified: what a consumer got.

    Raises:
        ValueError: an agent named a position that none of its events can have.
    """
    got = {one.name for one in verified}
    firsts = {(one.device, one.boot): one.data.get("last") for one in verified if one.seq == 1}
    kept: set[Name] = set()
    published: set[Name] = set()
    for life in lives:
        kept |= _kept(life, firsts)
        published |= {
            (life.device, boot, seq)
            for boot, seq, kind in life.sealed
            if (boot, seq) in life.published and kind.startswith("alarm.")
        }
    owed = 0
    unheard: list[str] = []
    told = _told(verified)
    for life in lives:
        missing = len(life.owed) - told.get((life.device, life.boot or 0), 0)
        owed += len(life.owed)
        if missing > 0:
            unheard += [_of_press(life)] * missing
    return Verdict(
        len(kept | published),
        len(kept),
        len(published - kept),
        tuple(sorted((kept | published) - got)),
        tuple(sorted(published - kept - got)),
        sum(count - 1 for count in Counter(one.name for one in verified).values()),
        owed,
        tuple(unheard),
    )


def _of_press(life: Life) -> str:
    """What is known of the last press that a life did not tell: whose, how long before the kill it began, and whether it was sealed."""
    before_ms = (life.killed_ns - life.owed[-1]) // 1_000_000
    alarms = sum(kind.startswith("alarm.") for _, _, kind in life.sealed)
    return f"{life.device}:{life.boot} began {before_ms} ms before the kill, {alarms} of {len(life.owed)} sealed"


def _kept(life: Life, firsts: Mapping[tuple[str, int], Any]) -> set[Name]:
    """The events of a life that it said were kept."""
    if not life.kept or life.boot is None:
        return set()
    before = _position_before(life.device, life.boot, firsts)
    if before is None:  # its first event is kept, since everything is kept in order, and nobody got it
        return {(life.device, life.boot, 1)}
    if not before < life.kept <= before + len(life.sealed):
        raise ValueError(
            f"{life.device}, boot {life.boot}: position {life.kept} is none of {len(life.sealed)} events after {before}"
        )
    return {(life.device, boot, seq) for boot, seq, _ in life.sealed if before + seq <= life.kept}


def _position_before(device: str, boot: int, firsts: Mapping[tuple[str, int], Any]) -> int | None:
    """The journal's position of the last event kept before ``boot``, None if the chain of first events is not all there."""
    position = 0
    while True:
        if (device, boot) not in firsts:
            return None
        last = firsts[device, boot]
        if last is None:
            return position
        boot = last[0]
        position += last[1]


def _told(verified: Sequence[Verified]) -> dict[tuple[str, int], int]:
    """How many presses each (device, boot) told of. An alarm adopted from an earlier boot begins to count at one that is not a press."""
    told: Counter[tuple[str, int]] = Counter()
    highest: dict[tuple[str, int, int, int], int] = {}
    for one in {one.name: one for one in verified}.values():
        if one.type == "alarm.raised":
            told[one.device, one.boot] += 1
        elif one.type == "alarm.escalated":
            alarm = one.data["alarm"]
            name = (one.device, one.boot, alarm[0], alarm[1])
            highest[name] = max(highest.get(name, 1), one.data["count"])
    for (device, boot, _, _), count in highest.items():
        told[device, boot] += count - 1
    return dict(told)
