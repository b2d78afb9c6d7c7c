"""The panic button's patterns: well formed, each state has its own, no two look or feel alike, idle is dark."""

from itertools import pairwise

from devices.common.patterns import duty_at
from devices.panic_button.logic import ALARM_LAMP, ALARM_TOUCH, OUTPUTS
from devices.panic_button.patterns import PATTERNS, TOUCH, once_ms


def test_every_output_has_its_table_and_every_state_its_pattern() -> None:
    assert set(PATTERNS) == set(OUTPUTS)
    assert set(ALARM_LAMP.values()) <= set(PATTERNS["lamp"])
    assert set(ALARM_TOUCH.values()) <= set(PATTERNS["haptic"])
    assert set(ALARM_LAMP) == set(ALARM_TOUCH)


def test_every_pattern_is_well_formed() -> None:
    for name, table in PATTERNS.items():
        for pattern, steps in table.items():
            assert all(0 <= duty <= 100 for _, duty in steps), (name, pattern)
            assert steps == ((0, steps[0][1]),) or all(duration_ms >= 50 for duration_ms, _ in steps), (name, pattern)


def test_no_two_patterns_look_or_feel_alike() -> None:
    for name in ("lamp", "haptic"):
        looks = sorted(
            tuple(duty_at(steps, at_ms)[0] for at_ms in range(0, 6000, 20)) for steps in PATTERNS[name].values()
        )
        assert all(one != other for one, other in pairwise(looks)), name


def test_an_idle_button_is_dark_and_wakes_for_no_light() -> None:
    assert duty_at(PATTERNS["lamp"]["idle"], 0) == (0, None)


def test_a_touch_played_once_ends_in_rest_so_that_a_late_end_is_not_felt() -> None:
    for name, steps in TOUCH.items():
        if name != "off":
            assert steps[-1][1] == 0, name
            assert steps[-1][0] >= 200, name
            assert once_ms(steps) <= 2500, name


def test_no_light_flashes_in_the_range_that_sets_off_seizures_while_nobody_calls() -> None:
    for name in ("idle", "offline", "drill", "fault", "tamper"):
        on = sum(1 for _, duty in PATTERNS["lamp"][name] if duty >= 50)
        assert on * 1000 <= 3 * max(once_ms(PATTERNS["lamp"][name]), 1000), name
