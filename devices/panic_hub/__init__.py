"""The hub of a school's wired panic buttons: its name, its settings, and the two factories the runtime calls.

Importing this package loads no logic. No setting can turn an alarm off or delay it: settings say where buttons are, how their lines are
wired, and which gestures raise an alarm's level.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from devices.panic_button import GESTURES

if TYPE_CHECKING:
    from devices.panic_hub.linux import Binding
    from devices.panic_hub.logic import PanicHub

KIND = "panic-hub"

PLACE = ("building", "floor", "room")
ZONES_MAX = 32
MODULES_MAX = 8

# name -> (type, default, minimum, maximum, help); a text's bounds are its length, a list's its entries. Pins are BCM numbers; -1: not
# fitted.
SETTINGS: dict[str, tuple[type[Any], Any, int | None, int | None, str]] = {
    "building": (str, "", 1, 64, "building the hub is in, and each zone that names no other"),
    "floor": (str, "", 0, 32, "floor the hub is on"),
    "room": (str, "", 0, 64, "room the hub is in"),
    "modules": (list, [], 1, MODULES_MAX, "analog modules: port, unit, channels"),
    "zones": (list, [], 1, ZONES_MAX, "zones: name, module, channel, room; building and floor where they are others"),
    "baud": (int, 115200, 9600, 256000, "rate of all modules' lines"),
    "answer_ms": (int, 5, 1, 50, "longest time a module takes until it answers"),
    "sample_ms": (int, 5, 1, 50, "how old a module's reading of an input may be when it answers"),
    "normal_ohm": (int, 6900, 100, 100000, "what is between a zone's wires at rest"),
    "pressed_ohm": (int, 2200, 100, 100000, "what is between them while the button is pressed"),
    "pull_ohm": (int, 3300, 100, 100000, "resistor from the lines' supply to each zone"),
    "supply_mv": (int, 5000, 1000, 24000, "the lines' supply"),
    "supply_permille": (int, 20, 0, 100, "how far that may be off, in thousandths"),
    "resistor_permille": (int, 10, 1, 100, "how far each resistor may be off, in thousandths"),
    "cable_ohm": (int, 50, 0, 2000, "most that the longest zone's cable adds, there and back"),
    "leak_ohm": (int, 100000, 10000, 10000000, "insulation that a cable still has when it is well"),
    "input_ohm": (int, 82000, 10000, 10000000, "input resistance of the modules"),
    "reading_mv": (int, 25, 1, 500, "how far a module's reading may be off"),
    "gestures": (list, GESTURES, 0, 8, "gestures that raise an alarm's level"),
    "tamper_pin": (int, -1, -1, 27, "BCM number of the enclosure switch"),
    "tamper_active_low": (bool, False, None, None, "opened reads low; leave false so that a cut wire reads as opened"),
    "supply_pin": (int, -1, -1, 27, "BCM number of the mains sense input"),
    "supply_active_low": (bool, False, None, None, "mains present reads low"),
    "lamp_pin": (int, 18, -1, 27, "BCM number of the hub's lamp (PWM)"),
    "stuck_s": (int, 30, 15, 3600, "a button held this long is reported as stuck; longer than any hold gesture"),
    "alarm_window_s": (int, 600, 60, 86400, "presses this long after the last one belong to the zone's open alarm"),
    "self_test_h": (int, 24, 1, 24, "hours between two self-tests"),
}


def make_logic(settings: Mapping[str, object], now_ms: int) -> "PanicHub":
    """Make the pure logic. Raises SettingsError when a setting is unknown, of the wrong type, out of range, or contradicts another."""
    from devices.panic_hub.logic import PanicHub  # noqa: PLC0415  loaded only when the kind is used

    return PanicHub(settings, now_ms)


def make_binding(settings: Mapping[str, object], on_input: "Callable[[str, Any, int], None]") -> "Binding":
    """Make the binding to pins and serial lines (Linux only). Raises SettingsError as above, PinError when a pin is not to be had."""
    from devices.panic_hub.linux import Binding  # noqa: PLC0415  gpiozero and pyserial load on Linux boards only

    return Binding(settings, on_input)
