"""A zone's wiring as electricity: which voltage an analog input sees, and what a voltage means.

Each zone is a pair of wires from the hub to a box with a button and two resistors. One wire comes from the lines' supply through the pull
resistor and goes to the analog input, the other is the supply's return. What is between the wires tells the zone's state: nothing (cut),
hardly anything (shorted), the resistance of the button at rest or of the button pressed, or something that none of them can be: a leak to
ground, a corroded joint, a wrong resistor. All that may be off is added up at its worst, so each state is a band of voltages; bands that
come too near each other are refused.
"""

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any

from devices.common.settings import SettingsError

APART_MV = 100
"""Between two bands at least: room for noise."""


class State(enum.StrEnum):
    """What a zone's line looks like."""

    NORMAL = "normal"
    PRESSED = "pressed"
    OPEN = "open"
    SHORT = "short"
    OUT_OF_BAND = "out-of-band"


FAULTS = frozenset((State.OPEN, State.SHORT, State.OUT_OF_BAND))


@dataclasses.dataclass(frozen=True, slots=True)
class Band:
    """Voltages from ``least_mv`` to ``most_mv``, both included, and what they mean."""

    state: State
    least_mv: int
    most_mv: int


@dataclasses.dataclass(frozen=True, slots=True)
class Circuit:
    """One corner of what may be: all values at once, as they could be in a house."""

    supply_mv: float
    pull_ohm: float
    across_ohm: float
    """What the module's input and the cable's insulation are, beside the zone."""

    def mv(self, loop_ohm: float) -> float:
        """What the input sees of a zone with this resistance between its wires."""
        if loop_ohm == 0:
            return 0.0
        ohm = 1 / (1 / loop_ohm + 1 / self.across_ohm)
        return self.supply_mv * ohm / (self.pull_ohm + ohm)


class Bands:
    """The bands of a hub's settings, which are completed ones.

    Raises:
        SettingsError: two of them cannot be told apart.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        resistor = settings["resistor_permille"] / 1000
        supply = settings["supply_permille"] / 1000
        cable_ohm = settings["cable_ohm"]
        off_mv = settings["reading_mv"]
        input_ohm = settings["input_ohm"]
        lowest = Circuit(
            settings["supply_mv"] * (1 - supply),
            settings["pull_ohm"] * (1 + resistor),
            1 / (1 / (input_ohm * (1 - resistor)) + 1 / settings["leak_ohm"]),
        )
        highest = Circuit(
            settings["supply_mv"] * (1 + supply), settings["pull_ohm"] * (1 - resistor), input_ohm * (1 + resistor)
        )

        def band(state: State, least_ohm: float, most_ohm: float) -> Band:
            least_mv = math.floor(lowest.mv(least_ohm)) - off_mv
            return Band(state, max(0, least_mv), math.ceil(highest.mv(most_ohm)) + off_mv)

        bands = [band(State.SHORT, 0, cable_ohm)]
        for state in (State.PRESSED, State.NORMAL):
            ohm = settings[state + "_ohm"]
            bands.append(band(state, ohm * (1 - resistor), ohm * (1 + resistor) + cable_ohm))
        bands.append(dataclasses.replace(band(State.OPEN, math.inf, math.inf), most_mv=0xFFFF))
        self.all = tuple(sorted(bands, key=lambda one: (one.least_mv, one.most_mv)))
        """From the lowest to the highest."""
        self._states = self._table()

    def state(self, mv: int) -> State:
        """What a voltage means."""
        for least_mv, most_mv, state in self._states:
            if least_mv <= mv <= most_mv:
                return state
        return State.OUT_OF_BAND

    def _table(self) -> tuple[tuple[int, int, State], ...]:
        for lower, upper in zip(self.all, self.all[1:], strict=False):
            if upper.least_mv - lower.most_mv < APART_MV:
                raise SettingsError(
                    f"'{lower.state}' ({lower.least_mv} to {lower.most_mv} mV) and '{upper.state}' (from {upper.least_mv} mV) cannot be "
                    f"told apart: {APART_MV} mV must be between them; choose other values of normal_ohm, pressed_ohm and pull_ohm, "
                    "closer resistors (resistor_permille), a thicker cable (cable_ohm), or drier ones (leak_ohm)"
                )
        # Normal first: that is what is looked up hundreds of times a second.
        return tuple(
            (band.least_mv, band.most_mv, band.state)
            for band in sorted(self.all, key=lambda one: one.state != State.NORMAL)
        )
