"""The analog modules on their ports: each port asks its modules in turn, as fast as `devices.panic_hub.scan` reckons.

Each port has its reader thread (``devices.sensors.serial_line``), which wakes the loop and no more: bytes become voltages in the loop.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.panic_hub.scan import GAP_MS, exchange_ms, missed_pause_ms, pace_ms
from devices.panic_hub.settings import Module
from devices.pins import monotonic_ms
from devices.sensors import modbus
from devices.sensors.bus import Bus, Poll
from devices.sensors.contacts import voltages
from devices.sensors.readings import Reading, Status
from devices.sensors.serial_line import SerialLine
from devices.sensors.watch import Limits

LIMITS = Limits(silent_ms=1_000)

Report = Callable[[str, Any, int], None]


def port_bus(modules: Sequence[Module], baud: int, answer_ms: int, send: Callable[[bytes], object], now_ms: int) -> Bus:
    """The bus that looks at the modules of one port. What a module says is judged, not whether it answers: errors are no voltages."""
    channels = [module.channels for module in modules]
    every_ms = pace_ms(channels, baud, answer_ms)
    missed_ms = missed_pause_ms(channels, baud, answer_ms)
    polls = [
        Poll(modbus.read_registers(one.unit, 0, one.channels), every_ms, voltages(one.name), missed_ms)
        for one in modules
    ]
    limits = {module.name: LIMITS for module in modules}
    return Bus(
        {}, limits, polls, send, now_ms, timeout_ms=2 * exchange_ms(max(channels), baud, answer_ms), gap_ms=GAP_MS
    )


class Ports:
    """All ports of one hub. ``settings`` are completed ones; ``report`` takes (input, value, time_ms), from any thread."""

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        self._report = report
        self._woken: set[str] = set()
        self._lines: dict[str, SerialLine] = {}
        self._buses: dict[str, Bus] = {}
        on_port: dict[str, list[Module]] = {}
        for module in settings["modules"]:
            on_port.setdefault(module.port, []).append(module)
        for port, modules in on_port.items():
            line = self._lines[port] = SerialLine(port, settings["baud"], self._waker(port), prompt=True)
            self._buses[port] = port_bus(modules, settings["baud"], settings["answer_ms"], line.write, monotonic_ms())

    def start(self) -> None:
        """Open all ports, or say that they cannot be opened."""
        for line in self._lines.values():
            line.start()

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        if self._woken:
            return now_ms
        due = [at_ms for bus in self._buses.values() if (at_ms := bus.next_tick_ms()) is not None]
        return min(due, default=None)

    def step(self, now_ms: int) -> None:
        """Take what came, ask what is due."""
        while self._woken:
            port = self._woken.pop()
            for happening in self._lines[port].take():
                self._tell(self._buses[port].take(happening))
        for bus in self._buses.values():
            due_ms = bus.next_tick_ms()
            if due_ms is not None and due_ms <= now_ms:
                self._tell(bus.tick(now_ms))

    def close(self) -> None:
        """Give the ports back."""
        for line in self._lines.values():
            line.close()

    def _waker(self, port: str) -> Callable[[], None]:
        def wake() -> None:
            self._woken.add(port)
            self._report(port, None, monotonic_ms())

        return wake

    def _tell(self, said: Sequence[tuple[str, Reading] | Status]) -> None:
        for one in said:
            name, value = (one.sensor, one) if isinstance(one, Status) else one
            self._report(name, value, value.at_ms)
