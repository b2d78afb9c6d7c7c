"""The SOS button's hardware on Linux: which of its inputs and outputs are on which pin, and how they are wired."""

from devices.pins import Pins
from devices.sos_button.patterns import PATTERNS
from devices.sos_button.settings import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INPUTS = ("button", "tamper", "supply")
OUTPUTS = ("lamp", "strobe", "siren", "relay")


class Binding(Pins):
    """The pins of one SOS button.

    Args:
        settings: as in the kind's SETTINGS table.
        on_input: called with (name, value, time_ms) for each edge, from the factory's thread; value 1 is pressed, opened, mains present.

    Raises:
        SettingsError: a setting is wrong.
        PinError: a pin is not to be had; pins taken before it are free again.
    """

    def __init__(self, settings: "Mapping[str, object]", on_input: "Callable[[str, int, int], None]") -> None:
        whole = completed(settings)
        super().__init__(on_input)
        self.take_contacts(INPUTS, whole)
        for name in OUTPUTS:
            lamp = name == "lamp"
            self.take_output(
                name,
                name + "_pin",
                whole[name + "_pin"],
                PATTERNS[name],
                frequency=whole["lamp_hz"] if lamp else 0,
                inverted=bool(whole["outputs_active_low"]) and not lamp,
            )
