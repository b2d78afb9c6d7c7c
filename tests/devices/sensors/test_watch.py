"""The judgement on a sensor: each fault in its time, one word about it, and over only when it is over."""

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sensors.readings import (
    Charge,
    ChargeState,
    Health,
    LampCurrent,
    Motion,
    Presence,
    Speed,
    Status,
    Target,
    Targets,
)
from devices.sensors.watch import Limits, Watch

LIMITS = Limits(silent_ms=1_000, frozen_ms=5_000, window_ms=2_000, lost_ms=1_000, well_ms=3_000)
SOMEBODY = (Target(100, 2000, 0, 320),)


class Line:
    """A watch and a clock: says what changed, in words."""

    def __init__(self, limits: Limits = LIMITS, *, is_open: bool = True) -> None:
        self.now = 0
        self.watch = Watch("tracker", limits, 0)
        self.changes: list[tuple[int, str]] = []
        self.heard_ever: list[bool] = []
        if is_open:
            self.note(self.watch.opened(0))

    def note(self, changes: list[Status]) -> None:
        for change in changes:
            assert change.sensor == "tracker"
            self.changes.append((change.at_ms, change.state.value))
            self.heard_ever.append(change.heard)

    def pass_ms(self, duration_ms: int) -> None:
        """Tick exactly when asked to."""
        end = self.now + duration_ms
        ticks = 0
        while (due := self.watch.next_tick_ms()) is not None and due <= end:
            self.now = max(due, self.now)
            self.note(self.watch.tick(self.now))
            ticks += 1
            assert ticks < 1000, "a busy loop"
        self.now = end

    def speak(
        self, duration_ms: int, *, noise: int = 0, sense: int = 30, same: bool = False, every_ms: int = 100
    ) -> None:
        """A report each tenth of a second, trembling unless it is to be the ``same``."""
        source = random.Random(self.now)
        for _ in range(duration_ms // every_ms):
            self.pass_ms(every_ms)
            if sense:
                x_mm = 5 if same else source.randrange(10_000)
                self.watch.read(Targets(self.now, (Target(x_mm, 2000, 0, 320),)))
            self.note(self.watch.heard(self.now, sense, noise))

    @property
    def states(self) -> list[str]:
        return [state for _at, state in self.changes]


def test_a_sensor_that_speaks_is_well_and_nothing_is_said_about_it() -> None:
    line = Line()
    line.speak(60_000)
    assert line.changes == []


def test_silence_is_told_in_its_time_and_over_after_a_while_of_sense() -> None:
    line = Line()
    line.speak(5_000)
    line.pass_ms(10_000)
    assert line.changes == [(6_000, "silent")]
    line.speak(10_000)
    assert line.changes[1:] == [(15_100 + 3_000, "well")]


def test_a_line_that_never_says_anything_is_silent() -> None:
    line = Line()
    line.pass_ms(60_000)
    assert line.changes == [(1_000, "silent")]
    assert line.heard_ever == [False]


def test_a_sensor_that_stutters_is_one_fault_and_not_many() -> None:
    line = Line()
    for _ in range(20):
        line.speak(500)
        line.pass_ms(1_500)
    assert line.states == ["silent"]
    line.speak(5_000)
    assert line.states == ["silent", "well"]


def test_noise_alone_is_babble_a_wrong_baud_rate_for_instance() -> None:
    line = Line()
    line.speak(10_000, noise=30, sense=0)
    assert line.states[-1] == "babbling"
    assert line.heard_ever[-1] is False
    assert next(at for at, state in line.changes if state == "babbling") <= 2_100
    line.speak(10_000)
    assert line.states[-2:] == ["babbling", "well"]


def test_sense_among_more_noise_is_babble_too_and_known_to_be_the_sensor() -> None:
    line = Line()
    line.speak(10_000, noise=40, sense=30)
    assert line.states == ["babbling"]
    assert line.heard_ever == [True]


@pytest.mark.parametrize(("noise", "sense"), [(29, 30), (3, 1)])
def test_a_little_noise_is_no_fault(noise: int, sense: int) -> None:
    line = Line()
    line.speak(20_000, noise=noise, sense=sense)
    assert line.changes == []


def test_more_than_a_line_may_bring_is_babble() -> None:
    line = Line()
    line.speak(1_000)
    line.note(line.watch.heard(line.now, 30, 0, overran=True))
    assert line.states == ["babbling"]
    line.speak(10_000)
    assert line.states == ["babbling", "well"]


def test_one_reading_over_and_over_is_frozen() -> None:
    line = Line()
    line.speak(3_000)
    line.speak(20_000, same=True)
    assert line.changes == [(3_100 + 5_000, "frozen")]
    line.speak(5_000)
    assert line.states == ["frozen", "well"]


def test_a_reading_that_ended_is_not_frozen_while_only_answers_come() -> None:
    line = Line(Limits(silent_ms=1_000, frozen_ms=5_000))
    line.speak(4_000, same=True)
    for _ in range(300):
        line.pass_ms(100)
        line.note(line.watch.heard(line.now, 25, 0))
    assert line.changes == []


def test_an_empty_street_is_never_frozen() -> None:
    line = Line()
    for _ in range(1_000):
        line.pass_ms(100)
        line.watch.read(Targets(line.now, ()))
        line.note(line.watch.heard(line.now, 30, 0))
    assert line.changes == []


@pytest.mark.parametrize(
    "nothing",
    [
        Presence(0, False, False, 500, 500, 3),
        Speed(0, 0, True, 55),
        Motion(0, False),
        LampCurrent(0, "left", 0),
    ],
)
def test_nothing_to_be_seen_is_never_frozen(nothing: Presence | Speed | Motion | LampCurrent) -> None:
    line = Line()
    for _ in range(200):
        line.pass_ms(100)
        line.watch.read(dataclasses.replace(nothing, at_ms=line.now))
        line.note(line.watch.heard(line.now, 30, 0))
    assert line.changes == []


@pytest.mark.parametrize(
    "something",
    [
        Presence(0, False, True, 500, 500, 3),
        Speed(0, 1, True),
        Motion(0, True),
        LampCurrent(0, "left", 1),
        Charge(0, 1, 1, None, 1, ChargeState.OFF),
    ],
)
def test_something_that_never_changes_is_frozen(something: Presence | Speed | Motion | LampCurrent | Charge) -> None:
    line = Line()
    for _ in range(100):
        line.pass_ms(100)
        line.watch.read(dataclasses.replace(something, at_ms=line.now))
        line.note(line.watch.heard(line.now, 30, 0))
    assert line.states == ["frozen"]


def test_the_same_again_after_a_pause_is_not_frozen() -> None:
    line = Line(Limits(silent_ms=0, frozen_ms=5_000))
    for _ in range(50):
        line.pass_ms(2_100)
        line.watch.read(Speed(line.now, 8_330, True))
        line.note(line.watch.heard(line.now, 30, 0))
    assert line.changes == []


def test_a_line_that_closes_is_lost_and_well_again_only_when_it_speaks() -> None:
    line = Line()
    line.speak(5_000)
    line.note(line.watch.closed(line.now))
    line.pass_ms(20_000)
    assert line.changes == [(6_000, "lost")]
    line.note(line.watch.opened(line.now))
    line.pass_ms(800)
    assert line.states == ["lost"]
    line.speak(10_000)
    assert line.states == ["lost", "well"]


def test_a_line_that_is_back_and_says_nothing_is_silent() -> None:
    line = Line(is_open=False)
    line.pass_ms(5_000)
    line.note(line.watch.opened(line.now))
    line.pass_ms(5_000)
    assert line.changes == [(1_000, "lost"), (6_000, "silent")]


def test_a_plug_that_is_loose_for_a_moment_is_no_fault() -> None:
    line = Line()
    for _ in range(50):
        line.speak(1_000)
        line.note(line.watch.closed(line.now))
        line.pass_ms(900)
        line.note(line.watch.opened(line.now))
    assert line.changes == []


def test_a_plug_that_is_loose_for_long_is_one_fault() -> None:
    line = Line()
    for _ in range(50):
        line.speak(1_000)
        line.note(line.watch.closed(line.now))
        line.pass_ms(1_100)
        line.note(line.watch.opened(line.now))
    assert line.states == ["lost"]


def test_what_is_not_to_be_judged_is_not() -> None:
    line = Line(Limits(silent_ms=0, frozen_ms=0))
    line.speak(10_000, same=True)
    line.pass_ms(10_000_000)
    assert line.changes == []
    assert line.watch.next_tick_ms() is None


def test_a_contact_that_never_speaks_unasked_gets_well_by_time_alone() -> None:
    line = Line(Limits(silent_ms=0, frozen_ms=0), is_open=False)
    line.pass_ms(2_000)
    line.note(line.watch.opened(line.now))
    line.pass_ms(10_000)
    assert line.changes == [(1_000, "lost"), (5_000, "well")]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"window_ms": 0}, "window_ms is 0; it must be above 0"),
        ({"noise_bytes": 0}, "noise_bytes is 0"),
        ({"well_ms": -1}, "well_ms is -1"),
        ({"silent_ms": -1}, "silent_ms is -1; it must not be below 0"),
        ({"frozen_ms": -1}, "frozen_ms is -1"),
        ({"lost_ms": -1}, "lost_ms is -1"),
        ({"noise_percent": 0}, "noise_percent is 0; it must be within 1 and 99"),
        ({"noise_percent": 100}, "noise_percent is 100"),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Limits(**wrong)


