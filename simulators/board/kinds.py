"""The device kinds that simulated boards can be, and how a board of each is wired: as docs/devices/firmware.md draws it."""

import dataclasses
from collections.abc import Mapping

from simulators.gpio.records import HIGH
from simulators.gpio.wiring import BUTTON, TAMPER, Contact

HEAP_KB = 640
"""Heap of the firmware, its code included, which a board would have frozen in its image."""
SUPPLY = Contact(closed=HIGH, rest=1)
"""The mains through an optocoupler to 3.3 V."""


@dataclasses.dataclass(frozen=True)
class Wiring:
    """How a board of one device kind is set up, and what is wired to its inputs."""

    kind: str
    settings: Mapping[str, int | bool | str]
    contacts: Mapping[int, Contact]

    def pin(self, name: str) -> int:
        """The GPIO of an input or output: ``button``, ``lamp``."""
        return int(self.settings[f"{name}_pin"])


KINDS = {
    wiring.kind: wiring
    for wiring in (
        Wiring(
            "sos-button",
            {"button_pin": 32, "tamper_pin": 33, "supply_pin": 25, "lamp_pin": 18, "strobe_pin": 19, "relay_pin": 22},
            {32: BUTTON, 33: TAMPER, 25: SUPPLY},
        ),
        Wiring(
            "panic-button",
            {
                "button_pin": 32,
                "tamper_pin": 33,
                "lamp_pin": 18,
                "haptic_pin": 19,
                "buzzer_pin": 21,
                "building": "School 5",
                "floor": "2",
                "room": "212",
            },
            {32: BUTTON, 33: TAMPER},
        ),
    )
}
