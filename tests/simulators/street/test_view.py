"""The picture fits its terminal and says what is so; the command refuses what makes no sense."""

import io
import json

import pytest
from rich.console import Console

from simulators.board.cli import main
from simulators.street.run import Run, settings_for
from simulators.street.view import BELOW, ROWS, Moment, Picture
from simulators.street.world import Plan

PLAN = Plan(7, groups_h=600, vehicles_h=400)


@pytest.fixture(scope="module")
def run() -> Run:
    made = Run(PLAN, settings_for(PLAN))
    made.rig.break_it("presence", "silent")
    made.until(25_000)
    return made


def drawn(run: Run, width: int, height: int, *, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=colour, color_system="truecolor" if colour else None
    )
    console.print(Picture(run, Moment(frozenset({"left"}), [(61_000, "crossing.started", "detection")], 1.0)))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_it_fits(run: Run, width: int, height: int) -> None:
    lines = drawn(run, width, height).splitlines()
    street = sum(line.startswith("│") for line in lines)
    assert street == min(max(height - BELOW, ROWS[0]), ROWS[1])
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)


def test_it_shows_the_street_and_what_is_believed(run: Run) -> None:
    shown = drawn(run, 120, 40)
    assert "●" in shown
    assert shown.count("◆") >= 1 + shown.count("◆ beacon")
    assert "◇" in shown
    for words in (
        "near side: the controller",
        "tracker",
        "pir",
        "far side",
        "presence",
        "silent",
        "1:01",
        "crossing.started detection",
        "seed 7",
    ):
        assert words in shown


def test_it_is_plain_where_there_is_no_colour(run: Run) -> None:
    assert "\x1b" not in drawn(run, 80, 24)
    assert "\x1b" in drawn(run, 80, 24, colour=True)


def test_the_account_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["street", "--seed", "7", "--seconds", "5", "--people", "300", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] == 5
    assert {
        "pedestrians",
        "missed",
        "false_calls",
        "activations",
        "detection_to_lamp_ms",
        "violations_true",
        "violations_reported",
        "violations_found",
        "violations_false",
    } <= told.keys()


def test_broken_things_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["street", "--seconds", "8", "--people", "0", "--break", "tracker:silent"]) == 0
    told = capsys.readouterr().out
    assert "tracker silent" in told
    assert "None" not in told, "nobody was detected, so there is no latency"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--watch"],
        ["--break", "moon:silent"],
        ["--break", "tracker"],
        ["--weather", "fog"],
        ["--people", "-1"],
        ["--speed", "0"],
    ],
)
def test_what_makes_no_sense_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["street", "--seconds", "1", *wrong]) == 2
    assert "Error" in capsys.readouterr().err
