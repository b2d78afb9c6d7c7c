"""The school panic button, worn as a badge or fixed to a wall: its name, its settings, and the factory of its logic.

Importing this package loads no logic. It runs on MicroPython and CPython alike. No setting can turn the alarm itself off, and none can
delay it: settings say where the button is, which gestures raise an alarm's level, and which signals its holder gets.
"""

from devices.panic_button.patterns import PATTERNS as PATTERNS  # boards ask the package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from devices.panic_button.logic import PanicButton

KIND = "panic-button"

LEVELS = ("assist-pending", "staff", "lockdown")
"""An alarm's levels, the lowest first: that of the first press, and those that gestures raise it to."""

GESTURES: "list[dict[str, object]]" = [
    {"level": "staff", "presses": 3, "within_ms": 3000},
    {"level": "lockdown", "presses": 8, "within_ms": 8000},
    {"level": "lockdown", "hold_ms": 5000},
]

# name -> (type, default, minimum, maximum, help); a text's bounds are its length, a list's its entries. Pins are GPIO numbers; -1 means
# "not fitted".
SETTINGS: "dict[str, tuple[type[Any], Any, int | None, int | None, str]]" = {
    "building": (str, "", 1, 64, "building the button is in; every event says it"),
    "floor": (str, "", 0, 32, "floor the button is on"),
    "room": (str, "", 0, 64, "room the button is in"),
    "beacons": (list, [], 0, 256, "places of beacons that a badge may hear"),
    "gestures": (list, GESTURES, 0, 8, "gestures that raise an alarm's level"),
    "button_pin": (int, 4, 0, 48, "GPIO number of the button's input"),
    "button_active_low": (bool, True, None, None, "pressed reads low: contact to ground, pull-up on"),
    "tamper_pin": (int, -1, -1, 48, "GPIO number of the enclosure switch, -1 if not fitted"),
    "tamper_active_low": (bool, False, None, None, "opened reads low; leave false so that a cut wire reads as opened"),
    "supply_pin": (int, -1, -1, 48, "GPIO number of the mains sense input, -1 if not fitted"),
    "supply_active_low": (bool, False, None, None, "mains present reads low"),
    "lamp_pin": (int, -1, -1, 48, "GPIO number of the lamp (PWM), -1 if not fitted"),
    "haptic_pin": (int, -1, -1, 48, "GPIO number of the vibration motor, -1 if not fitted"),
    "buzzer_pin": (int, -1, -1, 48, "GPIO number of the buzzer, -1 if not fitted"),
    "outputs_active_low": (bool, False, None, None, "motor and buzzer switch on when driven low; never the lamp"),
    "lamp_hz": (int, 200, 50, 1000, "PWM frequency of the lamp in hertz"),
    "audible": (bool, False, None, None, "the buzzer sounds what the motor shakes; false is the silent alarm"),
    "debounce_ms": (int, 30, 0, 100, "contact time that makes a press; 0: the first edge acts"),
    "stuck_s": (int, 30, 5, 3600, "a button held this long is reported as stuck; longer than any hold gesture"),
    "alarm_window_s": (int, 600, 60, 86400, "presses this long after the last one belong to the same open alarm"),
    "self_test_h": (int, 24, 1, 24, "hours between two self-tests"),
    "battery_low_mv": (int, 0, 0, 60000, "battery voltage reported as low, 0: no such limit"),
    "battery_cells": (int, 0, 0, 8, "alkaline cells in series for the days-left model, 0: no model"),
    "battery_mah": (int, 1200, 100, 1000000, "rated capacity of one cell in mAh"),
    "battery_draw_ua": (int, 50, 10, 10000000, "average current drawn from the battery in microamperes"),
}


def make_logic(settings: "Mapping[str, object]", now_ms: int) -> "PanicButton":
    """Make the pure logic. Raises SettingsError when a setting is unknown, of the wrong type, out of range, or a pin is used twice."""
    from devices.panic_button.logic import PanicButton  # noqa: PLC0415 - loaded only when the kind is used

    return PanicButton(settings, now_ms)
