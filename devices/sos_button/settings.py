"""The SOS button's settings, completed and checked. Runs on MicroPython and CPython alike."""

from devices.common import settings as common
from devices.sos_button import KIND, SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PINS = ("button_pin", "tamper_pin", "supply_pin", "lamp_pin", "strobe_pin", "siren_pin", "relay_pin")


def completed(settings: "Mapping[str, object]") -> "dict[str, int]":
    """Return all settings, defaults filled in; flags stay bool, which counts as int. Raises SettingsError."""
    return common.completed(KIND, SETTINGS, PINS, settings)
