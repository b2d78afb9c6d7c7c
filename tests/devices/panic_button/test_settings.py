"""A panic button's settings: which are refused, and that none turns the alarm off."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.common.settings import SettingsError
from devices.panic_button import KIND, SETTINGS, make_logic

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bulding": "x"}, "bulding is unknown to panic-button"),
        ({"building": ""}, "setting building .* must be 1 to 64 characters, not 0"),
        ({"room": 5}, "must be a text, not 5"),
        ({"gestures": [{}] * 9}, "must be 0 to 8 entries, not 9"),
        ({"haptic_pin": 4}, "button_pin and haptic_pin both name GPIO4"),
        ({"alarm_window_s": 59}, "must be 60 to 86400, not 59"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_its_range(
    driven: Make, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        driven(settings)


def test_a_button_without_a_building_is_refused() -> None:
    with pytest.raises(SettingsError, match="setting building"):
        make_logic({}, 0)
    assert make_logic({"building": "A"}, 0).next_tick_ms(0) == 10_000
    assert KIND == "panic-button"


def test_no_setting_at_either_end_of_its_range_turns_the_alarm_off(driven: Make) -> None:
    for name, (kind, default, minimum, maximum, _help) in SETTINGS.items():
        if name.endswith("_pin") or kind in (str, list):
            continue
        settings: dict[str, Any] = {"gestures": []} if name == "stuck_s" else {}
        for value in (False, True) if kind is bool else (minimum, maximum):
            device = driven({**settings, name: value})
            device.press(200, 200)
            assert len(device.named("alarm.raised")) == 1, f"{name} = {value} (default {default})"


def test_an_empty_table_of_gestures_leaves_every_press_an_alarm(driven: Make) -> None:
    device = driven({"gestures": []})
    for _ in range(10):
        device.press()
    device.press(20_000)
    assert device.alarms()[-1] == ("escalated", "assist-pending", 11, None)
