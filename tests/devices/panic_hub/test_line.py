"""One line, against the words in which its rules are told, over every sequence of a length."""

import itertools
import re

import pytest

from devices.common.contact import CLEARED, PRESS, RELEASE, STUCK
from devices.panic_hub import SETTINGS, line
from devices.panic_hub.line import Line
from devices.panic_hub.loop import Bands, State
from tests.devices.panic_hub.world import LEAK, OPEN, PRESSED, REST, SHORT

BANDS = Bands({name: default for name, (_type, default, *_rest) in SETTINGS.items()})
MV = {"n": REST, "P": PRESSED, "o": OPEN, "s": SHORT, "l": LEAK}
PRESS_WORDS = re.compile("PP(?:[^P]?P)*")
"""Two looks that read pressed; the press lasts until two looks in a row read otherwise."""


def run(letters: str, every_ms: int = 20) -> tuple[Line, list[tuple[int, int]]]:
    made = Line(BANDS, 30_000)
    said = []
    for number, letter in enumerate(letters):
        said += made.sample(MV[letter], number * every_ms)
    return made, said


@pytest.mark.parametrize("first", MV)
def test_every_sequence_of_seven_looks_gives_the_presses_that_it_should(first: str) -> None:
    for others in itertools.product("nPs" if first in "nP" else "nPo", repeat=6):
        letters = first + "".join(others)
        made, said = run(letters)
        expected = [match.start() * 20 for match in PRESS_WORDS.finditer(letters)]
        assert [at_ms for gesture, at_ms in said if gesture == PRESS] == expected, letters
        ends = [match.end() * 20 for match in PRESS_WORDS.finditer(letters) if match.end() + 2 <= len(letters)]
        assert [at_ms for gesture, at_ms in said if gesture == RELEASE] == ends, letters
        assert made.fault is None, "nothing lasted for a second"


def test_a_voltage_at_rest_changes_nothing_only_where_nothing_is_under_way() -> None:
    made = Line(BANDS, 30_000)
    assert not made.still(REST), "the first one says that the line is there"
    made.sample(REST, 0)
    assert made.still(REST)
    for odd in (PRESSED, OPEN, SHORT, LEAK):
        assert not made.still(odd)
    made.sample(OPEN, 20)
    assert not made.still(REST)


@pytest.mark.parametrize(("mv", "state"), [(OPEN, State.OPEN), (SHORT, State.SHORT), (LEAK, State.OUT_OF_BAND)])
def test_a_fault_is_one_after_a_second_and_over_after_ten_without(mv: int, state: State) -> None:
    made = Line(BANDS, 30_000)
    made.sample(REST, 0)
    for at_ms in range(20, 1020, 20):
        made.sample(mv, at_ms)
        assert made.fault is None
    made.sample(mv, 1020)
    assert made.fault == state
    for at_ms in range(1040, 11_020, 20):
        made.sample(REST if at_ms % 40 else PRESSED, at_ms)
        assert made.fault == state
    made.sample(REST, 11_020)
    assert made.fault is None


def test_a_loose_wire_is_a_fault_although_it_is_never_off_for_long() -> None:
    made = Line(BANDS, 30_000)
    for at_ms in range(0, 2000, 200):
        made.sample(OPEN, at_ms)
        made.sample(REST, at_ms + 100)
    assert made.fault == State.OPEN


def test_one_that_slips_now_and_then_is_none() -> None:
    made = Line(BANDS, 30_000)
    for at_ms in range(0, 60_000, 1200):
        made.sample(OPEN, at_ms)
        made.sample(REST, at_ms + line.CALM_MS)
    assert made.fault is None


def test_a_fault_that_becomes_another_is_told_when_that_lasts() -> None:
    made = Line(BANDS, 30_000)
    faults = []
    for at_ms in range(0, 1100 + line.CHANGE_MS + 20, 20):
        made.sample(OPEN if at_ms < 1100 else SHORT, at_ms)
        faults.append(made.fault)
    assert faults[-2:] == [State.OPEN, State.SHORT]


def test_a_line_nobody_looks_at_heals_only_when_it_was_seen_well_for_long() -> None:
    made = Line(BANDS, 30_000)
    for at_ms in range(0, 1100, 20):
        made.sample(OPEN, at_ms)
    assert made.lost(1100) == []
    faults = []
    for at_ms in (60_000, 60_000 + line.WELL_MS - 20, 60_000 + line.WELL_MS):
        made.sample(REST, at_ms)
        faults.append(made.fault)
    assert faults == [State.OPEN, State.OPEN, None]


def test_a_held_button_is_stuck_in_time_and_free_again_when_let_go_or_lost() -> None:
    for ending in ("release", "lost"):
        made = Line(BANDS, 30_000)
        said = [one for at_ms in range(0, 30_020, 20) for one in made.sample(PRESSED, at_ms)]
        assert said == [(PRESS, 0), (STUCK, 30_000)]
        held = [made.held_since_ms]
        if ending == "lost":
            assert made.lost(30_500) == [(RELEASE, 30_500), (CLEARED, 30_500)]
        else:
            made.sample(REST, 30_500)
            assert made.sample(REST, 30_520) == [(RELEASE, 30_500), (CLEARED, 30_500)]
        held.append(made.held_since_ms)
        assert held == [0, None]
        assert (made.pressed, made.stuck) == (False, False)


def test_half_a_press_before_the_line_is_lost_is_no_press_after() -> None:
    made = Line(BANDS, 30_000)
    assert made.sample(PRESSED, 0) == []
    made.lost(20)
    assert made.sample(PRESSED, 40) == []
    assert made.sample(PRESSED, 60) == [(PRESS, 40)]


def test_a_hold_does_not_go_on_while_the_button_reads_as_let_go() -> None:
    made = Line(BANDS, 30_000)
    held = []
    for at_ms, mv in ((0, PRESSED), (20, PRESSED), (40, REST), (60, PRESSED)):
        made.sample(mv, at_ms)
        held.append(made.held_since_ms)
    assert held == [None, 0, None, 0]
