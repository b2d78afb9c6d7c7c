"""One zone as a circuit: a pull resistor at the hub, a cable, a box with a button and two resistors, and what goes wrong. Pure.

At rest the box has both resistors in series between the wires; the button bridges one of them. Resistors are off by up to 1 %, each by
its own part.
"""

import enum
import math
import random

from simulators.gpio import physics

SUPPLY_MV = 5000.0
PULL_OHM = 3300.0
SERIES_OHM = 2200.0
BRIDGED_OHM = 4700.0
INPUT_OHM = 82_000.0
TOLERANCE = 0.01
CABLE_OHM = 50.0
"""Of the longest, there and back: some 250 m of 0.22 mm² wire."""
LEAK_OHM = 6_000.0
"""Of a cable in a wet duct, from the wire to ground."""


class Trouble(enum.StrEnum):
    """What can be wrong between hub and button."""

    CUT = "cut"
    SHORT = "short"
    LEAK = "leak"
    NOISY = "noisy"
    """A motor's cable in the same duct."""


NOISE_MV = {None: 4.0, Trouble.NOISY: 60.0}
SPIKE_PER_READING = 0.02
"""In a noisy cable: so often a reading is anything at all."""


class Wiring:
    """One zone; ``trouble`` may be set at any time, None is well. Times are milliseconds of the simulation."""

    def __init__(self, rng: random.Random) -> None:
        def made(ohm: float) -> float:
            return ohm * (1 + rng.uniform(-TOLERANCE, TOLERANCE))

        self._rng = rng
        self._pull_ohm = made(PULL_OHM)
        self._series_ohm = made(SERIES_OHM)
        self._bridged_ohm = made(BRIDGED_OHM)
        self._cable_ohm = rng.uniform(0, CABLE_OHM)
        self.trouble: Trouble | None = None
        self._moves: list[tuple[float, int]] = []
        self._closed = 0

    def press(self, at_ms: float, held_ms: float, bounce: physics.BouncePattern = physics.POOR) -> None:
        """A finger comes at this time and goes ``held_ms`` later; the contact bounces both times."""
        wave = physics.press(round(held_ms * 1000), bounce, self._rng)
        self._moves += [(at_ms + at_us / 1000, state) for at_us, state in wave]
        self._moves.sort()

    def closed(self, at_ms: float) -> bool:
        """Whether the contact is closed at a moment; moments are asked for in order."""
        while self._moves and self._moves[0][0] <= at_ms:
            self._closed = self._moves.pop(0)[1]
        return bool(self._closed)

    def mv(self, at_ms: float) -> float:
        """What the analog input is at."""
        box_ohm = self._series_ohm + (0.0 if self.closed(at_ms) else self._bridged_ohm)
        loop_ohm = box_ohm + self._cable_ohm
        if self.trouble == Trouble.CUT:
            loop_ohm = math.inf
        elif self.trouble == Trouble.SHORT:
            loop_ohm = self._cable_ohm / 2
        across = 1 / INPUT_OHM + (1 / loop_ohm if loop_ohm else math.inf)
        if self.trouble == Trouble.LEAK:
            across += 1 / LEAK_OHM
        mv = 0.0 if across == math.inf else SUPPLY_MV / (1 + self._pull_ohm * across)
        if self.trouble == Trouble.NOISY and self._rng.random() < SPIKE_PER_READING:
            return self._rng.uniform(0, SUPPLY_MV)
        return mv + self._rng.gauss(0, NOISE_MV.get(self.trouble, NOISE_MV[None]))
