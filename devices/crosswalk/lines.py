"""The crosswalk's serial lines: sensors, the bus with relay and lamp currents, the far side.

Orders become bytes in the loop (``devices.sensors.serial_lines``). So a loop that stands still renews no pulse, and the lamps' supply ends
with it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from devices.crosswalk.farside_link import BAUD as FARSIDE_BAUD
from devices.crosswalk.farside_link import Decoder, Order, State, encode
from devices.crosswalk.lamps import NAMES
from devices.crosswalk.relay import PULSE_MS
from devices.sensors import modbus
from devices.sensors.bus import Bus, OneBus, Poll
from devices.sensors.contacts import LAMP_LIMITS, lamp_currents
from devices.sensors.modbus import Answer
from devices.sensors.readings import Reading, Said
from devices.sensors.sensor import MODELS, OneSensor, Sensor
from devices.sensors.serial_line import Happening, Heard, monotonic_ms
from devices.sensors.serial_lines import Report, SerialLines
from devices.sensors.watch import Limits

SENSORS = {"tracker": "ld2450", "presence": "ld2410", "speed": "ops243", "charger": "vedirect"}
"""Sensor -> its model; its setting is its name and ``_port``."""
RELAY_UNIT = 1
SUPPLY_COIL = 0
CURRENT_UNIT = 2
"""Its input registers 0 and 1 are the loops of the left and the right lamp's transducer, in microamperes."""
LIT_MS = 20
"""From sample to sample of the lamps' currents while they flash: as fast as the bus is, 27 ms, or 53 ms when the relay's pulse comes in
between; a flash lasts 50 ms."""
DARK_MS = 400
RELAY_MS = 400
FAR_INPUTS = ("farside", "far-button", "far-pedestrian", "far-waiting", "far-well")
"""Inputs of the logic, in the order of ``farside_link.State``."""
RELAY_LIMITS = Limits(silent_ms=1_500)
"""While the lamps are dark and the relay is only asked, three questions; while they flash, six pulses."""


class LampBus(OneBus):
    """The bus with the relay in the lamps' supply, and the lamps' currents.

    Args:
        range_ma: full range of the transducers.
        send: takes what is to be sent.
        now_ms: monotonic.
    """

    def __init__(self, range_ma: int, send: Callable[[bytes], object], now_ms: int) -> None:
        self._currents = lamp_currents(NAMES, range_ma)
        self._lit = False
        limits = {"relay": RELAY_LIMITS, **{_current(name): LAMP_LIMITS for name in NAMES}}
        super().__init__(Bus({RELAY_UNIT: "relay"}, limits, self._polls(), send, now_ms))

    def supply(self, pattern: str) -> None:
        """In the next tick, which is due at once, send the relay a pulse, or switch it off."""
        if pattern == "pulse":
            self._bus.order(modbus.pulse(RELAY_UNIT, SUPPLY_COIL, PULSE_MS))
        else:
            self._bus.order(modbus.set_coil(RELAY_UNIT, SUPPLY_COIL, on=False))

    def light(self, lit: bool, now_ms: int) -> None:
        """The lamps flash, or are dark, from now on."""
        if lit != self._lit:
            self._lit = lit
            self._bus.ask(self._polls(), now_ms)

    def _polls(self) -> list[Poll]:
        registers = modbus.read_registers(CURRENT_UNIT, 0, len(NAMES))
        if self._lit:
            return [Poll(registers, LIT_MS, self._read)]
        coil = modbus.read_coils(RELAY_UNIT, SUPPLY_COIL, 1)
        return [Poll(registers, DARK_MS, self._read), Poll(coil, RELAY_MS, lambda _answer: [])]

    def _read(self, answer: Answer) -> list[tuple[str, Reading]]:
        return [(_current(name), reading) for name, reading in self._currents(answer)]


class FarLink:
    """The link to the far side."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._decoder = Decoder()

    def order(self, pattern: str) -> None:
        """Tell it what to do."""
        self._send(encode(Order(pattern)))

    def take(self, happening: Happening) -> list[Said]:
        """What it says of itself."""
        if not isinstance(happening, Heard):
            return []
        return [
            (name, int(value), happening.at_ms)
            for state in self._decoder.feed(happening.data)
            if isinstance(state, State)
            for name, value in zip(FAR_INPUTS, state, strict=True)
        ]

    def tick(self, _now_ms: int) -> list[Said]:
        """Nothing: whether it answers is judged by the logic."""
        return []

    def next_tick_ms(self) -> None:
        """Never."""
        return


class NearLink:
    """The same link as the far side has it."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._decoder = Decoder()

    def tell(self, state: State) -> None:
        """Say how it is here."""
        self._send(encode(state))

    def take(self, happening: Happening) -> list[Said]:
        """What it is ordered to do."""
        if not isinstance(happening, Heard):
            return []
        heard = self._decoder.feed(happening.data)
        return [("order", one.pattern, happening.at_ms) for one in heard if isinstance(one, Order)]

    def tick(self, _now_ms: int) -> list[Said]:
        """Nothing: an order that does not come is the logic's business."""
        return []

    def next_tick_ms(self) -> None:
        """Never."""
        return


class SideLines(SerialLines):
    """The lines that both sides have: sensors and lamps. ``report`` takes (input, value, time_ms), from any thread.

    Args:
        settings: completed ones.
    """

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        now_ms = monotonic_ms()
        super().__init__(report)
        for name, model in SENSORS.items():
            port = settings.get(name + "_port")
            if port:
                line = self.line(name, port, MODELS[model].baud)
                self.attend(name, OneSensor(name, Sensor(name, MODELS[model], line.write, now_ms)))
        bus = self.line("io", settings["io_port"], modbus.BAUD)
        self._bus = LampBus(settings["lamp_range_ma"], bus.write, now_ms)
        self.attend("io", self._bus)

    def supply(self, pattern: str) -> None:
        """Hold the lamps' supply for ``PULSE_MS``, or switch it off."""
        self._bus.supply(pattern)

    def light(self, lit: bool, now_ms: int) -> None:
        """The lamps flash, or are dark."""
        self._bus.light(lit, now_ms)


class Lines(SideLines):
    """All lines of the near side, which has the controller."""

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        super().__init__(settings, report)
        self._far: FarLink | None = None
        if settings["farside_port"]:
            far = self.line("farside", settings["farside_port"], FARSIDE_BAUD)
            self._far = FarLink(far.write)
            self.attend("farside", self._far)

    def farside(self, pattern: str) -> None:
        """Order the far side's pattern."""
        if self._far:
            self._far.order(pattern)


class FarLines(SideLines):
    """All lines of the far side."""

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        super().__init__(settings, report)
        near = self.line("near", settings["near_port"], FARSIDE_BAUD)
        self._near = NearLink(near.write)
        self.attend("near", self._near)

    def tell(self, state: State) -> None:
        """Tell the near side how it is here."""
        self._near.tell(state)


def _current(lamp: str) -> str:
    return "current-" + lamp
