"""An LD2410 over the pad: somebody moving or still, at which distance, and no direction. Speaks the radar's own frames.

It feels breathing, so those who stand still are not lost. It knows distance and not place: whoever walks by behind the pad, and a vehicle
beside it, is as good as somebody on it, within its reach. Its time until "nobody" is set to a second, from five as it leaves the factory.
"""

import math
import random

from devices.sensors import ld2410
from devices.sensors.readings import Presence
from simulators.street.hilink_unit import CommandEar
from simulators.street.place import Outlook

REPORT_MS = 100
REACH_M = 5.5
HOLD_MS = 1000
STILL_LOOK = 0.6
VEHICLE_LOOK = 0.5


class PresenceRadar:
    """The radar on the near pole. ``blind`` and ``haunted`` as in ``simulators.street.tracker``."""

    baud = ld2410.BAUD

    def __init__(self, outlook: Outlook, seed: str) -> None:
        self.blind = False
        self.haunted = False
        self.said = Presence(0, False, False, 0)
        self.due_ms = REPORT_MS / 2
        self._outlook = outlook
        self._random = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self._ghost_until_ms = 0.0
        self._moving_until_ms = self._still_until_ms = 0.0
        self._moving_m = self._still_m = 0.0
        self._ear = CommandEar()
        self._answers = b""

    def hear(self, data: bytes, now_ms: float) -> None:
        """Commands; answers go before the next report."""
        del now_ms
        self._answers += self._ear.hear(data)

    def speak(self, now_ms: float) -> bytes:
        """A report."""
        self.due_ms = now_ms + REPORT_MS
        answers, self._answers = self._answers, b""
        if not self.blind:
            self._look(now_ms)
        moving, still = now_ms < self._moving_until_ms, now_ms < self._still_until_ms
        moving_mm = self._blurred(self._moving_m) if moving else 0
        still_mm = self._blurred(self._still_m) if still else 0
        self.said = Presence(
            int(now_ms),
            moving,
            still,
            (moving_mm if moving else still_mm),
            moving_mm,
            self._random.randint(40, 100) if moving else 0,
            still_mm,
            self._random.randint(30, 100) if still else 0,
        )
        return answers if self._ear.configured else answers + ld2410.encode(self.said)

    def _look(self, now_ms: float) -> None:
        weather = self._outlook.world.weather
        for one, across, ahead in self._outlook.people(REACH_M):
            far_m = math.hypot(across, ahead)
            if one.speed > 0.1:
                if self._random.random() < weather.radar_look:
                    self._moved(far_m, now_ms)
            elif self._random.random() < STILL_LOOK * weather.radar_look:
                self._still_until_ms, self._still_m = now_ms + HOLD_MS, far_m
        for vehicle, across, ahead in self._outlook.vehicles(REACH_M):
            if vehicle.speed_m_s > 0.3 and self._random.random() < VEHICLE_LOOK:
                self._moved(math.hypot(across, ahead), now_ms)
        if self._random.random() < weather.radar_ghosts * REPORT_MS / 60_000:
            self._ghost_until_ms = now_ms + 100 + self._random.expovariate(1 / weather.radar_ghost_s) * 1000
        if self.haunted or now_ms < self._ghost_until_ms:
            self._moved(2.0, now_ms)

    def _moved(self, far_m: float, now_ms: float) -> None:
        self._moving_until_ms, self._moving_m = now_ms + HOLD_MS, far_m

    def _blurred(self, far_m: float) -> int:
        return max(0, round((far_m + self._random.gauss(0, 0.1)) * 100)) * 10
