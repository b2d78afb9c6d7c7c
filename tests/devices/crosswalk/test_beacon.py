"""The beacon's player on mock pins: steps by absolute deadlines, dimming, taking over, and darkness at the end."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from devices.crosswalk.beacon import NS, Player, step_at
from devices.crosswalk.patterns import BASES, OFF, beacon_patterns, cycle_ms

PATTERNS = {
    **beacon_patterns("ia-21", 30),
    "quick": ((4, 100, 0), (4, 0, 100)),
    "quick-night": ((4, 30, 0), (4, 0, 30)),
}
PATIENCE_S = 10


class Watched:
    """A pin that tells what it is set to."""

    def __init__(self, pin: Any) -> None:
        self.seen: list[float] = []
        self.changed = threading.Condition()
        self._pin = pin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pin, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("state", "frequency"):
            setattr(self._pin, name, value)
            if name == "state":
                with self.changed:
                    self.seen.append(value)
                    self.changed.notify_all()
        else:
            super().__setattr__(name, value)

    def wait(self, *values: float) -> None:
        """Until it was set to these in turn, after the call."""
        with self.changed:
            begin = len(self.seen)
            assert self.changed.wait_for(lambda: _holds(self.seen[begin:], values), PATIENCE_S), self.seen[begin:]


def _holds(seen: list[float], values: tuple[float, ...]) -> bool:
    return any(tuple(seen[at : at + len(values)]) == values for at in range(len(seen)))


class Board:
    """Two lamps' pins and their player."""

    def __init__(self, pin_class: type[MockPin]) -> None:
        self.factory = MockFactory(pin_class=pin_class)
        self.left, self.right = (Watched(self.factory.pin(f"GPIO{number}")) for number in (23, 24))
        self.player = Player((self.left, self.right), PATTERNS)


@pytest.fixture(params=[MockPin, MockPWMPin], ids=["on-off", "pwm"])
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    made = Board(request.param)
    yield made
    made.player.close()
    made.factory.reset()


@pytest.mark.parametrize("base", BASES)
def test_each_moment_has_the_step_of_the_pattern_and_the_time_that_is_left(base: str) -> None:
    pattern = BASES[base]
    at_ms = 0
    for duration_ms, left, right in pattern * 3:
        assert step_at(pattern, at_ms * NS) == ((left, right), duration_ms * NS)
        assert step_at(pattern, (at_ms + duration_ms) * NS - 1) == ((left, right), 1)
        at_ms += duration_ms


def test_no_lateness_adds_up() -> None:
    pattern = BASES["ia-21"]
    late_ns = 3 * NS
    at_ns, starts = 0, []
    for _ in range(12 * 50):  # each step is played 3 ms late
        duties, left_ns = step_at(pattern, at_ns)
        assert left_ns is not None
        if duties == (100, 0) and at_ns % (cycle_ms(pattern) * NS) < 50 * NS:
            starts.append(at_ns)
        at_ns += left_ns + late_ns
    assert {end - start for start, end in itertools.pairwise(starts[1:])} == {800 * NS}


def test_off_is_steady_and_dark() -> None:
    assert step_at(PATTERNS[OFF], 12345) == ((0, 0), None)


def test_the_lamps_take_turns_and_end_dark(board: Board) -> None:
    board.player.start()
    board.player.play("quick")
    board.left.wait(1, 0, 1, 0)
    board.right.wait(1, 0, 1, 0)
    board.player.play(OFF)
    board.player.close()
    assert board.left.seen[-1] == board.right.seen[-1] == 0
    assert board.factory.pin("GPIO23").function == "input", "given back"


def test_at_night_they_are_dimmed_or_bright_where_there_is_no_pwm(board: Board) -> None:
    pwm = isinstance(board.factory.pin("GPIO23"), MockPWMPin)
    board.player.start()
    board.player.play("quick-night")
    board.left.wait(0.3 if pwm else 1, 0)
    board.player.play("quick")
    board.left.wait(1, 0)
    assert board.factory.pin("GPIO23").frequency is None


def test_one_that_takes_over_goes_on_in_the_same_time(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = 1000 * NS
    monkeypatch.setattr("time.monotonic_ns", lambda: now_ns)
    board.player.play("ia-21")
    now_ns += 300 * NS
    board.player.play("ia-21-right")
    assert board.player._began_ns == 1000 * NS
    board.player.play(OFF)
    board.player.play("ia-21")
    assert board.player._began_ns == 1300 * NS


def test_an_unknown_pattern_is_an_error_and_changes_nothing(board: Board) -> None:
    with pytest.raises(KeyError):
        board.player.play("red")
    assert board.player._pattern == PATTERNS[OFF]
