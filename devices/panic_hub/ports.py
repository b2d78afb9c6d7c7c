"""The analog modules on their ports: each port asks its modules in turn, as fast as `devices.panic_hub.scan` reckons."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.panic_hub.scan import GAP_MS, exchange_ms, missed_pause_ms, pace_ms
from devices.panic_hub.settings import Module
from devices.sensors import modbus
from devices.sensors.bus import Bus, OneBus, Poll
from devices.sensors.contacts import voltages
from devices.sensors.serial_line import monotonic_ms
from devices.sensors.serial_lines import Report, SerialLines
from devices.sensors.watch import Limits

LIMITS = Limits(silent_ms=1_000)


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


class Ports(SerialLines):
    """All ports of one hub. ``settings`` are completed ones; ``report`` takes (input, value, time_ms), from any thread."""

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        super().__init__(report)
        on_port: dict[str, list[Module]] = {}
        for module in settings["modules"]:
            on_port.setdefault(module.port, []).append(module)
        for port, modules in on_port.items():
            line = self.line(port, port, settings["baud"], prompt=True)
            bus = port_bus(modules, settings["baud"], settings["answer_ms"], line.write, monotonic_ms())
            self.attend(port, OneBus(bus))
