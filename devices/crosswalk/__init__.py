"""The smart crosswalk's controller: its name, its settings, and the two factories the runtime calls.

Importing this package loads no logic. No setting lets it drive a red or a green light, none lets the beacon flash without a pedestrian,
and none lets it go dark before the one who was seen last has had the time to cross.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devices.crosswalk.linux import Binding
    from devices.crosswalk.logic import Crosswalk

KIND = "crosswalk"

# name -> (type, default, minimum, maximum, help); a text's bounds are its length. Pins are BCM numbers, -1: not fitted; a port is the
# serial device of a sensor, "": not fitted.
SETTINGS: dict[str, tuple[type[Any], Any, int | None, int | None, str]] = {
    "crossing_mm": (int, 7000, 2000, 60000, "length of the crossing from kerb to kerb, or to the refuge"),
    "walk_mm_s": (int, 900, 300, 1200, "walking speed the flashing time is made for"),
    "clear_s": (int, 5, 0, 15, "added to the walking time"),
    "lit_min_s": (int, 10, 5, 60, "shortest flashing time after a detection"),
    "lit_max_s": (int, 40, 10, 120, "longest flashing time after a detection"),
    "pattern": (str, "ia-21", 1, 32, "flash pattern of the beacon"),
    "night_percent": (int, 30, 10, 100, "brightness of the beacon at night"),
    "night_by": (
        str,
        "panel",
        5,
        7,
        "what tells the night: panel (voltage of the solar panel), contact (twilight switch) or never",
    ),
    "left_pin": (int, 23, 0, 27, "BCM number of the left lamp"),
    "right_pin": (int, 24, 0, 27, "BCM number of the right lamp"),
    "flood_pin": (int, -1, -1, 27, "BCM number of the floodlight, lit with the beacon at night"),
    "button_pin": (int, 17, -1, 27, "BCM number of the pedestrian button"),
    "button_active_low": (bool, True, None, None, "pressed reads low: contact to ground, pull-up on"),
    "button_lamp_pin": (int, -1, -1, 27, "BCM number of the lamp in the pedestrian button"),
    "locator_pin": (int, -1, -1, 27, "BCM number of the locator tone's sounder"),
    "speech_pin": (int, -1, -1, 27, "BCM number of the spoken message's trigger"),
    "pir_pin": (int, 27, -1, 27, "BCM number of the passive infrared sensor"),
    "twilight_pin": (int, -1, -1, 27, "BCM number of the twilight switch"),
    "tamper_pin": (int, -1, -1, 27, "BCM number of the enclosure switch"),
    "tamper_active_low": (bool, False, None, None, "opened reads low; leave false so that a cut wire reads as opened"),
    "supply_pin": (int, -1, -1, 27, "BCM number of the mains sense input"),
    "supply_active_low": (bool, False, None, None, "mains present reads low"),
    "tracker_port": (str, "/dev/serial0", 0, 128, "LD2450 tracking radar on the waiting area and the crossing"),
    "presence_port": (str, "", 0, 128, "LD2410 presence radar on the waiting area"),
    "speed_port": (str, "", 0, 128, "OPS243-A speed radar on the vehicles that come"),
    "charger_port": (str, "", 0, 128, "VE.Direct solar charger"),
    "io_port": (str, "/dev/ttyUSB0", 1, 128, "Modbus modules: 1 the lamps' supply relay, 2 the lamps' currents"),
    "farside_port": (str, "", 0, 128, "link to a second unit on the far side"),
    "counts_file": (str, "/var/lib/dabyl/counts", 2, 200, "file that keeps the present hour's counts over a restart"),
    "watch_left_mm": (int, -2000, -6000, 0, "left edge of the area watched, as seen from the tracking radar"),
    "watch_right_mm": (int, 1000, 0, 6000, "right edge of it: 0.7 m beyond the kerb, short of the vehicles"),
    "watch_near_mm": (int, 300, 0, 5000, "near edge of it"),
    "watch_far_mm": (int, 5000, 500, 8000, "far edge of it"),
    "lamp_min_ma": (int, 300, 10, 20000, "least current of a lamp that is on and well"),
    "lamp_max_ma": (int, 1500, 20, 30000, "most current of a lamp that is well"),
    "lamp_range_ma": (int, 2000, 100, 60000, "full range of the lamps' current transducers"),
    "lamp_off_ma": (int, 30, 1, 5000, "most current of a lamp that is off"),
    "nonyield_mm_s": (int, 4200, 1500, 20000, "a vehicle faster than this did not give way"),
    "zone_mm": (int, 15000, 5000, 60000, "last stretch of road before the crossing, where giving way is due"),
    "debounce_ms": (int, 30, 0, 100, "contact time that makes a press"),
    "stuck_s": (int, 30, 5, 3600, "a button held this long is reported as stuck"),
    "self_test_h": (int, 24, 1, 24, "hours between two self-tests"),
    "battery_low_mv": (int, 0, 0, 60000, "battery voltage reported as low, 0: no such limit"),
    "battery_wh": (int, 640, 50, 20000, "rated energy of the battery, for the energy model"),
}


def make_logic(settings: Mapping[str, object], now_ms: int) -> "Crosswalk":
    """Make the pure logic. Raises SettingsError when a setting is unknown, of the wrong type, out of range, or contradicts another."""
    from devices.crosswalk.logic import Crosswalk  # noqa: PLC0415  loaded only when the kind is used

    return Crosswalk(settings, now_ms)


def make_binding(settings: Mapping[str, object], on_input: "Callable[[str, Any, int], None]") -> "Binding":
    """Make the binding to pins and serial lines (Linux only). Raises SettingsError as above, PinError when a pin is not to be had."""
    from devices.crosswalk.linux import Binding  # noqa: PLC0415  gpiozero and pyserial load on Linux boards only

    return Binding(settings, on_input)
