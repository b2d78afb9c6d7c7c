"""The beacon's patterns are what their sources say, and such that a lamp in fault is found within a second."""

import pytest

from devices.crosswalk import SETTINGS
from devices.crosswalk.lamps import CYCLE_MAX_MS, LATE_MS
from devices.crosswalk.patterns import BASES, OFF, OUTPUTS, PROOF, beacon_patterns, cycle_ms, longest_ms, name_of
from devices.crosswalk.relay import PERIOD_MS, PULSE_MS


def test_the_rapid_flash_is_that_of_interim_approval_21() -> None:
    pattern = BASES["ia-21"]
    assert cycle_ms(pattern) == 800
    lit = [("LRB"[left // 100 + 2 * (right // 100) - 1], ms) for ms, left, right in pattern if left or right]
    assert lit == [("L", 50), ("R", 50), ("L", 50), ("R", 50), ("B", 50), ("B", 50)]
    assert [ms for ms, left, right in pattern if not left and not right] == [50, 50, 50, 50, 50, 250]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("lamp", [0, 1])
def test_each_lamp_is_lit_and_dark_often_enough_to_be_judged(base: str, lamp: int) -> None:
    pattern = BASES[base]
    assert 0 < longest_ms(pattern, lamp, True) <= CYCLE_MAX_MS
    assert 0 < longest_ms(pattern, lamp, False) <= CYCLE_MAX_MS
    assert CYCLE_MAX_MS < LATE_MS < 1000


def test_the_table_has_every_name_and_dims_and_masks() -> None:
    table = beacon_patterns("ia-21", 30)
    names = {
        name_of("ia-21", night, (left, right))
        for night in (False, True)
        for left in (False, True)
        for right in (False, True)
    }
    assert names | {PROOF} == set(table)
    assert table[OFF] == ((0, 0, 0),)
    assert {left for _ms, left, _right in table["ia-21-night"]} == {0, 30}
    assert not any(left for _ms, left, _right in table["ia-21-right"])
    assert any(right for _ms, _left, right in table["ia-21-right"])
    assert all(cycle_ms(pattern) == 800 for name, pattern in table.items() if name not in (OFF, PROOF))


def test_the_default_pattern_is_known() -> None:
    assert SETTINGS["pattern"][1] in BASES


def test_no_pattern_of_any_output_means_red_or_green() -> None:
    names = {name for base in BASES for name in beacon_patterns(base, 30)}
    names |= {name for table in OUTPUTS.values() for name in table} | set(OUTPUTS)
    assert not [name for name in names if "red" in name or "green" in name]


def test_a_dead_agent_is_dark_within_a_second_and_one_lost_pulse_is_survived() -> None:
    assert PULSE_MS + PERIOD_MS <= 1000
    assert 2 * PERIOD_MS < PULSE_MS
