"""What really happened at the crossing, and what the controller's calls were worth beside it. Pure.

*There* is who stands on a watched pad or walks on the road. A detection's call is

* **false** if nobody was there from two seconds before it, the time that the sensors hold what they saw, to one second after it: who is
  about to step on the pad is seen a little before;
* **needless** if somebody was there, but nobody who meant to cross: who cuts a corner, lingers, or has just come over. Told apart.

Somebody who crosses *asks* if the beacon was dark when he came to the pad. Such a one is

* **missed** if it is still dark one second after he stepped on the road (a call counts as good if it is less than a second late: the Oregon
  study);
* **late** if it was dark when he stepped on the road, and lit within that second.

*Stranded*: the beacon went dark while somebody walked on the road. A **violation** is a vehicle of the near lane that drove all of the zone
faster than the limit while somebody who meant to cross was there, on either side. A report of one is *false* if nobody was there.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.street.people import Pedestrian, Phase, Wish
from simulators.street.world import World

HOLDS_MS = 2000
SOON_MS = 1000
GOOD_MS = 1000
EARLY_MS, LOST_MS = 500, 2000
"""From a radar's last sight of a vehicle to its being at the crossing, before and after."""


@dataclasses.dataclass(slots=True)
class Crosser:
    """Somebody who went over the road. Times None: not yet."""

    number: int
    kind: str
    side: int
    came_ms: int
    stepped_ms: int | None = None
    over_ms: int | None = None


@dataclasses.dataclass(slots=True)
class Truth:
    """What happened. Intervals are (from, until) and do not overlap."""

    crossers: list[Crosser] = dataclasses.field(default_factory=list)
    there: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    meaning: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    violations: list[int] = dataclasses.field(default_factory=list)
    """When each such vehicle was at the crossing."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Truth":
        """From ``plain``."""
        return cls(
            [Crosser(**one) for one in plain["crossers"]],
            [(begin, end) for begin, end in plain["there"]],
            [(begin, end) for begin, end in plain["meaning"]],
            list(plain["violations"]),
        )


@dataclasses.dataclass(slots=True)
class Call:
    """An activation. ``until_ms`` None: still lit."""

    by: str
    at_ms: int
    until_ms: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """What reports of vehicles that did not give way were worth: reported of the true ones; reported in all; those with nobody there."""

    true: int
    found: int
    reported: int
    false: int

    def __add__(self, other: "Observed") -> "Observed":
        return Observed(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the calls were worth."""

    pedestrians: int
    asked: int
    missed: int
    late: int
    stranded: int
    calls: int
    false_calls: int
    needless: int
    waits_ms: tuple[int, ...]
    """From coming to the pad to light, of those who asked and were not missed."""

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Witness:
    """Watches a world. ``sides`` are those whose pads are watched; speeds in mm/s and distances in mm as the settings have them."""

    def __init__(self, sides: Sequence[int], limit_mm_s: int, zone_mm: int) -> None:
        self.truth = Truth()
        self._sides = sides
        self._limit_m_s = limit_mm_s / 1000
        self._zone_m = zone_mm / 1000
        self._crossers: dict[int, Crosser] = {}
        self._in_zone: dict[int, bool] = {}

    def look(self, world: World) -> None:
        """Take the world as it is now."""
        now_ms = world.now_ms
        there = meaning = False
        for one in world.pedestrians:
            on_road = one.on_road(world.length_m)
            if not on_road and not (one.on_pad(world.length_m) and self._side_of(one, world) in self._sides):
                continue
            there = True
            coming = one.wish == Wish.CROSS and one.phase in (Phase.COMING, Phase.WAITING)
            meaning = meaning or coming or on_road
            if one.wish == Wish.CROSS and one.side in self._sides:
                self._follow(one, on_road, now_ms)
        if there:
            _extend(self.truth.there, now_ms)
        if meaning:
            _extend(self.truth.meaning, now_ms)
        self._vehicles(world, meaning)

    def _follow(self, one: Pedestrian, on_road: bool, now_ms: int) -> None:
        crosser = self._crossers.get(one.number)
        if crosser is None:
            crosser = self._crossers[one.number] = Crosser(one.number, one.kind, one.side, now_ms)
            self.truth.crossers.append(crosser)
        if on_road:
            crosser.stepped_ms = crosser.stepped_ms or now_ms
            crosser.over_ms = now_ms

    def _vehicles(self, world: World, meaning: bool) -> None:
        for vehicle in world.vehicles:
            if vehicle.lane or vehicle.to_go_m > self._zone_m:
                continue
            fast = self._in_zone.get(vehicle.number, True)
            if vehicle.to_go_m > 0:
                self._in_zone[vehicle.number] = fast and meaning and vehicle.speed_m_s > self._limit_m_s
            elif self._in_zone.pop(vehicle.number, False):
                self.truth.violations.append(world.now_ms)
                self._in_zone[vehicle.number] = False
            else:
                self._in_zone[vehicle.number] = False

    @staticmethod
    def _side_of(one: Pedestrian, world: World) -> int:
        return -1 if one.y_m <= world.length_m / 2 else 1


def judge(truth: Truth, calls: Sequence[Call]) -> Verdict:
    """What the calls were worth."""
    crossed = [one for one in truth.crossers if one.stepped_ms is not None]
    asked = missed = late = stranded = 0
    waits = []
    for one in crossed:
        stepped_ms, over_ms = one.stepped_ms, one.over_ms
        assert stepped_ms is not None
        assert over_ms is not None
        stranded += any(call.until_ms is not None and stepped_ms <= call.until_ms < over_ms for call in calls)
        if _lit(calls, one.came_ms):
            continue
        asked += 1
        if not _lit(calls, stepped_ms + GOOD_MS):
            missed += 1
            continue
        late += not _lit(calls, stepped_ms)
        first = min((call.at_ms for call in calls if call.at_ms >= one.came_ms), default=one.came_ms)
        waits.append(first - one.came_ms)
    detections = [call for call in calls if call.by == "detection"]
    false = [call for call in detections if not _near(truth.there, call.at_ms)]
    needed = [call for call in detections if _near(truth.meaning, call.at_ms)]
    needless = len(detections) - len(false) - len(needed)
    return Verdict(
        len(crossed), asked, missed, late, stranded, len(detections), len(false), needless, tuple(sorted(waits))
    )


def observed(truth: Truth, reports: Sequence[tuple[int, int]]) -> Observed:
    """What reports, (when it entered the zone, when it left it), were worth. A radar loses a vehicle some metres before the crossing."""
    left = list(reports)
    found = 0
    for at_ms in truth.violations:
        right = [one for one in left if one[1] - EARLY_MS <= at_ms <= one[1] + LOST_MS]
        if right:
            left.remove(right[0])
            found += 1
    false = [one for one in reports if not any(begin <= one[1] and one[0] <= end for begin, end in truth.there)]
    return Observed(len(truth.violations), found, len(reports), len(false))


def _lit(calls: Sequence[Call], at_ms: int) -> bool:
    return any(call.at_ms <= at_ms and (call.until_ms is None or at_ms < call.until_ms) for call in calls)


def _near(intervals: Sequence[tuple[int, int]], at_ms: int) -> bool:
    return any(begin <= at_ms + SOON_MS and at_ms - HOLDS_MS <= end for begin, end in intervals)


def _extend(intervals: list[tuple[int, int]], now_ms: int) -> None:
    if intervals and now_ms - intervals[-1][1] <= 100:
        intervals[-1] = (intervals[-1][0], now_ms)
    else:
        intervals.append((now_ms, now_ms))
