"""The unit on the far side: a radar and an infrared sensor over its pad, a button, its own lamps, and a radio that delays and loses.

It judges with the crosswalk's own fusion, speaks the crosswalk's link, and flashes only for a while after each order, as its firmware is
specified in ``devices.crosswalk.farside``. Like all that hangs on a line it is an instrument in the sense of ``simulators.lines.port``.
"""

import heapq
import itertools
import math
import random
from collections.abc import Mapping
from typing import Any

from devices.crosswalk.farside import HOLD_MS, OFF
from devices.crosswalk.farside_link import BAUD, Decoder, Order, State, encode
from devices.crosswalk.fusion import Fusion
from devices.crosswalk.nonyield import Kerb
from devices.sensors import ld2450
from devices.sensors.readings import Targets
from simulators.street.place import Outlook
from simulators.street.tracker import Tracker
from simulators.street.warmth import Pir
from simulators.street.world import World

DELAY_MS = (5.0, 20.0)
"""Of the radio, one way, beside the time that the bytes take on the line."""
LOSES = 0.03
REPEATS_MS = 1000
"""From one state to the next while nothing changes."""
PRESS_MS = 300


class FarUnit:
    """One unit.

    Args:
        world: the street.
        settings: completed ones of the crosswalk; what its radar watches is the same on both sides.
    """

    baud = BAUD

    def __init__(self, world: World, settings: Mapping[str, Any]) -> None:
        outlook = Outlook(world, 1)
        seed = world.plan.seed
        self.tracker = Tracker(outlook, f"far tracker {seed}")
        self.pir = Pir(outlook, f"far pir {seed}")
        self.lit_ms = math.inf
        """Since when it flashes; infinity while it does not."""
        self._area = _area_of(settings)
        self._kerb = Kerb({**settings, "tracker_port": "there"})
        self._decoder = ld2450.Decoder()
        self._fusion = Fusion(("tracker", "pir"))
        self._radio = Decoder()
        self._random = random.Random(f"far link {seed}")  # noqa: S311  reproducible, no secrets
        self._on_air: list[tuple[float, int, Order | State]] = []
        self._count = itertools.count()
        self._until_ms = self._pressed_until_ms = -math.inf
        self._state = State(False, False, False, False)
        self._tells_ms = 0.0

    @property
    def pedestrian(self) -> bool:
        """Whether it believes somebody to be there."""
        return self._fusion.detected

    @property
    def due_ms(self) -> float:
        """When something is due."""
        on_air_ms = self._on_air[0][0] if self._on_air else math.inf
        return min(self.pir.due_ms, self.tracker.due_ms, self._tells_ms, on_air_ms)

    def press(self, now_ms: float) -> None:
        """Somebody presses its button."""
        self._pressed_until_ms = now_ms + PRESS_MS

    def hear(self, data: bytes, now_ms: float) -> None:
        """Bytes of the near side go on the air."""
        for message in self._radio.feed(data):
            self._send(message, now_ms)

    def speak(self, now_ms: float) -> bytes:
        """Do what is due; the states that come off the air on the near side."""
        came = b""
        while self._on_air and self._on_air[0][0] <= now_ms:
            message = heapq.heappop(self._on_air)[2]
            if isinstance(message, State):
                came += encode(message)
            else:
                self._obey(message.pattern, now_ms)
        if now_ms >= self._until_ms:
            self.lit_ms = math.inf
        self._look(now_ms)
        waiting = self._fusion.detected and self._kerb.occupied(int(now_ms))
        state = State(self.lit_ms < math.inf, now_ms < self._pressed_until_ms, self._fusion.detected, waiting)
        if state != self._state or now_ms >= self._tells_ms:
            self._tell(state, now_ms)
        return came

    def _obey(self, pattern: str, now_ms: float) -> None:
        self._until_ms = -math.inf if pattern == OFF else now_ms + HOLD_MS
        self.lit_ms = math.inf if pattern == OFF else min(self.lit_ms, now_ms)
        self._tells_ms = now_ms  # every order is answered

    def _look(self, now_ms: float) -> None:
        at_ms = int(now_ms)
        if self.pir.due_ms <= now_ms:
            self._fusion.say("pir", self.pir.look(now_ms), at_ms)
        if self.tracker.due_ms <= now_ms:
            for reading in self._decoder.feed(self.tracker.speak(now_ms), at_ms):
                if isinstance(reading, Targets):
                    inside = [one.x_mm for one in reading.targets if self._watched(one.x_mm, one.y_mm)]
                    self._kerb.look(inside, at_ms)
                    self._fusion.say("tracker", bool(inside), at_ms)

    def _watched(self, x_mm: int, y_mm: int) -> bool:
        left, right, near, far = self._area
        return left <= x_mm <= right and near <= y_mm <= far

    def _tell(self, state: State, now_ms: float) -> None:
        self._state, self._tells_ms = state, now_ms + REPEATS_MS
        self._send(state, now_ms)

    def _send(self, message: Order | State, now_ms: float) -> None:
        if self._random.random() >= LOSES:
            heapq.heappush(self._on_air, (now_ms + self._random.uniform(*DELAY_MS), next(self._count), message))


def _area_of(settings: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return (
        settings["watch_left_mm"],
        settings["watch_right_mm"],
        settings["watch_near_mm"],
        settings["watch_far_mm"],
    )
