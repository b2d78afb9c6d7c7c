"""Vehicles: they follow each other, and give way or do not. Pure; metres and seconds.

Driving is the intelligent driver model (Treiber, Hennecke, Helbing 2000) with its usual figures for a town; who means to give way treats
the line before the crossing as a vehicle that stands. How many mean to: with a rapid-flashing beacon lit FHWA's studies found 72 to 96 of
100, without one 5 to 40; here 85 and 25.
"""

import dataclasses
import math

STOPS_BEFORE_M = 3.0
COMFORT_M_S2 = 3.0
YIELDS_LIT, YIELDS_DARK = 0.85, 0.25
LANE_M = 1.75
"""From a kerb to the middle of its lane."""
WIDTH_M = 1.9
FROM_M, UNTIL_M = 120.0, -40.0
"""Way to go to the crossing at which a vehicle appears, and is gone."""
ACCELERATES_M_S2, BRAKES_M_S2 = 1.5, 2.0
HEADWAY_S, GAP_M = 1.4, 2.0


@dataclasses.dataclass(slots=True)
class Vehicle:
    """One of them. ``lane`` 0 is the near one, in which vehicles go towards greater x; ``to_go_m`` is its front's way to the crossing."""

    number: int
    lane: int
    length_m: float
    wants_m_s: float
    speed_m_s: float
    mood: float
    """0 to 1: it gives way where so many do."""
    to_go_m: float = FROM_M
    gives_way: bool = False

    @property
    def x_m(self) -> float:
        """Its front on the road."""
        return -self.to_go_m if self.lane == 0 else self.to_go_m

    def y_m(self, length_m: float) -> float:
        """The middle of its lane."""
        return LANE_M if self.lane == 0 else length_m - LANE_M

    def stops_comfortably(self) -> bool:
        """Whether it can still stop before the line without a hard brake."""
        left_m = self.to_go_m - STOPS_BEFORE_M
        return left_m > 0 and self.speed_m_s**2 <= 2 * COMFORT_M_S2 * left_m

    def step(self, dt_s: float, ahead: "Vehicle | None", must_stop: bool, grip_m_s2: float) -> None:
        """Go on, behind the one ahead."""
        free = 1 - (self.speed_m_s / self.wants_m_s) ** 4
        pull = ACCELERATES_M_S2 * free
        if ahead is not None:
            gap_m = self.to_go_m - ahead.to_go_m - ahead.length_m
            pull = min(pull, self._pull(free, gap_m, ahead.speed_m_s))
        if must_stop and self.to_go_m > 0:
            pull = min(pull, self._pull(free, self.to_go_m - STOPS_BEFORE_M + GAP_M, 0.0))
        before = self.speed_m_s
        self.speed_m_s = max(0.0, before + max(-grip_m_s2, pull) * dt_s)
        self.to_go_m -= (before + self.speed_m_s) / 2 * dt_s

    def _pull(self, free: float, gap_m: float, other_m_s: float) -> float:
        closing = self.speed_m_s * (self.speed_m_s - other_m_s) / (2 * math.sqrt(ACCELERATES_M_S2 * BRAKES_M_S2))
        wanted_m = GAP_M + max(0.0, self.speed_m_s * HEADWAY_S + closing)
        return ACCELERATES_M_S2 * (free - (wanted_m / max(gap_m, 0.1)) ** 2)
