"""The gpiozero binding on mock pins: raw edges with times come in, patterns go out, no pin is shared or left on."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device, DigitalInputDevice
from gpiozero.exc import GPIOPinInUse
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from agent.effects import EMIT
from devices.common.settings import SettingsError
from devices.pins import PinError, monotonic_ms
from devices.sos_button import KIND, SETTINGS, make_binding, make_logic
from devices.sos_button.linux import Binding
from devices.sos_button.patterns import PATTERNS

Inputs = list[tuple[str, int, int]]
ALL = {"tamper_pin": 5, "supply_pin": 6, "strobe_pin": 22, "siren_pin": 23, "relay_pin": 24}


@pytest.fixture(params=[MockPin, MockPWMPin], ids=["on-off", "pwm"])
def factory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    mock = MockFactory(pin_class=request.param)
    monkeypatch.setattr(Device, "pin_factory", mock)
    yield mock
    mock.reset()


@pytest.fixture
def seen() -> Inputs:
    return []


@pytest.fixture
def bound(factory: Any, seen: Inputs) -> Iterator[Binding]:
    board = Binding(ALL, lambda name, value, time_ms: seen.append((name, value, time_ms)))
    yield board
    board.close()


def test_starting_reports_every_fitted_input_once(bound: Binding, seen: Inputs) -> None:
    bound.start()
    assert [(name, value) for name, value, _ in seen] == [("button", 0), ("tamper", 1), ("supply", 0)]


def test_an_edge_comes_raw_with_its_own_time(bound: Binding, seen: Inputs, factory: Any) -> None:
    bound.start()
    seen.clear()
    before_ms = monotonic_ms()
    for _ in range(5):
        factory.pin("GPIO17").drive_low()
        factory.pin("GPIO17").drive_high()
    assert [(name, value) for name, value, _ in seen] == [("button", 1), ("button", 0)] * 5
    assert all(before_ms - 1 <= time_ms <= monotonic_ms() for _, _, time_ms in seen)


def test_an_edge_that_arrives_late_keeps_the_time_it_happened(bound: Binding, seen: Inputs, factory: Any) -> None:
    bound.start()
    seen.clear()
    before_ms = monotonic_ms()
    bound._handlers[0](time.monotonic() - 0.250, 0)
    assert seen[0][:2] == ("button", 1)
    assert before_ms - 251 <= seen[0][2] <= monotonic_ms() - 249


@pytest.mark.parametrize("skew_s", [-1.7e9, 1.7e9, 11.0])
def test_an_edge_stamped_by_another_clock_counts_as_now(bound: Binding, seen: Inputs, skew_s: float) -> None:
    bound.start()
    seen.clear()
    before_ms = monotonic_ms()
    bound._handlers[0](time.monotonic() + skew_s, 0)
    assert before_ms <= seen[0][2] <= monotonic_ms()


def test_reading_heals_an_edge_that_never_came(bound: Binding, seen: Inputs, factory: Any) -> None:
    bound.start()
    pin = factory.pin("GPIO17")
    pin._change_state(False)  # the level changes, no edge is told
    assert bound.read() == {"button": 1, "tamper": 1, "supply": 0}


def test_input_polarity_and_pull_follow_the_settings(factory: Any, seen: Inputs) -> None:
    settings = {**ALL, "button_active_low": False, "tamper_active_low": True, "supply_active_low": True}
    board = Binding(settings, lambda *_: None)
    assert factory.pin("GPIO17").pull == "down"
    assert factory.pin("GPIO5").pull == "up"
    assert factory.pin("GPIO6").pull == "up"
    assert board.read() == {"button": 0, "tamper": 0, "supply": 0}
    board.close()


def test_a_cut_tamper_wire_reads_as_opened(bound: Binding, factory: Any) -> None:
    factory.pin("GPIO5").drive_low()
    assert bound.read()["tamper"] == 0
    factory.pin("GPIO5").drive_high()  # what the pull-up does when the wire is cut
    assert bound.read()["tamper"] == 1


def test_a_pattern_is_stepped_by_the_loop(bound: Binding, factory: Any) -> None:
    bound.output("strobe", "alarm", 1000)
    strobe = factory.pin("GPIO22")
    assert strobe.state == 1
    assert bound.next_step_ms(1000) == 1050
    bound.step(1049)
    assert strobe.state == 1
    bound.step(1050)
    assert strobe.state == 0
    assert bound.next_step_ms(1050) == 2000
    bound.output("strobe", "off", 1500)
    assert bound.next_step_ms(1500) is None


def test_the_idle_lamp_dims_with_pwm_and_goes_dark_without(bound: Binding, factory: Any) -> None:
    lamp = factory.pin("GPIO18")
    bound.output("lamp", "idle", 0)
    duties = []
    for at_ms in range(0, 10_000, 200):
        bound.step(at_ms)
        duties.append(lamp.state)
    if factory.pin_class is MockPWMPin:
        assert lamp.frequency == 200
        assert sorted(set(duties)) == [0.05, 0.5]
    else:
        assert set(duties) == {0, 1}


def test_outputs_that_are_active_low_start_and_end_off(factory: Any) -> None:
    board = Binding({**ALL, "outputs_active_low": True}, lambda *_: None)
    relay = factory.pin("GPIO24")
    assert relay.state == 1
    board.output("relay", "on", 0)
    assert relay.state == 0
    relay.clear_states()
    board.close()
    assert relay.function == "input"
    assert relay.states[1].state == 1


def test_an_output_that_is_not_fitted_is_silent_and_an_unknown_pattern_is_an_error(factory: Any) -> None:
    board = Binding({"lamp_pin": -1}, lambda *_: None)
    board.output("siren", "alarm", 0)
    assert board.next_step_ms(0) is None
    with pytest.raises(KeyError):
        board.output("siren", "lullaby", 0)
    board.close()


def test_a_pin_in_use_elsewhere_is_a_clear_error_and_frees_what_was_taken(factory: Any) -> None:
    other = DigitalInputDevice(24)
    with pytest.raises(PinError, match="relay_pin GPIO24 cannot be an output: pin GPIO24 is already in use"):
        Binding(ALL, lambda *_: None)
    other.close()
    Binding(ALL, lambda *_: None).close()


def test_nobody_else_gets_a_pin_while_the_button_has_it(bound: Binding) -> None:
    with pytest.raises(GPIOPinInUse):
        DigitalInputDevice(17)


def test_a_pin_with_a_fixed_pull_up_is_refused_for_a_pull_down(factory: Any) -> None:
    with pytest.raises(PinError, match="button_pin GPIO2 cannot be an input with pull-down"):
        Binding({"button_pin": 2, "button_active_low": False}, lambda *_: None)


def test_the_same_pin_twice_is_refused_before_any_hardware_is_touched(factory: Any) -> None:
    with pytest.raises(SettingsError, match="button_pin and relay_pin both name GPIO17"):
        Binding({"relay_pin": 17}, lambda *_: None)
    assert factory.pins == {}


def test_after_closing_nothing_is_reported_and_everything_is_off(bound: Binding, seen: Inputs, factory: Any) -> None:
    bound.start()
    bound.output("relay", "on", 0)
    bound.close()
    bound.close()
    Binding(ALL, lambda *_: None).close()  # the pins are free, though the closed binding still lives
    seen.clear()
    factory.pin("GPIO17").drive_low()
    assert seen == []
    assert factory.pin("GPIO24").function == "input"


def test_a_bouncing_press_through_the_pins_is_one_alarm(factory: Any) -> None:
    seen: Inputs = []
    board = make_binding({}, lambda name, value, time_ms: seen.append((name, value, time_ms)))
    button = make_logic({}, monotonic_ms())
    board.start()
    pin = factory.pin("GPIO17")
    for _ in range(6):
        pin.drive_low()
        pin.drive_high()
    pin.drive_low()
    effects: list[Any] = [effect for edge in seen for effect in button.input(*edge)]
    effects += button.tick(monotonic_ms() + 31)
    assert [effect[2] for effect in effects if effect[0] == EMIT] == ["alarm.raised"]
    for name, value in board.read().items():
        button.input(name, value, monotonic_ms() + 32)
    for effect in effects:
        if effect[0] != EMIT:
            board.output(effect[1], effect[2], monotonic_ms())
    board.close()


def test_every_output_of_the_pattern_table_has_a_pin_setting() -> None:
    assert {f"{name}_pin" for name in PATTERNS} <= set(SETTINGS)
    assert KIND == "sos-button"


def test_naming_the_kind_loads_neither_logic_nor_gpiozero() -> None:
    code = (  # twice, because the first call loads the module
        "import sys, devices.sos_button as kind\n"
        "kind.SETTINGS\n"
        "print('gpiozero' in sys.modules, 'devices.sos_button.logic' in sys.modules)\n"
        "kind.make_logic({}, 0), kind.make_logic({}, 0)\n"
        "print(sorted(set(sys.modules) & {'gpiozero', 'typing', 'dataclasses', 'enum', 'json', 'pathlib', 'logging', 're'}))\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "False False\n[]\n"


def test_a_machine_without_gpio_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    with pytest.raises(PinError, match=r"no GPIO on this machine .*install lgpio, or set GPIOZERO_PIN_FACTORY"):
        Binding({}, lambda *_: None)
