"""``dabyl simulate hub``, as a person calls it."""

import json

import pytest

from simulators.board.cli import main
from simulators.hub.trial import Press, taken, unseen


@pytest.mark.mosquitto
def test_presses_over_a_kill_are_all_told_with_their_rooms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hub", "--zones", "3", "--presses", "4", "--kills", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("zones", "presses", "lost", "duplicated", "starts", "wrong")} == {
        "zones": 3, "presses": 4, "lost": 0, "duplicated": 0, "starts": 2, "wrong": [],
    }  # fmt: skip
    assert 4 - told["unseen"] <= told["verified"] <= 4
    assert told["look_ms"]["n"] > 10


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--zones", "33"], "33 is not in the range 1<=x<=32"),
        (["--presses", "3", "--kills", "2", "--cuts", "1"], "together are less than --presses"),
        (["--zones", "1", "--cuts", "1"], "--cuts needs two zones"),
    ],
)
def test_options_that_make_no_sense_are_explained(
    options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hub", *options]) == 2
    assert text in capsys.readouterr().err


def test_a_press_that_was_looked_at_once_is_unseen() -> None:
    ms = 1_000_000
    looks = [[at * ms for at in (0, 20, 40, 60, 140, 160)]]
    pressed = [Press(0, 5 * ms, 60, True), Press(1, 45 * ms, 60, True), Press(2, 128 * ms, 60, True)]
    assert unseen(pressed, looks) == [pressed[1]]


def test_a_look_counts_when_its_answer_came_before_the_next_one() -> None:
    assert taken([10, 30, 50, 70], [5, 22, 75, 76]) == [10, 70]
    assert taken([10, 30], []) == []
    assert taken([], [5]) == []
