"""An SOS button's settings: which are refused, and that none turns the alarm off."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.common.settings import SettingsError
from devices.sos_button import SETTINGS

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"debounce": 30}, "debounce is unknown"),
        ({"debounce_ms": "30"}, "must be a whole number, not '30'"),
        ({"debounce_ms": True}, "must be a whole number, not True"),
        ({"siren": 1}, "must be true or false, not 1"),
        ({"debounce_ms": 101}, "must be 0 to 100, not 101"),
        ({"self_test_h": 25}, "must be 1 to 24, not 25"),
        ({"button_pin": -1}, "must be 0 to 48, not -1"),
        ({"lamp_pin": 17}, "button_pin and lamp_pin both name GPIO17"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_its_range(
    driven: Make, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        driven(settings)


def test_no_setting_at_either_end_of_its_range_turns_the_alarm_off(driven: Make) -> None:
    for name, (kind, default, minimum, maximum, _help) in SETTINGS.items():
        if name.endswith("_pin"):
            continue
        ends = (False, True) if kind is bool else (minimum, maximum)
        for value in ends:
            device = driven({name: value})
            device.press(200, 200)
            assert len(device.named("alarm.raised")) == 1, f"{name} = {value} (default {default})"
