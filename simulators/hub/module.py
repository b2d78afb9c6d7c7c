"""An 8-channel analog module, 12 bits over 5 V: it reads one input after the other, all in ``ROUND_MS``, and answers with what it has."""

import collections
import math
from collections.abc import Sequence

from devices.sensors.modbus import Answer, Request
from simulators.hub.wiring import SUPPLY_MV, Wiring
from simulators.lines.units import registers

CHANNELS = 8
ROUND_MS = 2.5
STEPS = 4096
ASKED_MAX = 100_000
TOLD_MAX = 1_000
OPEN_MV = 5000
"""What an input without a zone reads: its pull resistor."""


class Module:
    """One module; ``powered`` may be set at any time."""

    def __init__(self) -> None:
        self.powered = True
        self.asked: collections.deque[float] = collections.deque(maxlen=ASKED_MAX)
        """When it was asked, in milliseconds."""
        self._told: collections.deque[tuple[float, list[int]]] = collections.deque(maxlen=TOLD_MAX)
        self._wired: dict[int, Wiring] = {}
        self._read_ms = [-math.inf] * CHANNELS
        self._registers = [OPEN_MV] * CHANNELS

    def wire(self, channel: int, wiring: Wiring) -> None:
        """Connect a zone to a channel, counted from 0."""
        self._wired[channel] = wiring

    def answer(self, request: Request, now_ms: float) -> Answer | None:
        """What it answers, None without a supply."""
        if not self.powered:
            return None
        self.asked.append(now_ms)
        for channel, wiring in self._wired.items():
            # The channel's turn in the round that was last complete.
            turn_ms = (math.floor(now_ms / ROUND_MS) - 1 + channel / CHANNELS) * ROUND_MS
            if turn_ms > self._read_ms[channel]:
                self._read_ms[channel] = turn_ms
                self._registers[channel] = converted(wiring.mv(turn_ms))
        self._told.append((now_ms, list(self._registers)))
        return registers(request, self._registers)

    def asked_for(self, told: Sequence[int]) -> float | None:
        """When it was asked for what a hub has heard from it; None for what it has not told since the last such question.

        A late answer is taken for one to a later question, so times do not say it; what the converter's noise made of eight inputs does.
        """
        index = next((index for index, (_at_ms, said) in enumerate(self._told) if said == list(told)), None)
        if index is None:
            return None
        for _ in range(index):
            self._told.popleft()
        return self._told.popleft()[0]


def converted(mv: float) -> int:
    """A voltage as the module tells it: cut off at its range, in steps."""
    step = min(STEPS - 1, max(0, round(mv / SUPPLY_MV * STEPS)))
    return round(step * SUPPLY_MV / STEPS)
