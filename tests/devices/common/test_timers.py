"""Timers: each name runs until its end, and its end is told once."""

from devices.common.timers import Timers


def test_a_name_runs_until_its_end_and_not_at_it() -> None:
    timers = Timers()
    timers.start("lamp", 100)
    assert timers.running("lamp", 99)
    assert not timers.running("lamp", 100)
    assert not timers.running("siren", 0)


def test_ends_are_told_once_and_stopped_ones_never() -> None:
    timers = Timers()
    for name, end_ms in (("a", 100), ("b", 200), ("c", 150)):
        timers.start(name, end_ms)
    timers.stop(("c", "unknown"))
    assert timers.next_ms() == 100
    assert timers.expired(99) == []
    assert timers.expired(100) == ["a"]
    assert timers.next_ms() == 200
    assert timers.expired(500) == ["b"]
    assert timers.expired(500) == []
    assert timers.next_ms() is None


def test_a_name_started_again_has_the_new_end() -> None:
    timers = Timers()
    timers.start("a", 100)
    timers.start("a", 300)
    assert timers.expired(200) == []
    assert timers.running("a", 299)
