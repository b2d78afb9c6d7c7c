"""What hangs on the crosswalk's lines, on a fake clock: who is asked, what is ordered, and what comes of the answers."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from devices.crosswalk.farside_link import Order, State, encode
from devices.crosswalk.lines import CURRENT_UNIT, DARK_MS, RELAY_UNIT, SUPPLY_COIL, FarLink, LampBus
from devices.crosswalk.relay import PERIOD_MS, PULSE_MS
from devices.sensors import ld2450, modbus
from devices.sensors.modbus import Answer, Listener, Request
from devices.sensors.readings import Health, LampCurrent, Status, Target, Targets
from devices.sensors.sensor import MODELS, OneSensor, Sensor
from devices.sensors.serial_line import Closed, Heard, Opened

RANGE_MA = 2000
ANSWERS_MS = 12
LOOPS = (9600, 4000)
"""700 mA in the left lamp, none in the right one."""


class Modules:
    """The modules at the other end of the bus, and the clock."""

    def __init__(self) -> None:
        self.now = 1000
        self.asked: list[tuple[int, Request]] = []
        self.told: list[tuple[str, Any, int]] = []
        self.mute: set[int] = set()
        self._listeners = [Listener(RELAY_UNIT), Listener(CURRENT_UNIT)]
        self._answers: list[tuple[int, bytes]] = []
        self.bus = LampBus(RANGE_MA, self._hear, self.now)
        self.told += self.bus.take(Opened(self.now))

    def _hear(self, data: bytes) -> None:
        for listener in self._listeners:
            for request in listener.feed(data):
                self.asked.append((self.now, request))
                if request.unit not in self.mute:
                    self._answers.append((self.now + ANSWERS_MS, modbus.encode(self._answer(request))))

    def _answer(self, request: Request) -> Answer:
        if request.function == modbus.READ_REGISTERS:
            return Answer(0, request, registers=LOOPS)
        if request.function == modbus.READ_COILS:
            return Answer(0, request, (False,))
        return Answer(0, request)

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while True:
            due = [at_ms for at_ms, _data in self._answers[:1]]
            tick_ms = self.bus.next_tick_ms()
            if tick_ms is not None:
                due.append(max(tick_ms, self.now))
            if not due or min(due) > end:
                break
            self.now = min(due)
            if self._answers and self._answers[0][0] <= self.now:
                self.told += self.bus.take(Heard(self.now, self._answers.pop(0)[1]))
            self.told += self.bus.tick(self.now)
        self.now = end

    def orders(self) -> list[tuple[int, int, int]]:
        """(time, address, value) of what the relay was told."""
        return [
            (at_ms, one.address, int.from_bytes(one.frame[4:6], "big"))
            for at_ms, one in self.asked
            if one.function == modbus.SET_COIL
        ]

    def samples(self) -> list[LampCurrent]:
        return [value for _name, value, _at_ms in self.told if isinstance(value, LampCurrent)]

    def judged(self) -> list[tuple[str, str]]:
        return [(name, value.state.value) for name, value, _at_ms in self.told if isinstance(value, Status)]


def test_a_pulse_is_what_the_relay_times_itself() -> None:
    modules = Modules()
    modules.pass_ms(200)
    modules.bus.supply("pulse")
    modules.pass_ms(50)
    assert modules.orders()[0][1:] == (modbus.PULSE_COILS + SUPPLY_COIL, PULSE_MS // modbus.PULSE_UNIT_MS)


def test_no_pulse_is_ever_sent_that_was_not_ordered() -> None:
    modules = Modules()
    modules.bus.light(True, modules.now)
    for _ in range(4):
        modules.bus.supply("pulse")
        modules.pass_ms(PERIOD_MS)
    sent = len(modules.orders())
    assert sent == 4
    modules.pass_ms(10_000)
    assert len(modules.orders()) == sent


def test_pulses_go_before_questions_however_busy_the_bus_is() -> None:
    modules = Modules()
    modules.bus.light(True, modules.now)
    modules.pass_ms(500)
    for _ in range(20):
        ordered_ms = modules.now
        modules.bus.supply("pulse")
        modules.pass_ms(PERIOD_MS)
        assert modules.orders()[-1][0] - ordered_ms <= 20


def test_even_a_unit_that_is_silent_delays_a_pulse_by_its_timeout_only() -> None:
    modules = Modules()
    modules.mute.add(CURRENT_UNIT)
    modules.bus.light(True, modules.now)
    for _ in range(20):
        ordered_ms = modules.now
        modules.bus.supply("pulse")
        modules.pass_ms(PERIOD_MS)
        assert modules.orders()[-1][0] - ordered_ms <= 110
    assert modules.judged() == [("current-left", "silent"), ("current-right", "silent")]


def test_the_last_order_counts() -> None:
    modules = Modules()
    modules.bus.light(True, modules.now)
    modules.pass_ms(95)
    for pattern in ("pulse", "off", "pulse"):
        modules.bus.supply(pattern)
    modules.pass_ms(200)
    assert modules.orders()[-1][1] == modbus.PULSE_COILS + SUPPLY_COIL
    for pattern in ("pulse", "off"):
        modules.bus.supply(pattern)
    modules.pass_ms(200)
    assert modules.orders()[-1][1:] == (SUPPLY_COIL, 0)


def test_lamps_are_sampled_fast_while_they_flash_and_slowly_in_the_dark() -> None:
    modules = Modules()
    modules.pass_ms(10 * DARK_MS)
    assert 18 <= len(modules.samples()) <= 22
    assert {(one.lamp, one.ma) for one in modules.samples()} == {("left", 700), ("right", 0)}
    modules.told.clear()
    modules.bus.light(True, modules.now)
    modules.pass_ms(1000)
    times = [one.at_ms for one in modules.samples() if one.lamp == "left"]
    assert max(after - before for before, after in itertools.pairwise(times)) <= 50


def test_all_well_is_told_by_nobody() -> None:
    modules = Modules()
    modules.pass_ms(10_000)
    modules.bus.light(True, modules.now)
    modules.pass_ms(1000)
    assert modules.judged() == []


def test_a_relay_that_does_not_answer_is_a_fault_in_the_dark_already() -> None:
    modules = Modules()
    modules.mute.add(RELAY_UNIT)
    modules.pass_ms(2000)
    assert modules.judged() == [("relay", "silent")]
    modules.mute.clear()
    modules.pass_ms(6000)
    assert modules.judged()[1:] == [("relay", "well")]


def test_a_bus_without_its_port_is_lost() -> None:
    modules = Modules()
    modules.told += modules.bus.take(Closed(modules.now, "unplugged"))
    modules.pass_ms(1000)
    assert sorted(modules.judged()) == [("current-left", "lost"), ("current-right", "lost"), ("relay", "lost")]


def test_a_sensor_speaks_under_its_own_name() -> None:
    sensor = OneSensor("tracker", Sensor("tracker", MODELS["ld2450"], lambda _data: None, 0))
    assert sensor.take(Opened(0)) == []
    seen = Targets(40, (Target(-500, 2000, 0, 320),))
    assert sensor.take(Heard(40, ld2450.encode(seen.targets))) == [("tracker", seen, 40)]
    due_ms = sensor.next_tick_ms()
    assert due_ms is not None
    assert sensor.tick(due_ms) == [("tracker", Status(due_ms, "tracker", Health.SILENT), due_ms)]


@pytest.fixture
def far() -> tuple[list[bytes], FarLink]:
    sent: list[bytes] = []
    keep: Callable[[bytes], object] = sent.append
    return sent, FarLink(keep)


def test_the_far_side_is_ordered_and_its_state_is_five_inputs(far: tuple[list[bytes], FarLink]) -> None:
    sent, link = far
    link.order("ia-21")
    assert sent == [encode(Order("ia-21"))]
    names = ("farside", "far-button", "far-pedestrian", "far-waiting", "far-well")
    for number in range(32):
        levels = [number >> place & 1 for place in range(5)]
        said = encode(State(*map(bool, levels)))
        assert link.take(Heard(70, said)) == [(name, level, 70) for name, level in zip(names, levels, strict=True)]


def test_an_echo_of_its_own_orders_says_nothing(far: tuple[list[bytes], FarLink]) -> None:
    sent, link = far
    link.order("ia-21")
    assert link.take(Heard(5, sent[0])) == []
    assert link.take(Closed(6, "unplugged")) == []
    assert link.tick(7) == []
    assert link.next_tick_ms() is None  # type: ignore[func-returns-value]  # the protocol's answer