MOVE = st.sampled_from(("open", "close", "sense", "noise", "both", "same", "wait", "overrun"))


@settings(max_examples=150, deadline=None)
@given(moves=st.lists(st.tuples(MOVE, st.integers(1, 3_000)), max_size=60))
def test_whatever_happens_it_never_says_a_thing_twice_and_gets_well_in_the_end(moves: list[tuple[str, int]]) -> None:
    line = Line()
    for move, wait_ms in moves:
        if move == "open":
            line.note(line.watch.opened(line.now))
        elif move == "close":
            line.note(line.watch.closed(line.now))
        elif move == "same":
            line.watch.read(Targets(line.now, SOMEBODY))
            line.note(line.watch.heard(line.now, 30, 0))
        elif move != "wait":
            sense = 30 if move in ("sense", "both") else 0
            noise = 100 if move in ("noise", "both") else 0
            line.note(line.watch.heard(line.now, sense, noise, overran=move == "overrun"))
        line.pass_ms(wait_ms)
    line.note(line.watch.opened(line.now))
    line.speak(2 * LIMITS.window_ms + LIMITS.well_ms + 500)
    assert all(a != b for a, b in zip(line.states, line.states[1:], strict=False))
    assert line.watch.state == Health.WELL
    assert [at for at, _state in line.changes] == sorted(at for at, _state in line.changes)
