"""An OPS243-A that looks along the road from the crossing: the speed of the strongest thing that moves, ten times a second.

Speaks the radar's own lines: plain numbers as it leaves the factory, JSON after ``OJ``. A report takes 1024 samples at 10 kHz and steps of
0.061 m/s. Echoes fall with the fourth power of the distance, so the nearest vehicle wins; what stands has no Doppler and says nothing; at a
small angle to the lane a cosine is lost. Vehicles that leave are in the beam as well, with a negative speed.
"""

import math
import random

from devices.sensors import ops243
from devices.sensors.readings import Speed
from simulators.street.people import APPEARS_M
from simulators.street.world import World

REPORT_MS = 102.4
STEP_M_S = 0.0608
LEAST_M_S = 0.6
REACH_M = 70.0
BESIDE_M = 1.0
"""From the sensor to the middle of the near lane."""
LEAVES_BEAM_M = 3.0
"""A vehicle nearer than this is beside the beam, not in it."""
ECHO_CAR, ECHO_PERSON = 10.0, 0.4
LOOK = 0.93
ANSWERS = {b"OJ": b'{"OutputFeature":"J"}', b"OM": b'{"OutputFeature":"M"}', b"OU": b'{"OutputFeature":"U"}'}
UNITS = b'{"Units":"m-per-sec"}'


class SpeedRadar:
    """The radar, on the vehicles of the near lane that come. ``blind`` covers it."""

    baud = ops243.BAUD

    def __init__(self, world: World, seed: str) -> None:
        self.blind = False
        self.said: Speed | None = None
        self.due_ms = REPORT_MS
        self._world = world
        self._random = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self._json = False
        self._asked = b""
        self._answers = b""

    def hear(self, data: bytes, now_ms: float) -> None:
        """Two-letter commands."""
        self._asked += data
        while len(self._asked) >= 2:
            command, self._asked = self._asked[:2], self._asked[2:]
            if command == b"OJ":
                self._json = True
            answer = UNITS if command[:1] == b"U" else ANSWERS.get(command, b"")
            if answer:
                self._answers += answer + b"\r\n"
                self.due_ms = min(self.due_ms, now_ms)

    def speak(self, now_ms: float) -> bytes:
        """Answers that wait, and a report if something moves."""
        answers, self._answers = self._answers, b""
        if now_ms < self._next_report_ms(now_ms):
            self.due_ms = self._next_report_ms(now_ms)
            return answers
        self.due_ms = now_ms + REPORT_MS
        self.said = None if self.blind else self._look()
        if self.said is None:
            return answers
        if self._json:
            return answers + ops243.encode([self.said])
        return answers + f"{self.said.mm_s / (1000 if self.said.towards else -1000):.2f}\r\n".encode()

    def _next_report_ms(self, now_ms: float) -> float:
        return math.ceil(now_ms / REPORT_MS - 1e-9) * REPORT_MS

    def _look(self) -> Speed | None:
        best: tuple[float, float] | None = None  # magnitude, speed towards
        for vehicle in self._world.vehicles:
            if vehicle.lane == 0:
                away_m, towards, aside_m = vehicle.to_go_m, vehicle.speed_m_s, BESIDE_M
            else:
                away_m, towards = -(vehicle.to_go_m + vehicle.length_m), -vehicle.speed_m_s
                aside_m = self._world.length_m - BESIDE_M
            best = _stronger(best, away_m, aside_m, towards, ECHO_CAR * vehicle.length_m)
        for one in self._world.pedestrians:
            if abs(one.x_m) < APPEARS_M:
                best = _stronger(best, -one.x_m, max(0.5, abs(one.y_m)), one.vx_m_s, ECHO_PERSON)
        if best is None or self._random.random() > LOOK:
            return None
        magnitude, towards = best
        steps = round(towards / STEP_M_S + self._random.gauss(0, 0.4))
        return Speed(0, round(abs(steps) * STEP_M_S * 1000), steps > 0, round(magnitude * 1000))


def _stronger(
    best: tuple[float, float] | None, away_m: float, aside_m: float, towards_m_s: float, echo: float
) -> tuple[float, float] | None:
    """The stronger one of what was found so far, and something so far ahead."""
    reach = math.hypot(away_m, aside_m)
    if away_m <= LEAVES_BEAM_M or reach > REACH_M or math.atan2(aside_m, away_m) > math.radians(15):
        return best
    seen = towards_m_s * away_m / reach
    magnitude = min(9999.0, echo * (40.0 / reach) ** 4)
    if abs(seen) < LEAST_M_S or (best is not None and best[0] >= magnitude):
        return best
    return magnitude, seen
