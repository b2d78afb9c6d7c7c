"""Modbus units on one line: who is asked when, orders first, silence of one unit, and relays that let go by themselves."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable

import pytest

from devices.sensors import contacts, modbus
from devices.sensors.bus import GAP_MS, ORDERS_MAX, TIMEOUT_MS, Bus, Poll
from devices.sensors.readings import Contacts, Health, LampCurrent, Reading, Status, Voltages
from devices.sensors.serial_line import Closed, Heard, Opened
from devices.sensors.watch import Limits

LIMITS = Limits(silent_ms=1_000)
INPUTS = modbus.read_inputs(1, 0, 8)
LAMPS = modbus.read_registers(2, 0, 2)


@dataclasses.dataclass
class Module:
    """A simulated unit: inputs, registers, and relays that end their pulses by themselves."""

    unit: int
    bits: list[bool] = dataclasses.field(default_factory=lambda: [True] * 8)
    registers: list[int] = dataclasses.field(default_factory=lambda: [4_000, 20_000])
    lit_until_ms: dict[int, int] = dataclasses.field(default_factory=dict)
    powered: bool = True

    def __post_init__(self) -> None:
        self.listener = modbus.Listener(self.unit)

    def hear(self, data: bytes, now_ms: int) -> bytes:
        said = b""
        for request in self.listener.feed(data) if self.powered else []:
            if request.function == modbus.SET_COIL and request.address >= modbus.PULSE_COILS:
                tenths = int.from_bytes(request.frame[4:6], "big")
                self.lit_until_ms[request.address - modbus.PULSE_COILS] = now_ms + tenths * 100
            bits = tuple(self.bits) if request.function == modbus.READ_INPUTS else ()
            registers = tuple(self.registers) if request.function == modbus.READ_REGISTERS else ()
            said += modbus.encode(modbus.Answer(now_ms, request, bits, registers))
        return said


class Line:
    """A bus, its modules, a clock, and the time that bytes take at 9600 baud."""

    def __init__(self, *modules: Module, doors: Limits = LIMITS) -> None:
        self.now = 0
        self.modules = modules
        self.sent: list[tuple[int, bytes]] = []
        self.coming: list[tuple[int, bytes]] = []
        self.said: list[tuple[str, Reading] | Status] = []
        polls = [
            Poll(INPUTS, 50, contacts.levels("doors")),
            Poll(INPUTS, 500, contacts.levels("buttons")),
            Poll(LAMPS, 250, contacts.lamp_currents(["left", "right"], 5_000)),
        ]
        limits = {
            "inputs": LIMITS,
            "currents": LIMITS,
            "doors": doors,
            "left": contacts.LAMP_LIMITS,
        }
        self.bus = Bus({1: "inputs", 2: "currents"}, limits, polls, self.send, 0)

    def send(self, data: bytes) -> None:
        self.sent.append((self.now, data))
        arrived_ms = self.now + len(data) + 1
        for module in self.modules:
            answer = module.hear(data, arrived_ms)
            if answer:
                self.coming.append((arrived_ms + 5 + len(answer), answer))

    def pass_ms(self, duration_ms: int, at_each: Callable[[], None] = lambda: None) -> None:
        for _ in range(duration_ms):
            self.now += 1
            at_each()
            for at_ms, data in [one for one in self.coming if one[0] <= self.now]:
                self.coming.remove((at_ms, data))
                self.said += self.bus.take(Heard(self.now, data))
            due = self.bus.next_tick_ms()
            if due is not None and due <= self.now:
                self.said += self.bus.tick(self.now)

    def open(self) -> "Line":
        self.said += self.bus.take(Opened(self.now))
        return self

    def readings(self, name: str) -> list[Reading]:
        return [one[1] for one in self.said if isinstance(one, tuple) and one[0] == name]

    @property
    def changes(self) -> list[tuple[str, Health]]:
        return [(one.sensor, one.state) for one in self.said if isinstance(one, Status)]


def test_inputs_and_lamps_are_read_all_the_time_each_in_its_turn() -> None:
    line = Line(Module(1), Module(2)).open()
    line.pass_ms(10_000)
    assert line.changes == []
    assert 150 <= len(line.readings("doors")) <= 200
    assert 35 <= len(line.readings("left")) <= 40
    buttons = line.readings("buttons")
    assert 18 <= len(buttons) <= 20
    assert isinstance(buttons[0], Contacts)
    assert buttons[0].active == (True,) * 8
    right = line.readings("right")[-1]
    assert right == LampCurrent(right.at_ms, "right", 5_000)


def test_a_contact_that_opens_is_seen_at_the_next_reading() -> None:
    inputs = Module(1)
    line = Line(inputs, Module(2)).open()
    line.pass_ms(1_000)
    inputs.bits[3] = False  # its contact opens
    at = line.now
    line.pass_ms(200)
    opened = [one for one in line.readings("doors") if isinstance(one, Contacts) and not all(one.active)]
    assert opened[0].at_ms <= at + 110
    assert opened[0].active == (True, True, True, False, True, True, True, True)


def test_one_request_at_a_time_with_a_pause_between() -> None:
    line = Line(Module(1), Module(2)).open()
    line.pass_ms(5_000)
    for (before_ms, frame), (after_ms, _frame) in zip(line.sent, line.sent[1:], strict=False):
        answered_ms = before_ms + len(frame) + 1 + 5 + 6
        assert after_ms >= min(answered_ms + GAP_MS, before_ms + TIMEOUT_MS)


def test_a_question_waits_for_quiet_but_not_for_ever() -> None:
    sent: list[int] = []
    now = 0
    bus = Bus({}, {}, [Poll(INPUTS, 500, contacts.levels("buttons"))], lambda _data: sent.append(now), 0)
    bus.take(Opened(0))
    for now in range(1200):
        bus.tick(now)
        if 497 <= now < 503 or now >= 1000:  # the last bytes of a late answer; then a line that never rests
            assert bus.take(Heard(now, b"\x55")) == []
    assert sent == [0, 502 + GAP_MS, 1000 + TIMEOUT_MS]


def test_what_comes_late_is_no_answer_to_another_question() -> None:
    bus = Bus({}, {}, [Poll(INPUTS, 50, contacts.levels("buttons"))], lambda _data: None, 0)
    bus.take(Opened(0))
    bus.ask([Poll(LAMPS, 50, contacts.voltages("volts"))], 10)
    bus.tick(TIMEOUT_MS)
    assert bus.take(Heard(TIMEOUT_MS + 20, modbus.encode(modbus.Answer(0, INPUTS, (True,) * 8)))) == []
    volts = bus.take(Heard(TIMEOUT_MS + 30, modbus.encode(modbus.Answer(0, LAMPS, registers=(1, 2)))))
    assert volts == [("volts", Voltages(TIMEOUT_MS + 30, (1, 2)))]


def test_two_questions_whose_answers_look_alike_are_not_asked() -> None:
    others = modbus.read_registers(2, 8, 2), modbus.read_registers(3, 0, 2), modbus.read_registers(2, 0, 3)
    for other, alike in zip(others, (True, False, False), strict=True):
        polls = [Poll(one, 50, contacts.voltages("volts")) for one in (LAMPS, other)]
        with pytest.raises(ValueError, match=r"unit 2 .* look alike") if alike else contextlib.nullcontext():
            Bus({}, {}, polls, lambda _data: None, 0)


def test_an_order_goes_before_all_questions() -> None:
    line = Line(Module(1), Module(2)).open()
    line.pass_ms(1_000)
    order = modbus.pulse(1, 0, 900)
    ordered = line.now
    assert line.bus.order(order)
    line.pass_ms(200)
    assert min(at for at, frame in line.sent if frame == order.frame) <= ordered + 30


def test_an_order_goes_first_even_where_a_question_is_always_due() -> None:
    sent: list[bytes] = []
    bus = Bus({}, {}, [Poll(INPUTS, 1, contacts.levels("buttons"))], sent.append, 0)
    bus.take(Opened(0))
    bus.tick(10)
    order = modbus.pulse(1, 0, 900)
    assert bus.order(order)
    bus.tick(10 + TIMEOUT_MS)
    assert sent == [INPUTS.frame, order.frame]


def test_a_relay_is_lit_as_long_as_it_is_ordered_and_dark_within_a_second_after() -> None:
    relays = Module(1)
    line = Line(relays, Module(2)).open()

    def light() -> None:
        if line.now % 300 == 0:
            line.bus.order(modbus.pulse(1, 0, 900))

    line.pass_ms(1_000, light)
    for _ in range(100):
        line.pass_ms(100, light)
        assert relays.lit_until_ms[0] > line.now
    stopped = line.now
    line.pass_ms(2_000)
    assert relays.lit_until_ms[0] <= stopped + 1_000


def test_a_unit_without_power_is_silent_alone_and_well_again_later() -> None:
    lamps = Module(2)
    line = Line(Module(1), lamps).open()
    line.pass_ms(5_000)
    lamps.powered = False
    line.pass_ms(5_000)
    assert sorted(line.changes) == [("currents", Health.SILENT), ("left", Health.SILENT)]
    before = len(line.readings("doors"))
    line.pass_ms(5_000)
    assert len(line.readings("doors")) - before >= 40, "the others are asked all the same"
    lamps.powered = True
    line.pass_ms(10_000)
    assert sorted(line.changes[2:]) == [("currents", Health.WELL), ("left", Health.WELL)]


def test_a_unit_that_does_not_answer_is_left_out_for_a_while_and_asked_again() -> None:
    sent: list[tuple[int, bytes]] = []
    now = [0]
    polls = [
        Poll(INPUTS, 10, contacts.levels("buttons")),
        Poll(LAMPS, 10, contacts.voltages("lamps"), missed_ms=300),
    ]
    bus = Bus({}, {}, polls, lambda data: sent.append((now[0], data)), 0, timeout_ms=20, gap_ms=1)
    bus.take(Opened(0))
    inputs = modbus.encode(modbus.Answer(0, INPUTS, (True,) * 8))
    for now[0] in range(1000):
        if sent and sent[-1] == (now[0] - 5, INPUTS.frame):
            bus.take(Heard(now[0], inputs))
        bus.tick(now[0])
    asked = [at_ms for at_ms, frame in sent if frame == LAMPS.frame]
    assert all(300 <= later - sooner <= 311 for sooner, later in itertools.pairwise(asked))
    others = [at_ms for at_ms, frame in sent if frame == INPUTS.frame]
    assert max(later - sooner for sooner, later in itertools.pairwise(others)) <= 10 + 20, "one timeout, no more"


def test_a_unit_that_answers_with_an_error_says_nothing() -> None:
    bus = Bus({}, {"volts": LIMITS}, [Poll(LAMPS, 10, contacts.voltages("volts"))], lambda _data: None, 0)
    bus.take(Opened(0))
    found: list[tuple[str, Reading] | Status] = []
    for at_ms in range(0, 1200, 20):
        found += bus.tick(at_ms)
        found += bus.take(Heard(at_ms + 5, modbus.encode(modbus.Answer(0, LAMPS, failure=2))))
    assert [(one.sensor, one.state) for one in found if isinstance(one, Status)] == [("volts", Health.SILENT)]


def test_registers_are_voltages_where_a_module_is_set_so() -> None:
    answer = modbus.Answer(7, LAMPS, registers=(0, 4999))
    assert contacts.voltages("volts")(answer) == [("volts", Voltages(7, (0, 4999)))]


def test_contacts_that_never_change_are_frozen_where_they_should_change() -> None:
    inputs = Module(1)
    inputs.bits[0] = False
    line = Line(inputs, Module(2), doors=Limits(silent_ms=1_000, frozen_ms=10_000)).open()
    line.pass_ms(12_000)
    assert line.changes == [("doors", Health.FROZEN)]


def test_a_broken_transducer_is_silent_while_its_module_is_well() -> None:
    lamps = Module(2)
    line = Line(Module(1), lamps).open()
    line.pass_ms(2_000)
    lamps.registers[0] = 0
    line.pass_ms(3_000)
    assert line.changes == [("left", Health.SILENT)]


def test_a_closed_line_takes_no_orders_and_forgets_those_that_waited() -> None:
    line = Line(Module(1), Module(2))
    assert not line.bus.order(modbus.pulse(1, 0, 900))
    line.open()
    for coil in range(ORDERS_MAX):
        assert line.bus.order(modbus.pulse(1, coil, 900))
    assert not line.bus.order(modbus.pulse(1, 99, 900))
    assert line.bus.order(modbus.pulse(1, 0, 500)), "it replaces the one that waits"
    line.said += line.bus.take(Closed(line.now, "gone"))
    line.pass_ms(3_000)
    assert {change[1] for change in line.changes} == {Health.LOST}
    line.open()
    line.pass_ms(1_000)
    assert not [frame for _at, frame in line.sent if frame[1] == modbus.SET_COIL]


def test_a_refusal_is_an_answer_without_readings() -> None:
    line = Line().open()
    line.pass_ms(1)
    line.said += line.bus.take(Heard(line.now, modbus.encode(modbus.Answer(0, INPUTS, failure=2))))
    line.pass_ms(30)
    line.said += line.bus.take(Heard(line.now, modbus.encode(modbus.Answer(0, INPUTS, failure=2))))
    assert line.said == []
    assert [frame for _at, frame in line.sent] == [INPUTS.frame, INPUTS.frame]


def test_noise_on_the_line_is_babble_of_the_unit_that_was_asked() -> None:
    line = Line().open()
    for _ in range(400):
        line.pass_ms(10)
        line.said += line.bus.take(Heard(line.now, b"\x00\xff" * 10))
    assert {change[1] for change in line.changes if change[0] in ("inputs", "currents")} == {
        Health.BABBLING,
        Health.SILENT,
    }
