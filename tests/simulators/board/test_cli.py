"""``dabyl simulate board``: what it refuses, and how it counts."""

import json
import pathlib
from typing import Any

import pytest

from provisioning.firmware.pictures import INPUTS, PARTS
from simulators.board.cli import main
from simulators.board.kinds import KINDS
from simulators.board.trial import SAID_MAX, account, evidence
from simulators.consumer import Delivery


def delivery(number: int, at_ms: int, kind: str = "alarm.raised", **data: Any) -> Delivery:
    event = {"id": f"1/{number}", "type": f"dabyl.{kind}", "dabylboot": 1, "dabylseq": number, "data": data}
    return Delivery("dabyl/verified/v1/sos-board/x", json.dumps(event).encode(), at_ms * 1_000_000)


def counted(presses: int, touched_ms: list[int], *deliveries: Delivery) -> dict[str, Any]:
    return account(presses, [ms * 1_000_000 for ms in touched_ms], deliveries)


def test_each_press_is_found_with_its_latency() -> None:
    found = counted(
        3,
        [1000, 2000, 3000],
        delivery(1, 1020),
        delivery(2, 1500, "health.report"),
        delivery(3, 2030),
        delivery(4, 3040, "alarm.escalated", alarm=[1, 3], count=2),
    )
    assert (found["verified"], found["lost"], found["duplicated"]) == (3, 0, 0)
    assert found["press_to_subscriber_ms"] == {"p50": 30.0, "p99": 39.8, "n": 3}


def test_a_missing_press_is_lost_and_has_no_latency() -> None:
    found = counted(3, [1000, 2000, 3000], delivery(1, 1020), delivery(3, 3040))
    assert (found["verified"], found["lost"], found["duplicated"]) == (2, 1, 0)
    assert found["press_to_subscriber_ms"]["n"] == 2


def test_what_comes_twice_is_duplicated_and_counts_once() -> None:
    found = counted(1, [1000], delivery(1, 1020), delivery(1, 1400))
    assert (found["verified"], found["lost"], found["duplicated"]) == (1, 0, 1)
    assert found["press_to_subscriber_ms"]["p50"] == 20.0
    assert counted(1, [1000], delivery(1, 1020), delivery(2, 1030))["duplicated"] == 1  # two alarms of one press


def test_of_a_lost_press_is_told_what_came_and_what_the_board_said_at_last() -> None:
    events = [delivery(1, 1020).event, delivery(2, 1030, "health.report").event]
    told = evidence(events, [(n, "info started") for n in range(SAID_MAX + 5)])
    assert told[1:3] == ["dabyl.alarm.raised 1/1 {}", "What the board said at last:"]
    assert (told[3], len(told)) == ("start 5: info started", 3 + SAID_MAX)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_board_is_wired_as_the_guide_draws_it(kind: str) -> None:
    drawn = {setting: pin for setting, (pin, *_text) in PARTS[kind].items()}
    wired = {setting: pin for setting, pin in KINDS[kind].settings.items() if setting.endswith("_pin")}
    assert wired.items() <= drawn.items()
    assert set(KINDS[kind].contacts) == {drawn[setting] for setting in INPUTS if setting in wired}


@pytest.mark.parametrize(
    "options",
    [
        ["board", "--presses", "3", "--power-cuts", "4"],
        ["boat"],
        ["board", "--kind", "x"],
    ],
)
def test_wrong_options_are_refused(options: list[str]) -> None:
    assert main(options) == 2


def test_a_folder_without_firmware_is_refused(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--bundle", str(tmp_path), "--presses", "1"]) == 2
    assert "no main.py" in capsys.readouterr().err
