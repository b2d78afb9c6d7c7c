"""What the unit on the far side does: it flashes as it is told, for a while after each order, and says what it does and whom it sees. Pure.

It needs no clock, no network and no key: it is a lamp, a radar, an infrared sensor and a button at the other end of the link. Whatever
happens to the link, it is dark ``farside.HOLD_MS`` after the last order. It judges who is there as the near side does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from devices.crosswalk.farside import HOLD_MS, OFF
from devices.crosswalk.farside_link import State
from devices.crosswalk.fusion import Fusion
from devices.crosswalk.nonyield import Kerb
from devices.sensors.readings import Target

TELLS_MS = 1000
"""From one state to the next while nothing changes."""


class FarUnit:
    """One unit. ``settings`` are completed ones of the crosswalk; what its radar watches is the same on both sides."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.pattern = OFF
        """What its beacon plays."""
        self._across_mm = settings["watch_left_mm"], settings["watch_right_mm"]
        self._ahead_mm = settings["watch_near_mm"], settings["watch_far_mm"]
        self._fusion = Fusion(("tracker", "pir"))
        self._kerb = Kerb({**settings, "tracker_port": "fitted"})
        self._pressed = False
        self._until_ms = 0
        self._told = State(False, False, False, False)
        self._tells_at_ms = 0

    def order(self, pattern: str, now_ms: int) -> None:
        """Play this from now on. Every order is answered, in the next ``tick``."""
        self.pattern = pattern
        self._until_ms = now_ms + HOLD_MS
        self._tells_at_ms = now_ms

    def targets(self, seen: Iterable[Target], now_ms: int) -> None:
        """The tracking radar's report."""
        inside = [one.x_mm for one in seen if self._watched(one)]
        self._kerb.look(inside, now_ms)
        self._fusion.say("tracker", bool(inside), now_ms)

    def pir(self, active: bool, now_ms: int) -> None:
        """The infrared sensor's output."""
        self._fusion.say("pir", active, now_ms)

    def press(self, pressed: bool) -> None:
        """The button's contact."""
        self._pressed = pressed

    @property
    def pedestrian(self) -> bool:
        """Whether it believes somebody to be there."""
        return self._fusion.detected

    def due_at_ms(self) -> int:
        """When the next ``tick`` is wanted."""
        due = [self._tells_at_ms]
        if self.pattern != OFF:
            due.append(self._until_ms)
        fusion_ms = self._fusion.next_tick_ms()
        return min(due if fusion_ms is None else [*due, fusion_ms])

    def tick(self, now_ms: int) -> State | None:
        """Let time pass; the state that is to be told now, if any. Call it after each input, too."""
        if now_ms >= self._until_ms:
            self.pattern = OFF
        self._fusion.advance(now_ms)
        waiting = self._fusion.detected and self._kerb.occupied(now_ms)
        state = State(self.pattern != OFF, self._pressed, self._fusion.detected, waiting)
        if state == self._told and now_ms < self._tells_at_ms:
            return None
        self._told = state
        self._tells_at_ms = now_ms + TELLS_MS
        return state

    def _watched(self, one: Target) -> bool:
        (left, right), (near, far) = self._across_mm, self._ahead_mm
        return bool(left <= one.x_mm <= right and near <= one.y_mm <= far)
