"""Patterns: each moment has its duty, and no two lamps look alike."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devices.sos_button.alarms import ACKNOWLEDGED, DISPATCHED, RECEIVED
from devices.sos_button.logic import ALARM_LAMP
from devices.sos_button.patterns import PATTERNS, duty_at

patterns = st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 100)), min_size=1, max_size=8).map(tuple)


@given(patterns, st.integers(0, 100_000))
def test_the_duty_holds_until_the_next_step(pattern: tuple[tuple[int, int], ...], elapsed_ms: int) -> None:
    duty, left_ms = duty_at(pattern, elapsed_ms)
    assert left_ms is not None
    assert left_ms > 0
    assert duty_at(pattern, elapsed_ms + left_ms - 1) == (duty, 1)


@given(patterns, st.integers(0, 50))
def test_a_pattern_repeats(pattern: tuple[tuple[int, int], ...], cycles: int) -> None:
    cycle_ms = sum(duration_ms for duration_ms, _ in pattern)
    assert duty_at(pattern, cycles * cycle_ms) == (pattern[0][1], pattern[0][0])


def test_a_steady_pattern_never_asks_for_a_step() -> None:
    assert duty_at(((0, 100),), 12345) == (100, None)


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
