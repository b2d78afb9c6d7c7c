"""A school in real time, below an unmodified hub, whose lamp and enclosure are a simulated board."""

import pathlib
from collections.abc import Sequence

from simulators.gpio import physics
from simulators.gpio.hardware import MAINS, TAMPER
from simulators.hub.rig import Rig
from simulators.lines.live_rig import REST_MAX_MS, LiveRig
from simulators.site import LAMP_PIN, SUPPLY_PIN, TAMPER_PIN


class School(LiveRig[Rig]):
    """One school at work.

    Args:
        folder: where its paths are made; short, for the board's socket lies in it.
        zones: how many buttons.
        seed: of everything random.

    ``settings`` are those of a hub for it.
    """

    rest_min_ms = 0.2

    def __init__(self, folder: pathlib.Path, zones: int = 8, seed: int = 0) -> None:
        super().__init__(folder, Rig(zones, seed), {TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed)

    @property
    def settings(self) -> dict[str, object]:
        """Of the hub: modules, zones, pins."""
        pins = {"lamp_pin": LAMP_PIN, "tamper_pin": TAMPER_PIN, "supply_pin": SUPPLY_PIN, "supply_active_low": True}
        return {**self.rig.settings(self._folder), **pins}

    def press(self, zone: int, held_ms: float = 150, bounce: physics.BouncePattern = physics.POOR) -> int:
        """Press a button, counted from 0; the instant of the touch, in ns of CLOCK_MONOTONIC."""
        with self._lock:
            now_ms = self._now_ms()
            self.rig.zones[zone].press(now_ms, held_ms, bounce)
            return self._at_ns(now_ms)

    def looked_at(self) -> bool:
        """Whether somebody has just asked every module that is alive."""
        with self._lock:
            now_ms = self._now_ms()
            return all(
                one.asked and now_ms - one.asked[-1] < 10 * REST_MAX_MS for one in self.rig.modules if one.powered
            )

    def asked_for(self, module: int, told: Sequence[int]) -> int | None:
        """When a module, counted from 0, was asked for what the hub has heard from it, in ns of CLOCK_MONOTONIC; None: it never was."""
        with self._lock:
            asked_ms = self.rig.modules[module].asked_for(told)
            return None if asked_ms is None else self._at_ns(asked_ms)

    def _advance(self, now_ms: float) -> None:
        for name, data in self.rig.advance(now_ms):
            self._say(name, data)
