"""The SOS button's settings, completed and checked.

Guarantees that what it returns has every key of the SETTINGS table, each of the right type and in range, and that no pin serves two
purposes. Reads no file and touches no hardware. Runs on MicroPython and CPython alike.
"""

from devices.sos_button import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PINS = ("button_pin", "tamper_pin", "supply_pin", "lamp_pin", "strobe_pin", "siren_pin", "relay_pin")


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type, out of range, or takes another's pin. The text says which and what is allowed."""


def completed(settings: "Mapping[str, object]") -> "dict[str, int]":
    """Return all settings, defaults filled in.

    Flags stay bool, which counts as int.

    Raises:
        SettingsError: names the setting, what was given, and what is allowed.
    """
    for name in settings:
        if name not in SETTINGS:
            known = ", ".join(sorted(SETTINGS))
            raise SettingsError(f"setting {name} is unknown to sos-button; known are: {known}")
    whole = {}
    for name, (kind, default, minimum, maximum, meaning) in SETTINGS.items():
        value = settings.get(name, default)
        if type(value) is not kind:
            wanted = "true or false" if kind is bool else "a whole number"
            given = repr(value)
            raise SettingsError(f"setting {name} ({meaning}) must be {wanted}, not {given}")
        if minimum is not None and maximum is not None and not minimum <= value <= maximum:
            raise SettingsError(f"setting {name} ({meaning}) must be {minimum} to {maximum}, not {value}")
        whole[name] = value
    taken: dict[int, str] = {}
    for name in PINS:
        pin = whole[name]
        if pin < 0:
            continue
        if pin in taken:
            raise SettingsError(f"{taken[pin]} and {name} both name GPIO{pin}; give each its own pin")
        taken[pin] = name
    return whole
