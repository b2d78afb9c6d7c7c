"""Presses find their messages."""

from benchmarks.latency import by_time


def test_a_missed_press_takes_nobody_elses_message() -> None:
    ms = 1_000_000
    pressed = [0, 50 * ms, 100 * ms]
    assert by_time(pressed, [1 * ms, 102 * ms]) == [1.0, 2.0]
    assert by_time(pressed, [51 * ms]) == [1.0]
    assert by_time(pressed, []) == []
