"""A passive infrared sensor over the pad: warmth that moves across its zones, and everything else that looks like it. Pure.

Its signal is the difference between a surface and what is behind it, times how fast it crosses the zones; who stands still is not there
for it. A curtain lens keeps it to the pad: with a wide one every passer-by on the pavement holds it closed. The output stays closed for two
seconds after the last movement, the shortest setting of common modules.
"""

import math
import random

from simulators.street.place import Outlook

LOOK_MS = 50
HOLD_MS = 2000
REACH_M = 5.0
CURTAIN = (math.radians(-38), math.radians(5))
"""Its field, from the pavement's side to the road's, beside the line along the kerb."""
SEEN_AT = 0.9
"""Triggers a second per kelvin of contrast and metre per second, for somebody near."""
STIR_M_S = 0.25


class Pir:
    """One sensor. ``blind`` and ``haunted`` as in ``simulators.street.tracker``."""

    def __init__(self, outlook: Outlook, seed: str) -> None:
        self.blind = False
        self.haunted = False
        self.due_ms = float(LOOK_MS)
        self._outlook = outlook
        self._random = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self._until_ms = 0.0

    def look(self, now_ms: float) -> bool:
        """Whether its output says somebody, once ``due_ms`` is reached."""
        self.due_ms = now_ms + LOOK_MS
        rate = 0.0 if self.blind else self._rate(now_ms)
        if self.haunted or self._random.random() < -math.expm1(-rate * LOOK_MS / 1000):
            self._until_ms = now_ms + HOLD_MS
        return now_ms < self._until_ms

    def _rate(self, now_ms: float) -> float:
        """Triggers a second."""
        weather = self._outlook.world.weather
        rate = weather.pir_gusts / 60
        for one, across, ahead in self._outlook.people(REACH_M):
            if CURTAIN[0] <= math.atan2(across, ahead) <= CURTAIN[1]:
                moves = one.speed if one.speed > 0.1 else STIR_M_S * one.stirs(now_ms / 1000)
                rate += SEEN_AT * weather.contrast_c * moves / max(1.0, math.hypot(across, ahead) / 3)
        return rate
