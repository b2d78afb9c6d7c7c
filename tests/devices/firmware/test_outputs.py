"""Lamp, buzzer and motor of a board play the patterns of their kind."""

import itertools

import pytest

from devices.common.patterns import duty_at
from devices.firmware.outputs import FULL, Outputs, dimmed, switched
from devices.panic_button.patterns import PATTERNS as PANIC
from devices.sos_button.patterns import PATTERNS as SOS


class FakePwm:
    """Notes its duties."""

    def __init__(self) -> None:
        self.duties: list[int] = []

    def duty_u16(self, duty: int) -> None:
        self.duties.append(duty)


class FakePin:
    """Notes its levels."""

    def __init__(self) -> None:
        self.levels: list[int] = []

    def value(self, level: int) -> None:
        self.levels.append(level)


def test_a_lamp_is_off_at_first_and_then_as_bright_as_its_pattern() -> None:
    pwm = FakePwm()
    outputs = Outputs({"lamp": dimmed(pwm)}, SOS)
    outputs.output("lamp", "dispatched", 100)
    for now_ms in range(100, 2100):
        outputs.step(now_ms)
    assert pwm.duties == [0, FULL, FULL // 5, FULL, FULL // 5]


@pytest.mark.parametrize(("active_low", "levels"), [(False, [0, 1, 0, 1]), (True, [1, 0, 1, 0])])
def test_a_motor_is_on_from_half_the_duty_on(active_low: bool, levels: list[int]) -> None:
    pin = FakePin()
    outputs = Outputs({"haptic": switched(pin, active_low)}, {"haptic": {"x": ((10, 50), (10, 49), (10, 100))}})
    outputs.output("haptic", "x", 0)
    for now_ms in range(30):
        outputs.step(now_ms)
    assert pin.levels == levels


@pytest.mark.parametrize("table", [SOS, PANIC])
def test_every_pattern_stepped_only_when_due_is_always_right(
    table: dict[str, dict[str, tuple[tuple[int, int], ...]]],
) -> None:
    for name, patterns in table.items():
        for pattern, steps in patterns.items():
            shown: list[int] = []
            outputs = Outputs({name: shown.append}, table)
            outputs.output(name, pattern, 5000)
            due_ms = outputs.next_step_ms(5000)
            for now_ms in range(5000, 25_000, 10):
                if due_ms is not None and now_ms >= due_ms:
                    outputs.step(now_ms)
                    due_ms = outputs.next_step_ms(now_ms)
                assert shown[-1] == duty_at(steps, now_ms - 5000)[0], (name, pattern, now_ms)
            assert all(one != other for one, other in itertools.pairwise(shown))  # driven only when it changes


def test_the_next_step_is_that_of_whichever_comes_first() -> None:
    outputs = Outputs({"lamp": lambda _duty: None, "strobe": lambda _duty: None}, SOS)
    assert outputs.next_step_ms(0) is None
    outputs.output("strobe", "alarm", 0)
    assert outputs.next_step_ms(0) == 50
    outputs.output("lamp", "sending-no-link", 0)
    assert outputs.next_step_ms(60) == 100
    outputs.output("lamp", "acknowledged", 60)
    assert outputs.next_step_ms(60) == 1000


def test_what_is_not_fitted_stays_silent_and_what_is_not_known_is_an_error() -> None:
    outputs = Outputs({}, SOS)
    outputs.output("siren", "alarm", 0)
    assert outputs.next_step_ms(0) is None
    for name, pattern in (("siren", "song"), ("fountain", "off")):
        with pytest.raises(KeyError):
            outputs.output(name, pattern, 0)


def test_switched_off_is_dark_until_a_pattern_is_played() -> None:
    shown: list[int] = []
    outputs = Outputs({"lamp": shown.append}, SOS)
    outputs.output("lamp", "acknowledged", 0)
    outputs.off()
    outputs.step(10)
    assert (shown, outputs.next_step_ms(10)) == ([0, 100, 0], None)
    outputs.output("lamp", "acknowledged", 20)
    assert shown == [0, 100, 0, 100]
