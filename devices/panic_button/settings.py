"""The panic button's settings, completed and checked. Runs on MicroPython and CPython alike.

The entries of ``gestures`` and ``beacons`` are checked by the modules that read them.
"""

from devices.common import settings as common
from devices.panic_button import KIND, SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PINS = ("button_pin", "tamper_pin", "supply_pin", "lamp_pin", "haptic_pin", "buzzer_pin")


def completed(settings: "Mapping[str, object]") -> "dict[str, Any]":
    """Return all settings, defaults filled in. Raises SettingsError."""
    return common.completed(KIND, SETTINGS, PINS, settings)


def entry(name: str, value: object, needed: "tuple[str, ...]", allowed: "tuple[str, ...]") -> "dict[str, Any]":
    """The table ``value`` called ``name`` in errors, which has all of ``needed`` and besides them only ``allowed``.

    Raises:
        SettingsError: it is no such table.
    """
    if type(value) is not dict:
        raise common.SettingsError("%s must be a table, not %s" % (name, repr(value)[:60]))
    for key in needed:
        if key not in value:
            raise common.SettingsError("%s lacks %s" % (name, key))
    for key in sorted(value):
        if key not in needed and key not in allowed:
            raise common.SettingsError(
                "%s has %s, which is unknown; known are: %s" % (name, key, ", ".join(needed + allowed))
            )
    return value


def whole(name: str, value: object, minimum: int, maximum: int) -> int:
    """A whole number from ``minimum`` to ``maximum``. Raises SettingsError."""
    if type(value) is not int or not minimum <= value <= maximum:
        raise common.SettingsError(
            "%s must be a whole number from %d to %d, not %s" % (name, minimum, maximum, repr(value)[:60])
        )
    return value
