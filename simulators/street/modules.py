"""Modbus modules on one RS-485 line: a relay module with timers of its own, an input module, an analog module. Pure.

Each answers what is sent to its unit number, after the pause that such modules take. A relay that was pulsed lets go when *its* time is
over, whatever has become of the master; that is what the crosswalk's darkness rests on.
"""

import math
from collections.abc import Callable, Sequence

from devices.sensors import modbus
from devices.sensors.modbus import Answer, Request
from simulators.lines.units import NO_SUCH_ADDRESS, Units
from simulators.lines.units import registers as held

RELAYS = "relays"
INPUTS = "inputs"
ANALOG = "analog"
UNITS = {RELAYS: 1, ANALOG: 2, INPUTS: 3}
"""The unit numbers that this street's modules are set to."""
SUPPLY_COIL = 0
PULL_IN_MS = 8.0
"""A relay's contact closes so long after its coil has current; it opens as fast."""
COILS = 8


class RelayModule:
    """Relays with timers. ``switched`` is called with relay, state and time."""

    def __init__(self, switched: Callable[[int, bool, float], None]) -> None:
        self._switched = switched
        self._until_ms = [-math.inf] * COILS
        self._closed = [False] * COILS
        self._moves: list[tuple[float, int, bool]] = []
        self._welded: set[int] = set()
        self._powered = True
        self.due_ms = math.inf
        """When a contact moves by itself."""

    def closed(self, relay: int) -> bool:
        """Whether the relay's contact is closed."""
        return self._closed[relay]

    def weld(self, relay: int) -> None:
        """The relay's contact opens no more."""
        self._welded.add(relay)

    def cut_power(self, now_ms: float) -> None:
        """It has no supply: it answers nobody, and all its relays let go."""
        self._powered = False
        for relay in range(COILS):
            self._set(relay, -math.inf, now_ms)

    def mend(self, now_ms: float) -> None:
        """It has its supply again, and contacts that open."""
        self._powered = True
        self._welded.clear()
        for relay, until_ms in enumerate(self._until_ms):
            self._set(relay, until_ms, now_ms)

    def advance(self, now_ms: float) -> None:
        """Let timers run out and contacts move."""
        for relay, until_ms in enumerate(self._until_ms):
            if -math.inf < until_ms <= now_ms:
                self._until_ms[relay] = -math.inf
                self._moves.append((until_ms + PULL_IN_MS, relay, False))
        for move in sorted(one for one in self._moves if one[0] <= now_ms):
            self._moves.remove(move)
            at_ms, relay, closed = move
            closed = closed or (relay in self._welded and self._closed[relay])
            if closed != self._closed[relay]:
                self._closed[relay] = closed
                self._switched(relay, closed, at_ms)
        self._plan()

    def answer(self, request: Request, now_ms: float) -> Answer | None:
        """Do what a request asks for."""
        if not self._powered:
            return None
        address, function = request.address, request.function
        if function == modbus.SET_COIL and modbus.PULSE_COILS <= address < modbus.PULSE_COILS + COILS:
            tenths = int.from_bytes(request.frame[4:6], "big")
            self._set(address - modbus.PULSE_COILS, now_ms + tenths * modbus.PULSE_UNIT_MS, now_ms)
        elif function == modbus.SET_COIL and address < COILS:
            self._set(address, math.inf if request.frame[4] else -math.inf, now_ms)
        elif function == modbus.READ_COILS and address + request.count <= COILS:
            return Answer(0, request, tuple(self._wanted()[address : address + request.count]))
        else:
            return Answer(0, request, failure=NO_SUCH_ADDRESS)
        return Answer(0, request)

    def _wanted(self) -> list[bool]:
        return [until_ms > -math.inf for until_ms in self._until_ms]

    def _set(self, relay: int, until_ms: float, now_ms: float) -> None:
        self._until_ms[relay] = until_ms
        self._moves = [move for move in self._moves if move[1] != relay]  # the coil holds its contact where it is
        self._moves.append((now_ms + PULL_IN_MS, relay, until_ms > -math.inf))
        self._plan()

    def _plan(self) -> None:
        times = [until_ms for until_ms in self._until_ms if until_ms > -math.inf]
        self.due_ms = min([*times, *(move[0] for move in self._moves)], default=math.inf)


class Bus(Units):
    """The modules on their line, an instrument in the sense of ``simulators.lines.port``.

    Args:
        relays: the module of ``UNITS``.
        registers: the analog module's registers at a moment.
        inputs: the input module's levels at a moment.
    """

    def __init__(
        self,
        relays: RelayModule,
        registers: Callable[[float], Sequence[int]],
        inputs: Callable[[float], Sequence[bool]],
    ) -> None:
        super().__init__(
            modbus.BAUD,
            {
                UNITS[RELAYS]: relays.answer,
                UNITS[ANALOG]: lambda request, now_ms: held(request, registers(now_ms)),
                UNITS[INPUTS]: lambda request, now_ms: _levels_of(request, inputs(now_ms)),
            },
        )
        self.relays = relays

    @property
    def due_ms(self) -> float:
        """When an answer begins, or a contact moves."""
        return min(super().due_ms, self.relays.due_ms)

    def speak(self, now_ms: float) -> bytes:
        """The answer that is due."""
        self.relays.advance(now_ms)
        return super().speak(now_ms)

    def hear(self, data: bytes, now_ms: float) -> None:
        """A request, or a part of one."""
        self.relays.advance(now_ms)
        super().hear(data, now_ms)


def _levels_of(request: Request, levels: Sequence[bool]) -> Answer:
    end = request.address + request.count
    if request.function != modbus.READ_INPUTS or end > len(levels):
        return Answer(0, request, failure=NO_SUCH_ADDRESS)
    return Answer(0, request, tuple(levels[request.address : end]))
