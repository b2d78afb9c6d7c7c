"""Where: the place that was given, or the beacon heard last."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.common.settings import SettingsError

Make = Callable[..., Any]

BEACONS = [
    {"id": 1, "floor": "3", "room": "301"},
    {"id": 4294967295, "building": "Gym"},
]


def where(device: Any) -> dict[str, Any]:
    device.command("self-test")
    return {
        name: value
        for name, value in device.events[-1][1].items()
        if name in ("building", "floor", "room", "beacon", "beacon_age_s")
    }


def test_before_any_beacon_the_place_is_the_given_one(driven: Make) -> None:
    assert where(driven({"beacons": BEACONS})) == {"building": "School 5", "floor": "2", "room": "212"}


def test_what_was_not_given_is_not_told(driven: Make) -> None:
    assert where(driven({"floor": "", "room": ""})) == {"building": "School 5"}


def test_the_beacon_heard_last_gives_the_place_and_its_age(driven: Make) -> None:
    device = driven({"beacons": BEACONS})
    device.set("beacon", 1)
    device.pass_ms(2999)
    assert where(device) == {"building": "School 5", "floor": "3", "room": "301", "beacon": 1, "beacon_age_s": 2}
    device.set("beacon", 4294967295)
    assert where(device) == {"building": "Gym", "beacon": 4294967295, "beacon_age_s": 0}


def test_an_unknown_beacon_is_told_by_its_number_and_claims_no_place(driven: Make) -> None:
    device = driven({"beacons": BEACONS})
    device.set("beacon", 77)
    assert where(device) == {"beacon": 77, "beacon_age_s": 0}


@pytest.mark.parametrize("number", [-1, 4294967296])
def test_a_number_that_no_beacon_has_changes_nothing(driven: Make, number: int) -> None:
    device = driven({"beacons": BEACONS})
    device.set("beacon", number)
    assert "beacon" not in where(device)


def test_a_beacon_seen_a_moment_later_than_the_event_has_no_negative_age(driven: Make) -> None:
    device = driven()
    device.take(device.button.input("beacon", 5, device.now + 2000))
    assert where(device)["beacon_age_s"] == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (5, "beacon 1 must be a table, not 5"),
        ({"room": "1"}, "beacon 1 lacks id"),
        ({"id": 1, "rom": "1"}, "beacon 1 has rom, which is unknown; known are: id, building, floor, room"),
        ({"id": "1"}, "beacon 1: id must be a whole number from 0 to 4294967295, not '1'"),
        ({"id": True}, "beacon 1: id must be a whole number"),
        ({"id": -1}, "beacon 1: id must be a whole number"),
        ({"id": 4294967296}, "beacon 1: id must be a whole number"),
        ({"id": 1, "room": "x" * 65}, "beacon 1: room must be a text of at most 64 characters"),
        ({"id": 1, "floor": "x" * 33}, "beacon 1: floor must be a text of at most 32 characters"),
        ({"id": 1, "floor": 3}, "beacon 1: floor must be a text"),
    ],
)
def test_a_wrong_beacon_is_refused(driven: Make, row: object, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        driven({"beacons": [row]})


def test_a_beacon_has_one_place(driven: Make) -> None:
    with pytest.raises(SettingsError, match="beacon 2: id 3 has a place already"):
        driven({"beacons": [{"id": 3}, {"id": 3, "room": "1"}]})
