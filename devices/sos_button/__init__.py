"""The SOS button of a public place: its name, its settings, and the two factories the runtime calls.

Importing this package loads neither the logic nor gpiozero. It runs on MicroPython and CPython alike. No setting can turn the alarm
itself off: settings choose pins, times and which signals accompany an alarm. (The factories are not named after the modules they
load: importing a submodule binds its name in the package and would replace the function.)
"""

from devices.sos_button.patterns import PATTERNS as PATTERNS  # boards ask the package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devices.sos_button.linux import Binding
    from devices.sos_button.logic import SosButton

KIND = "sos-button"

# name -> (type, default, minimum, maximum, help). Pins are BCM numbers; -1 means "not fitted".
SETTINGS: "dict[str, tuple[type[int], int, int | None, int | None, str]]" = {
    "button_pin": (int, 17, 0, 48, "GPIO number of the button's input"),
    "button_active_low": (bool, True, None, None, "pressed reads low: contact to ground, pull-up on"),
    "tamper_pin": (int, -1, -1, 48, "GPIO number of the enclosure switch, -1 if not fitted"),
    "tamper_active_low": (bool, False, None, None, "opened reads low; leave false so that a cut wire reads as opened"),
    "supply_pin": (int, -1, -1, 48, "GPIO number of the mains sense input, -1 if not fitted"),
    "supply_active_low": (bool, False, None, None, "mains present reads low"),
    "lamp_pin": (int, 18, -1, 48, "GPIO number of the button lamp (PWM), -1 if not fitted"),
    "strobe_pin": (int, -1, -1, 48, "GPIO number of the strobe, -1 if not fitted"),
    "siren_pin": (int, -1, -1, 48, "GPIO number of the siren, -1 if not fitted"),
    "relay_pin": (int, -1, -1, 48, "GPIO number of the camera or intercom relay, -1 if not fitted"),
    "outputs_active_low": (
        bool,
        False,
        None,
        None,
        "strobe, siren and relay switch on when driven low; never the lamp",
    ),
    "lamp_hz": (int, 200, 50, 1000, "PWM frequency of the lamp in hertz"),
    "debounce_ms": (int, 30, 0, 100, "contact time that makes a press; 0: the first edge acts"),
    "stuck_s": (int, 30, 5, 3600, "a button held this long is reported as stuck"),
    "alarm_window_s": (int, 600, 10, 86400, "presses this long after the last one belong to the same open alarm"),
    "strobe": (bool, True, None, None, "the strobe flashes on an alarm"),
    "strobe_s": (int, 600, 1, 86400, "longest time the strobe flashes"),
    "siren": (bool, False, None, None, "the siren sounds on an alarm; false is the silent alarm"),
    "siren_s": (int, 180, 1, 3600, "longest time the siren sounds"),
    "relay_s": (int, 60, 1, 3600, "time the relay stays on after a press"),
    "self_test_h": (int, 24, 1, 24, "hours between two self-tests"),
    "battery_low_mv": (int, 0, 0, 60000, "battery voltage reported as low, 0: no such limit"),
    "battery_cells": (int, 0, 0, 8, "alkaline cells in series for the days-left model, 0: no model"),
    "battery_mah": (int, 12000, 100, 1000000, "rated capacity of one cell in mAh"),
    "battery_draw_ua": (int, 2000, 10, 10000000, "average current drawn from the battery in microamperes"),
}


def make_logic(settings: "Mapping[str, object]", now_ms: int) -> "SosButton":
    """Make the pure logic. Raises SettingsError when a setting is unknown, of the wrong type, out of range, or a pin is used twice."""
    from devices.sos_button.logic import SosButton  # noqa: PLC0415 - loaded only when the kind is used

    return SosButton(settings, now_ms)


def make_binding(settings: "Mapping[str, object]", on_input: "Callable[[str, int, int], None]") -> "Binding":
    """Make the gpiozero binding (Linux only; loads gpiozero). Raises SettingsError as above, PinError when a pin is not to be had."""
    from devices.sos_button.linux import Binding  # noqa: PLC0415 - gpiozero loads on Linux boards only

    return Binding(settings, on_input)
