"""A passive infrared sensor over the pad: warmth that moves across its zones, and everything else that looks like it. Pure.

Its signal is the difference between a surface and what is behind it, times how fast it crosses the zones; who stands still is not there
for it. Its lens is masked towards the road, which keeps most of the vehicles out, not their warm engines in the cold. The output stays
closed for two seconds after the last movement, the shortest setting of common modules.
"""

import math
import random

from simulators.street.place import Outlook

LOOK_MS = 50
HOLD_MS = 2000
REACH_M = 7.0
SEEN_AT = 0.9
"""Triggers a second per kelvin of contrast and metre per second, for somebody near."""
STIR_M_S = 0.25
MASKED_FROM_M = 0.6
"""Beyond the kerb, on the road, the lens is masked."""
VEHICLE = 0.04
"""Triggers a second of a vehicle in view through the mask, per kelvin between an engine's warmth and the air."""
ENGINE_C = 35.0


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
            moves = one.speed if one.speed > 0.1 else STIR_M_S * one.stirs(now_ms / 1000)
            if across < MASKED_FROM_M:
                rate += SEEN_AT * weather.contrast_c * moves / max(1.0, math.hypot(across, ahead) / 3)
        for vehicle, _across, _ahead in self._outlook.vehicles(REACH_M):
            if vehicle.speed_m_s > 0.3:
                rate += VEHICLE * max(0.0, ENGINE_C - weather.air_c) / 10
        return rate
