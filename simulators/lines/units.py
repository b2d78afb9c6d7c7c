"""Modbus units on one RS-485 line: each answers what is sent to its number, after the pause that such modules take. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence

from devices.sensors import modbus
from devices.sensors.modbus import Answer, Listener, Request

TURNAROUND_MS = 4.0
"""From the last bit of a request to the first one of its answer."""
NO_SUCH_ADDRESS = 2

Answering = Callable[[Request, float], Answer | None]
"""What a unit does when it is asked: of the request and the time. None: it has no supply."""


class Units:
    """Units by their number, an instrument in the sense of ``simulators.lines.port``."""

    def __init__(self, baud: int, units: Mapping[int, Answering], turnaround_ms: float = TURNAROUND_MS) -> None:
        self.baud = baud
        self._units = units
        self._turnaround_ms = turnaround_ms
        self._listeners = {unit: Listener(unit) for unit in units}
        self._reply = b""
        self._reply_ms = math.inf

    @property
    def due_ms(self) -> float:
        """When an answer begins."""
        return self._reply_ms

    def speak(self, now_ms: float) -> bytes:
        """The answer that is due."""
        if now_ms < self._reply_ms:
            return b""
        reply, self._reply, self._reply_ms = self._reply, b"", math.inf
        return reply

    def hear(self, data: bytes, now_ms: float) -> None:
        """A request, or a part of one."""
        for unit, listener in self._listeners.items():
            for request in listener.feed(data):
                answer = self._units[unit](request, now_ms)
                if answer is not None:
                    self._reply += modbus.encode(answer)
                    self._reply_ms = now_ms + self._turnaround_ms


def registers(request: Request, held: Sequence[int]) -> Answer:
    """The answer of a unit with these input registers."""
    end = request.address + request.count
    if request.function != modbus.READ_REGISTERS or end > len(held):
        return Answer(0, request, failure=NO_SUCH_ADDRESS)
    return Answer(0, request, registers=tuple(held[request.address : end]))
