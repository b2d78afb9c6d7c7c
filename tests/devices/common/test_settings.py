"""Settings: completed, and what is wrong is said with what is allowed."""

from typing import Any

import pytest

from devices.common.settings import SettingsError, completed

TABLE: dict[str, Any] = {
    "pin": (int, 4, -1, 48, "an input"),
    "other_pin": (int, -1, -1, 48, "another"),
    "flag": (bool, False, None, None, "a flag"),
    "room": (str, "Hall", 1, 8, "where"),
    "rows": (list, [], 0, 2, "entries"),
}


def test_defaults_fill_in_and_what_is_given_stands() -> None:
    assert completed("k", TABLE, ("pin", "other_pin"), {"room": "212", "flag": True}) == {
        "pin": 4,
        "other_pin": -1,
        "flag": True,
        "room": "212",
        "rows": [],
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nope": 1}, "setting nope is unknown to k; known are: flag, other_pin, pin, room, rows"),
        ({"pin": "4"}, r"setting pin \(an input\) must be a whole number, not '4'"),
        ({"pin": True}, "must be a whole number, not True"),
        ({"flag": 1}, "must be true or false, not 1"),
        ({"room": 5}, "must be a text, not 5"),
        ({"rows": {}}, "must be a list, not {}"),
        ({"pin": 49}, "must be -1 to 48, not 49"),
        ({"pin": -2}, "must be -1 to 48, not -2"),
        ({"room": ""}, "must be 1 to 8 characters, not 0"),
        ({"room": "x" * 9}, "must be 1 to 8 characters, not 9"),
        ({"rows": [1, 2, 3]}, "must be 0 to 2 entries, not 3"),
        ({"other_pin": 4}, "pin and other_pin both name GPIO4; give each its own pin"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        completed("k", TABLE, ("pin", "other_pin"), settings)


def test_two_pins_that_are_not_fitted_are_no_clash() -> None:
    assert completed("k", TABLE, ("pin", "other_pin"), {"pin": -1})["pin"] == -1


def test_an_endless_wrong_value_gives_a_short_error() -> None:
    with pytest.raises(SettingsError) as told:
        completed("k", TABLE, (), {"pin": "x" * 10_000})
    assert len(str(told.value)) < 200
