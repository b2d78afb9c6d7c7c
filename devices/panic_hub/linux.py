"""The hub's hardware on Linux: pins through gpiozero's, analog modules on serial ports. It decides nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from devices.panic_button.patterns import PATTERNS
from devices.panic_hub.ports import Ports
from devices.panic_hub.settings import completed
from devices.pins import Pins

LAMP_HZ = 200


class Binding:
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
        self._pins = Pins(on_input)
        try:
            for name in ("tamper", "supply"):
                active_low = whole[name + "_active_low"]
                # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
                pull = "up" if active_low or name == "tamper" else "down"
                self._pins.take_input(name, name + "_pin", whole[name + "_pin"], active_low=active_low, pull=pull)
            self._pins.take_output("lamp", "lamp_pin", whole["lamp_pin"], PATTERNS["lamp"], frequency=LAMP_HZ)
        except Exception:
            self._pins.close()
            raise
        self._ports = Ports(whole, on_input)

    def start(self) -> None:
        """Begin to report, every pin's present level first."""
        self._pins.start()
        self._ports.start()

    def read(self) -> dict[str, int]:
        """The present level of each fitted pin."""
        return self._pins.read()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Play a pattern on the lamp. Raises KeyError for an unknown name or pattern."""
        self._pins.output(name, pattern, now_ms)

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        due = [
            at_ms for at_ms in (self._pins.next_step_ms(now_ms), self._ports.next_step_ms(now_ms)) if at_ms is not None
        ]
        return min(due, default=None)

    def step(self, now_ms: int) -> None:
        """Advance the lamp's pattern, and take what came over the ports."""
        self._pins.step(now_ms)
        self._ports.step(now_ms)

    def close(self) -> None:
        """Lamp dark; all pins and ports given back. Harmless twice."""
        self._pins.close()
        self._ports.close()
