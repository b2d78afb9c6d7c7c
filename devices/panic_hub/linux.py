"""The hub's hardware on Linux: pins through gpiozero's, analog modules on serial ports. It decides nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from devices.binding import PinsAndLines
from devices.panic_button.patterns import PATTERNS
from devices.panic_hub.ports import Ports
from devices.panic_hub.settings import completed
from devices.pins import Pins

LAMP_HZ = 200


class Binding(PinsAndLines):
    """The hardware of one hub.

    Args:
        settings: as in the kind's SETTINGS table.
        on_input: called with (name, value, time_ms), from any thread: levels of pins, voltages and judgements of modules, and None for a
            port that has something to be taken in ``step``.

    Raises:
        SettingsError: a setting is wrong.
        PinError: a pin is not to be had; pins taken before it are free again. A port that cannot be opened is no error, but a fault
            that heals.
    """

    def __init__(self, settings: Mapping[str, object], on_input: Callable[[str, Any, int], None]) -> None:
        whole = completed(settings)
        pins = Pins(on_input)
        pins.take_contacts(("tamper", "supply"), whole)
        pins.take_output("lamp", "lamp_pin", whole["lamp_pin"], PATTERNS["lamp"], frequency=LAMP_HZ)
        super().__init__(pins, Ports(whole, on_input))
