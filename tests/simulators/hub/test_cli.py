"""``dabyl simulate hub``, as a person calls it."""

import json

import pytest

from simulators.board.cli import main


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
