"""The SOS button's patterns: well formed, each state has its own, and no two look alike."""

from itertools import pairwise

from devices.common.alarms import ACKNOWLEDGED, DISPATCHED, RECEIVED
from devices.common.patterns import duty_at
from devices.sos_button.logic import ALARM_LAMP
from devices.sos_button.patterns import PATTERNS


def test_every_pattern_is_well_formed() -> None:
    for name, table in PATTERNS.items():
        for pattern, steps in table.items():
            assert all(0 <= duty <= 100 for _, duty in steps), (name, pattern)
            assert steps == ((0, steps[0][1]),) or all(duration_ms >= 50 for duration_ms, _ in steps), (name, pattern)


def test_every_lamp_pattern_lights_a_lamp_without_pwm_too() -> None:
    for pattern, steps in PATTERNS["lamp"].items():
        assert max(duty for _, duty in steps) >= 50, pattern


def test_no_two_lamp_patterns_look_alike() -> None:
    looks = sorted(
        tuple(duty_at(steps, at_ms)[0] for at_ms in range(0, 6000, 20)) for steps in PATTERNS["lamp"].values()
    )
    assert all(one != other for one, other in pairwise(looks))


def test_every_receipted_state_has_its_lamp() -> None:
    assert {ALARM_LAMP[state] for state in (RECEIVED, ACKNOWLEDGED, DISPATCHED)} <= set(PATTERNS["lamp"])


def test_no_light_flashes_in_the_range_that_sets_off_seizures_on_the_strobe() -> None:
    # WCAG 2.2, 2.3.1: not more than three flashes a second, for the bright public light
    cycle_ms = sum(duration_ms for duration_ms, _ in PATTERNS["strobe"]["alarm"])
    assert cycle_ms * 3 >= 1000
