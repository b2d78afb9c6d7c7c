"""The crosswalk's serial lines: sensors, the bus with relay and lamp currents, the far side.

Each line has its reader thread (``devices.sensors.serial_line``), which wakes the loop and no more: bytes become readings, and orders
bytes, in the loop. So a loop that stands still renews no pulse, and the lamps' supply ends with it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from devices.crosswalk.farside_link import BAUD as FARSIDE_BAUD
from devices.crosswalk.farside_link import Decoder, Order, State, encode
from devices.crosswalk.lamps import NAMES
from devices.crosswalk.relay import PULSE_MS
from devices.pins import monotonic_ms
from devices.sensors import modbus
from devices.sensors.bus import Bus, Poll
from devices.sensors.contacts import LAMP_LIMITS, lamp_currents
from devices.sensors.modbus import Answer
from devices.sensors.readings import Reading, Status
from devices.sensors.sensor import MODELS, Sensor
from devices.sensors.serial_line import Happening, Heard, SerialLine
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
RELAY_LIMITS = Limits(silent_ms=1_500)
"""While the lamps are dark and the relay is only asked, three questions; while they flash, six pulses."""

Report = Callable[[str, Any, int], None]


class Speaker(Protocol):
    """What hangs on a line: its happenings in, (input, value, time) out."""

    def take(self, happening: Happening) -> list[tuple[str, Any, int]]:
        """What follows from what happened to the line."""

    def tick(self, now_ms: int) -> list[tuple[str, Any, int]]:
        """Let time pass."""

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""


class OneSensor:
    """A sensor with its line to itself."""

    def __init__(self, name: str, sensor: Sensor) -> None:
        self._name = name
        self._sensor = sensor

    def take(self, happening: Happening) -> list[tuple[str, Any, int]]:
        """Readings and judgements."""
        return [(self._name, one, one.at_ms) for one in self._sensor.take(happening)]

    def tick(self, now_ms: int) -> list[tuple[str, Any, int]]:
        """Judgements, and what is to be asked."""
        return [(self._name, one, one.at_ms) for one in self._sensor.tick(now_ms)]

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""
        return self._sensor.next_tick_ms()


class LampBus:
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
        self._bus = Bus({RELAY_UNIT: "relay"}, limits, self._polls(), send, now_ms)

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

    def take(self, happening: Happening) -> list[tuple[str, Any, int]]:
        """Currents and judgements."""
        return [_named(one) for one in self._bus.take(happening)]

    def tick(self, now_ms: int) -> list[tuple[str, Any, int]]:
        """Judgements, and what is to be sent."""
        return [_named(one) for one in self._bus.tick(now_ms)]

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""
        return self._bus.next_tick_ms()

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

    def take(self, happening: Happening) -> list[tuple[str, Any, int]]:
        """What it says of itself."""
        if not isinstance(happening, Heard):
            return []
        return [
            (name, int(value), happening.at_ms)
            for state in self._decoder.feed(happening.data)
            if isinstance(state, State)
            for name, value in zip(("farside", "far-button", "far-pedestrian"), state, strict=True)
        ]

    def tick(self, _now_ms: int) -> list[tuple[str, Any, int]]:
        """Nothing: whether it answers is judged by the logic."""
        return []

    def next_tick_ms(self) -> None:
        """Never."""
        return


class Lines:
    """All lines of one crossing. ``settings`` are completed ones; ``report`` takes (input, value, time_ms), from any thread."""

    def __init__(self, settings: Mapping[str, Any], report: Report) -> None:
        now_ms = monotonic_ms()
        self._report = report
        self._woken: set[str] = set()
        self._lines: dict[str, SerialLine] = {}
        self._speakers: dict[str, Speaker] = {}
        for name, model in SENSORS.items():
            port = settings[name + "_port"]
            if port:
                line = self._line(name, port, MODELS[model].baud)
                self._speakers[name] = OneSensor(name, Sensor(name, MODELS[model], line.write, now_ms))
        bus = self._line("io", settings["io_port"], modbus.BAUD)
        self._speakers["io"] = self._bus = LampBus(settings["lamp_range_ma"], bus.write, now_ms)
        self._far: FarLink | None = None
        if settings["farside_port"]:
            far = self._line("farside", settings["farside_port"], FARSIDE_BAUD)
            self._speakers["farside"] = self._far = FarLink(far.write)

    def start(self) -> None:
        """Open all ports, or say that they cannot be opened."""
        for line in self._lines.values():
            line.start()

    def supply(self, pattern: str) -> None:
        """Hold the lamps' supply for ``PULSE_MS``, or switch it off."""
        self._bus.supply(pattern)

    def light(self, lit: bool, now_ms: int) -> None:
        """The lamps flash, or are dark."""
        self._bus.light(lit, now_ms)

    def farside(self, pattern: str) -> None:
        """Order the far side's pattern."""
        if self._far:
            self._far.order(pattern)

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        if self._woken:
            return now_ms
        due = [at_ms for one in self._speakers.values() if (at_ms := one.next_tick_ms()) is not None]
        return min(due, default=None)

    def step(self, now_ms: int) -> None:
        """Take what came, do what is due."""
        while self._woken:
            name = self._woken.pop()
            for happening in self._lines[name].take():
                self._tell(self._speakers[name].take(happening))
        for one in self._speakers.values():
            due_ms = one.next_tick_ms()
            if due_ms is not None and due_ms <= now_ms:
                self._tell(one.tick(now_ms))

    def close(self) -> None:
        """Give the ports back."""
        for line in self._lines.values():
            line.close()

    def _line(self, name: str, port: str, baud: int) -> SerialLine:
        def wake() -> None:
            self._woken.add(name)
            self._report(name, None, monotonic_ms())

        line = self._lines[name] = SerialLine(port, baud, wake)
        return line

    def _tell(self, said: list[tuple[str, Any, int]]) -> None:
        for name, value, at_ms in said:
            self._report(name, value, at_ms)


def _current(lamp: str) -> str:
    return "current-" + lamp


def _named(one: tuple[str, Reading] | Status) -> tuple[str, Any, int]:
    if isinstance(one, Status):
        return one.sensor, one, one.at_ms
    name, reading = one
    return name, reading, reading.at_ms
