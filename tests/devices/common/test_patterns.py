"""Patterns: each moment has its duty."""

from hypothesis import given
from hypothesis import strategies as st

from devices.common.patterns import LAMP, duty_at, lamp

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


def test_a_kind_adds_to_the_language_of_all_lamps_and_changes_it_for_no_other() -> None:
    words = lamp({"idle": ((0, 0),)})
    assert words == {**LAMP, "idle": ((0, 0),)}
    assert "idle" not in LAMP
