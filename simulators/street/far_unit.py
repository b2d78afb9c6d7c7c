"""The unit on the far side: a radar and an infrared sensor over its pad, a button, its own lamps, and a radio that delays and loses.

It is the hardware around the unit's own logic, ``devices.crosswalk.far_unit``. Like all that hangs on a line it is an instrument in the
sense of ``simulators.lines.port``.
"""

import heapq
import itertools
import math
import random
from collections.abc import Mapping
from typing import Any

from devices.crosswalk import far_settings, far_unit
from devices.crosswalk.farside_link import BAUD, Decoder, Order, State, encode
from devices.sensors import ld2450
from devices.sensors.readings import Targets
from simulators.street.place import Outlook
from simulators.street.tracker import Tracker
from simulators.street.warmth import Pir
from simulators.street.world import World

DELAY_MS = (5.0, 20.0)
"""Of the radio, one way, beside the time that the bytes take on the line."""
LOSES = 0.03
PRESS_MS = 300
HAS = {"tracker_port": "tracker", "presence_port": "", "io_port": "io", "pir_pin": 27}


class FarUnit:
    """One unit.

    Args:
        world: the street.
        settings: completed ones of the crosswalk; what its radar watches is the same on both sides, and it has a radar and a PIR.
    """

    baud = BAUD

    def __init__(self, world: World, settings: Mapping[str, Any]) -> None:
        outlook = Outlook(world, 1)
        seed = world.plan.seed
        self.tracker = Tracker(outlook, f"far tracker {seed}")
        self.pir = Pir(outlook, f"far pir {seed}")
        self.lit_ms = math.inf
        """Since when it flashes; infinity while it does not."""
        whole = {name: settings[name] for name in far_settings.SHARED} | HAS
        self._logic = far_unit.FarUnit(far_settings.completed(whole), 0)
        self._decoder = ld2450.Decoder()
        self._radio = Decoder()
        self._random = random.Random(f"far link {seed}")  # noqa: S311  reproducible, no secrets
        self._on_air: list[tuple[float, int, Order | State]] = []
        self._count = itertools.count()
        self._pressed = False
        self._pressed_until_ms = -math.inf

    @property
    def pedestrian(self) -> bool:
        """Whether it believes somebody to be there."""
        return self._logic.pedestrian

    @property
    def due_ms(self) -> float:
        """When something is due."""
        on_air_ms = self._on_air[0][0] if self._on_air else math.inf
        return min(self.pir.due_ms, self.tracker.due_ms, self._logic.due_at_ms(), on_air_ms)

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
        at_ms = int(now_ms)
        while self._on_air and self._on_air[0][0] <= now_ms:
            message = heapq.heappop(self._on_air)[2]
            if isinstance(message, State):
                came += encode(message)
            else:
                self._logic.take("order", message.pattern, at_ms)
        self._look(now_ms)
        for output, value in self._logic.tick(at_ms):
            if output == "near":
                self._send(value, now_ms)
        self.lit_ms = min(self.lit_ms, now_ms) if self._logic.lit else math.inf
        return came

    def _look(self, now_ms: float) -> None:
        at_ms = int(now_ms)
        pressed = now_ms < self._pressed_until_ms
        if pressed != self._pressed:
            self._pressed = pressed
            self._logic.take("button", int(pressed), at_ms)
        if self.pir.due_ms <= now_ms:
            self._logic.take("pir", int(self.pir.look(now_ms)), at_ms)
        if self.tracker.due_ms <= now_ms:
            for reading in self._decoder.feed(self.tracker.speak(now_ms), at_ms):
                if isinstance(reading, Targets):
                    self._logic.take("tracker", reading, at_ms)

    def _send(self, message: Order | State, now_ms: float) -> None:
        if self._random.random() >= LOSES:
            heapq.heappush(self._on_air, (now_ms + self._random.uniform(*DELAY_MS), next(self._count), message))
