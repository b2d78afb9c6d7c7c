"""Vehicles that did not give way: faster than allowed all through the last stretch before the crossing while a pedestrian was there.

A Doppler radar gives the speed of the strongest thing that comes and no place. The place follows from the speeds: an approach ends at the
crossing, where the vehicle leaves the beam, so going back from there each reading adds its way. What is told is *indicative*: two
vehicles in close file are one approach, and a radar is no calibrated instrument. No picture, no plate, no identity.

It observes only what it can vouch for. The pedestrian is at a kerb, as far as a tracker is there to say so: the sensors see for some
seconds more who has crossed and walks away. A vehicle that was ever at or below the limit in the zone gave way; one that was in the
zone before the pedestrian can have come, or when he went, is not told; one that stops fades out of the radar before the crossing, with a
last speed below the limit; one that a stronger echo, of a vehicle that goes away, hides from the radar was lost and not at the crossing;
and one of which less than the zone was seen may have been slow before.
"""

import dataclasses
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

GAP_MS = 600
"""Silence that ends an approach: six readings of the radar."""
READINGS_MIN = 3
"""Fewer are clutter."""
READINGS_MAX = 256
"""An approach at 10 km/h from 100 m takes 36 s; of a longer one only the end matters."""


DETECTING_MS = 1000
"""From somebody's coming to his being detected at the kerb: the tracker follows after 0.3 s, and decides alone in 0.9 s."""
KERB_MM = 2000
"""The part of the watched area that is nearest to the road: who wants to cross stands there."""
STANDS_MS = 5000
"""A tracker loses who stands still; so long he is taken to be where he was seen last."""


class Kerb:
    """Whether somebody is at the kerb. ``settings`` are completed ones; without a tracker nobody can say, and whoever is there counts."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._from_mm = settings["watch_right_mm"] - KERB_MM
        self._until_ms: int | None = None if settings["tracker_port"] else sys.maxsize

    def look(self, places_mm: Sequence[int], now_ms: int) -> None:
        """Take how far to the right the tracker sees people in the watched area."""
        if places_mm:
            self._until_ms = now_ms + STANDS_MS if max(places_mm) >= self._from_mm else None

    def occupied(self, now_ms: int) -> bool:
        """Whether somebody is there."""
        return self._until_ms is not None and now_ms < self._until_ms


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One reading of a coming vehicle, and what was so at that moment."""

    at_ms: int
    mm_s: int
    pedestrian: bool
    lit: bool
    magnitude: int


@dataclasses.dataclass(frozen=True, slots=True)
class Approach:
    """An approach that is over: its top speed, and what ``violation.observed`` says if it was one."""

    top_mm_s: int
    violation: dict[str, object] | None


class NonYield:
    """The approaches of one road lane. ``settings`` are completed ones."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._limit_mm_s = settings["nonyield_mm_s"]
        self._zone_mm = settings["zone_mm"]
        self._looks: deque[Look] = deque(maxlen=READINGS_MAX)
        self._hidden = False

    @property
    def due_at_ms(self) -> int | None:
        """When the present approach is over, if nothing more comes."""
        return self._looks[-1].at_ms + GAP_MS if self._looks else None

    def look(self, mm_s: int, pedestrian: bool, lit: bool, now_ms: int, magnitude: int = 0) -> Approach | None:
        """Take speed and echo of a coming vehicle; returns the approach before it, if that is over."""
        over = self.tick(now_ms)
        self._looks.append(Look(now_ms, mm_s, pedestrian, lit, magnitude))
        self._hidden = False
        return over

    def away(self, magnitude: int) -> None:
        """Take the echo of a vehicle that goes away: the radar shows the strongest one only."""
        if self._looks and (magnitude == 0 or magnitude >= self._looks[-1].magnitude):
            self._hidden = True

    def tick(self, now_ms: int) -> Approach | None:
        """The approach that is over by now."""
        due_ms = self.due_at_ms
        if due_ms is None or now_ms < due_ms:
            return None
        looks = list(self._looks)
        self._looks.clear()
        if len(looks) < READINGS_MIN or self._hidden:
            return None
        zone = self._in_zone(looks)
        violation = None
        if zone and _somebody_was_there(zone) and all(look.mm_s > self._limit_mm_s for look in zone):
            violation = self._told(zone, now_ms)
        return Approach(max(look.mm_s for look in looks), violation)

    def _in_zone(self, looks: list[Look]) -> list[Look]:
        """The readings in the zone, none if it was not seen as a whole."""
        way_um = 0
        first = len(looks) - 1
        while first > 0 and way_um < self._zone_mm * 1000:
            before, after = looks[first - 1], looks[first]
            way_um += (before.mm_s + after.mm_s) * (after.at_ms - before.at_ms) // 2
            first -= 1
        return looks[first:] if way_um >= self._zone_mm * 1000 else []

    def _told(self, zone: list[Look], now_ms: int) -> dict[str, object]:
        lit = {look.lit for look in zone}
        return {
            "entry_age_ms": now_ms - zone[0].at_ms,
            "exit_age_ms": now_ms - zone[-1].at_ms,
            "entry_mm_s": zone[0].mm_s,
            "exit_mm_s": zone[-1].mm_s,
            "top_mm_s": max(look.mm_s for look in zone),
            "limit_mm_s": self._limit_mm_s,
            "zone_mm": self._zone_mm,
            "beacon": "changing" if len(lit) > 1 else "flashing" if lit == {True} else "dark",
            "speed": "indicative",
        }


def _somebody_was_there(zone: list[Look]) -> bool:
    """All the while; who is detected has been there for some time."""
    detected_ms: int | None = None
    for look in reversed(zone):
        if look.pedestrian:
            detected_ms = look.at_ms
        elif detected_ms is None or detected_ms - look.at_ms > DETECTING_MS:
            return False
    return True
