"""The beacon's lamps, the floodlight and the relay in their supply, on either side of the road: what to tell them, and what ails them.

A lamp in fault never stops the other. The supply is held pulse by pulse, only while the beacon is lit; that it ends is proven each time.
"""

from collections.abc import Mapping
from typing import Any

from agent.effects import OUTPUT
from devices.crosswalk.lamps import GAP_MS, Lamps
from devices.crosswalk.patterns import BOTH, OFF, PROOF, name_of
from devices.crosswalk.relay import WELDED, Proof, SupplyRelay

Effect = tuple[Any, ...]


class Lights:
    """One side's. ``settings`` are completed ones; ``gap_ms`` is how far apart samples of lamps may be."""

    def __init__(self, settings: Mapping[str, Any], gap_ms: int = GAP_MS) -> None:
        self._lamps = Lamps(settings, gap_ms)
        self._supply = SupplyRelay()
        self._proof = Proof(settings["lamp_off_ma"])
        self._shown: dict[str, str] = {}

    @property
    def sound(self) -> bool:
        """Whether a lamp is left that is not known to be in fault."""
        return len(self._lamps.faults()) < len(BOTH)

    def light(self, lit: bool, now_ms: int) -> None:
        """The beacon is lit, or dark, from now on."""
        self._lamps.light(lit, now_ms)
        self._proof.light(lit, now_ms)

    def sample(self, name: str, ma: int, night: bool, now_ms: int) -> None:
        """Take a lamp's current."""
        self._proof.sample(ma)
        if not self._proof.running:
            self._lamps.sample(name, ma, night, now_ms)

    def advance(self, now_ms: int) -> None:
        """Let time pass."""
        if self._proof.ended(now_ms):
            self._lamps.light(False, now_ms)  # what it showed meanwhile was no light of its own

    def due_ms(self) -> list[int]:
        """When ``advance`` and ``show`` are wanted."""
        return [at_ms for at_ms in (self._supply.due_at_ms, self._proof.due_at_ms) if at_ms is not None]

    def show(self, lit: bool, base: str, night: bool, now_ms: int) -> list[Effect]:
        """What to tell them now, if the beacon is lit with this pattern, or not."""
        beacon = name_of(base, night, self._lamps.usable) if lit else OFF
        supply = self._supply.hold(beacon != OFF, now_ms)
        if self._proof.running:
            beacon = PROOF
        effects: list[Effect] = [(OUTPUT, "supply", pattern) for pattern in supply]
        for name, pattern in (("beacon", beacon), ("flood", "on" if lit and night else OFF)):
            if self._shown.get(name) != pattern:
                self._shown[name] = pattern
                effects.append((OUTPUT, name, pattern))
        return effects

    def faults(self) -> dict[str, tuple[str, dict[str, object]]]:
        """What is in fault -> the type of its event, and the event's data."""
        found: dict[str, tuple[str, dict[str, object]]] = {}
        if self._proof.welded:
            found["relay"] = ("fault.sensor", {"state": WELDED})
        for name, (state, ma) in self._lamps.faults().items():
            found["lamp-" + name] = ("fault.lamp", {"state": state, "ma": ma})
        return found
