"""A solar charger with panel, battery and load: how the sun fills it, what the crossing takes. Speaks VE.Direct.

The battery is LiFePO4, 12.8 V and 50 Ah; its voltage follows its charge (flat in the middle, steep at both ends) less what its resistance
takes. The panel is one of 100 W with an open voltage of 22 V; in the dark, street lamps leave it about a volt.
"""

import itertools
import math
from collections.abc import Callable

from devices.sensors import vedirect
from devices.sensors.readings import Charge, ChargeState
from simulators.street.world import World

BLOCK_MS = 1000
CAPACITY_WH = 640.0
PANEL_W = 100.0
OPEN_V = 22.0
DARK_V = 0.9
STANDING_W = 4.0
LAMP_W = 0.012
"""Watts per milliampere of the lamps, at 12 V."""
RESISTANCE_OHM = 0.02
CURVE = ((0.0, 10.0), (0.05, 12.0), (0.1, 12.8), (0.2, 13.0), (0.7, 13.2), (0.95, 13.35), (1.0, 14.0))
FULL, NEARLY = 0.999, 0.95


class Charger:
    """The charger. ``lamps_ma`` tells what the lamps draw at a moment; ``charge`` is the battery's, 0 to 1."""

    baud = vedirect.BAUD

    def __init__(self, world: World, lamps_ma: Callable[[float], float], charge: float = 0.8) -> None:
        self.charge = charge
        self._lamps_ma = lamps_ma
        self.due_ms = float(BLOCK_MS)
        self._world = world

    def hear(self, data: bytes, now_ms: float) -> None:
        """It takes no commands here."""

    def speak(self, now_ms: float) -> bytes:
        """The block of a second."""
        self.due_ms = now_ms + BLOCK_MS
        light = self._light()
        load_w = STANDING_W + self._lamps_ma(now_ms) * LAMP_W
        panel_w = PANEL_W * light if self.charge < FULL else min(PANEL_W * light, load_w)
        surplus_w = panel_w - load_w
        self.charge = min(1.0, max(0.0, self.charge + surplus_w * BLOCK_MS / 3_600_000 / CAPACITY_WH))
        amperes = surplus_w / 12.8
        battery_v = _curve(self.charge) + amperes * RESISTANCE_OHM
        panel_v = DARK_V + (OPEN_V - DARK_V) * min(1.0, light * 20) * (0.82 if panel_w >= 1 else 1.0)
        return vedirect.encode(
            Charge(
                0,
                round(battery_v * 100) * 10,
                round(amperes * 1000),
                round(panel_v * 100) * 10,
                int(panel_w) * 1000,
                self._state(panel_w),
            )
        )

    def _light(self) -> float:
        """Part of the panel's power that the sun gives now."""
        if self._world.night:
            return 0.0
        return self._world.weather.sun * math.sin(math.pi * (self._world.hour - 7) / 12)

    def _state(self, panel_w: float) -> ChargeState:
        if panel_w < 1:
            return ChargeState.OFF
        if self.charge >= FULL:
            return ChargeState.FLOAT
        return ChargeState.ABSORPTION if self.charge >= NEARLY else ChargeState.BULK


def _curve(charge: float) -> float:
    for (low, low_v), (high, high_v) in itertools.pairwise(CURVE):
        if charge <= high:
            return low_v + (high_v - low_v) * (charge - low) / (high - low)
    return CURVE[-1][1]
