"""The settings of the unit on the far side: those of the crosswalk that its side has, and the port of the link."""

from collections.abc import Mapping
from typing import Any

from devices.common import settings as common
from devices.crosswalk import SETTINGS as NEAR
from devices.crosswalk.settings import agree

SHARED = (
    *("night_percent", "left_pin", "right_pin", "flood_pin", "button_pin", "button_active_low", "button_lamp_pin"),
    *("locator_pin", "speech_pin", "pir_pin", "tracker_port", "presence_port", "io_port"),
    *("watch_left_mm", "watch_right_mm", "watch_near_mm", "watch_far_mm"),
    *("lamp_min_ma", "lamp_max_ma", "lamp_range_ma", "lamp_off_ma", "debounce_ms", "stuck_s"),
)
"""They mean what they mean on the near side."""
SETTINGS: dict[str, tuple[type[Any], Any, int | None, int | None, str]] = {
    "near_port": (str, "/dev/ttyUSB1", 1, 128, "link to the controller on the near side"),
    **{name: NEAR[name] for name in SHARED},
}
PINS = tuple(name for name in SETTINGS if name.endswith("_pin"))


def completed(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return all settings, defaults filled in.

    Raises:
        SettingsError: one is unknown, of the wrong type, out of range, takes another's pin or port, or contradicts another.
    """
    whole = common.completed("the far unit", SETTINGS, PINS, settings)
    agree(whole)
    return whole
