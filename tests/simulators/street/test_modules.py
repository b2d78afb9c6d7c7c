"""Relays that let go by themselves, lamps that draw current, and modules that answer as Modbus has it."""

import pytest

from devices.sensors import modbus
from simulators.lines.port import Port
from simulators.lines.units import TURNAROUND_MS
from simulators.street.lamps import RATED_MA, SHORT_MA, Lamp, LampFault
from simulators.street.modules import PULL_IN_MS, UNITS, Bus, RelayModule


class Line:
    """A master on the modules' line; ``switched`` is what the supply's contact did."""

    def __init__(self) -> None:
        self.switched: list[tuple[bool, float]] = []
        self.relays = RelayModule(
            lambda relay, closed, at_ms: self.switched.append((closed, at_ms)) if relay == 0 else None
        )
        self.port = Port(Bus(self.relays, lambda _now_ms: [4000, 9600], lambda _now_ms: [True]), "line")

    def ask(self, request: modbus.Request, at_ms: float, wait_ms: float = 60) -> list[modbus.Answer]:
        decoder = modbus.Decoder()
        decoder.expect(request)
        self.port.take(at_ms)
        self.port.write(request.frame, at_ms)
        found = []
        for later in range(int(wait_ms)):
            found += decoder.feed(self.port.take(at_ms + later), int(at_ms + later))
        return found


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_pulse_ends_by_the_modules_own_timer(line: Line) -> None:
    [answer] = line.ask(modbus.pulse(UNITS["relays"], 0, 700), 1000.0)
    asked_ms = 1000 + 8 * 10 / 9.6
    assert answer.at_ms == pytest.approx(asked_ms + TURNAROUND_MS + 8 * 10 / 9.6, abs=2)
    line.port.take(3000.0)
    assert [closed for closed, _at_ms in line.switched] == [True, False]
    expected = [asked_ms + PULL_IN_MS, asked_ms + 700 + PULL_IN_MS]
    assert [at_ms for _closed, at_ms in line.switched] == pytest.approx(expected, abs=1)


def test_a_pulse_renewed_in_time_never_lets_go(line: Line) -> None:
    for at_ms in range(1000, 4000, 250):
        line.ask(modbus.pulse(UNITS["relays"], 0, 700), float(at_ms))
    assert [closed for closed, _at_ms in line.switched] == [True]
    line.port.take(9000.0)
    assert [closed for closed, _at_ms in line.switched] == [True, False]
    assert 4400 < line.switched[1][1] < 4600


def test_a_coil_that_is_set_stays_until_it_is_unset(line: Line) -> None:
    line.ask(modbus.set_coil(UNITS["relays"], 0, on=True), 0.0)
    line.port.take(60_000.0)
    assert line.relays.closed(0)
    [answer] = line.ask(modbus.read_coils(UNITS["relays"], 0, 2), 60_000.0)
    assert answer.bits == (True, False)
    line.ask(modbus.set_coil(UNITS["relays"], 0, on=False), 61_000.0)
    line.port.take(62_000.0)
    assert not line.relays.closed(0)


def test_a_welded_contact_does_not_open(line: Line) -> None:
    line.ask(modbus.pulse(UNITS["relays"], 0, 700), 0.0)
    line.relays.weld(0)
    line.port.take(5000.0)
    assert line.relays.closed(0)
    line.relays.mend(5000.0)
    line.port.take(5100.0)
    assert not line.relays.closed(0)


def test_a_contact_that_is_open_does_not_weld(line: Line) -> None:
    line.relays.weld(0)
    line.ask(modbus.set_coil(UNITS["relays"], 0, on=False), 100.0)
    assert not line.relays.closed(0)


def test_without_its_supply_the_module_is_silent_and_its_relays_let_go(line: Line) -> None:
    line.ask(modbus.pulse(UNITS["relays"], 0, 700), 0.0)
    line.relays.cut_power(50.0)
    line.port.take(60.0)
    assert not line.relays.closed(0)
    assert line.ask(modbus.pulse(UNITS["relays"], 0, 700), 100.0) == []
    line.relays.mend(300.0)
    assert len(line.ask(modbus.pulse(UNITS["relays"], 0, 700), 300.0)) == 1
    assert line.relays.closed(0)


def test_each_module_answers_to_its_own_number(line: Line) -> None:
    [analog] = line.ask(modbus.read_registers(UNITS["analog"], 0, 2), 0.0)
    assert analog.registers == (4000, 9600)
    [inputs] = line.ask(modbus.read_inputs(UNITS["inputs"], 0, 1), 1000.0)
    assert inputs.bits == (True,)
    assert line.ask(modbus.read_registers(9, 0, 2), 2000.0, 200) == []


@pytest.mark.parametrize(
    "request_",
    [modbus.read_registers(2, 1, 2), modbus.read_inputs(3, 1, 1), modbus.read_coils(1, 7, 2), modbus.pulse(1, 8, 100)],
)
def test_what_a_module_does_not_have_is_refused(line: Line, request_: modbus.Request) -> None:
    [answer] = line.ask(request_, 0.0)
    assert answer.failure == 2


def lamp(fault: LampFault | None, *, duty: float, supplied: bool = True) -> float:
    one = Lamp()
    one.fault = fault
    one.supply(supplied, 0.0)
    one.drive(duty, 0.0)
    return one.ma(1000.0)


def test_a_lamp_draws_what_its_duty_says_if_it_has_supply() -> None:
    assert lamp(None, duty=1.0) == pytest.approx(RATED_MA)
    assert lamp(None, duty=0.3) == pytest.approx(0.3 * RATED_MA)
    assert lamp(None, duty=1.0, supplied=False) == 0


def test_lamps_that_are_not_sound() -> None:
    assert lamp(LampFault.BROKEN, duty=1.0) == 0
    assert lamp(LampFault.STUCK_ON, duty=0.0) == pytest.approx(RATED_MA)
    assert lamp(LampFault.STUCK_ON, duty=0.0, supplied=False) == 0
    assert 0 < lamp(LampFault.DEGRADED, duty=1.0) < 300
    assert lamp(LampFault.SHORT, duty=1.0) == pytest.approx(SHORT_MA)


def test_current_rises_within_a_flash_and_falls_within_a_pause() -> None:
    one = Lamp()
    one.supply(True, 0.0)
    one.drive(1.0, 1000.0)
    assert one.ma(1000.0) == 0
    assert one.ma(1040.0) > 0.9 * RATED_MA
    one.drive(0.0, 1050.0)
    assert one.ma(1095.0) < 0.01 * RATED_MA
