"""A kind's pins on a board, put together from the kind's settings: the binding that the portable device works with.

``<name>_pin`` is an input where the kind has a setting ``<name>_active_low``, else an output; the lamp is dimmed, the others are switched.
A battery is measured where the board's configuration says how.
"""

import asyncio
import time

from machine import ADC, PWM, Pin

from agent.errors import HardwareError
from devices.firmware.inputs import Contact, Inputs
from devices.firmware.outputs import Outputs, dimmed, switched
from devices.firmware.power import battery_mv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from devices.common.patterns import Pattern
    from devices.firmware.schedule import Schedule

_SUFFIX = "_pin"
_WAKING = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39)
"""The pins of an ESP32 that are there in deep sleep."""


class Hardware:
    """The pins of one board.

    Args:
        settings: the kind's, all of them; the logic has checked them.
        patterns: the kind's, by output.
        battery: the pin and the resistors of its divider, None if it is not measured.
        schedule: the time.
        on_input: called with (name, value, time_ms).
        remember_lamp: called with the lamp's pin, -1 without one, as soon as that works.

    Raises:
        HardwareError: the processor has no such pin, or it cannot do that.

    Attributes:
        button: the contact that is pressed.
        pins: GPIO numbers by name of input and output.
        woken: name of a contact that was closed before anybody listened.
    """

    def __init__(
        self,
        settings: "dict[str, Any]",
        patterns: "dict[str, dict[str, Pattern]]",
        battery: "dict[str, int] | None",
        schedule: "Schedule",
        on_input: "Callable[[str, int, int], None]",
        remember_lamp: "Callable[[int], None]",
    ) -> None:
        self._battery = battery
        self._adc = None
        self.woken = ""
        names = [name[: -len(_SUFFIX)] for name in sorted(settings) if name.endswith(_SUFFIX)]
        pins = [("lamp", settings["lamp_pin"])] + [(name, settings[name + _SUFFIX]) for name in names if name != "lamp"]
        if battery is not None:
            pins.append(("battery", battery["pin"]))
        contacts: "list[Contact]" = []
        fitted: "dict[str, Callable[[int], None]]" = {}
        self.pins: "dict[str, int]" = {}
        for name, number in pins:
            if number >= 0:
                if number in self.pins.values():
                    raise HardwareError("%s: GPIO%d is taken: choose another pin" % (name, number))
                try:
                    self._take(name, number, settings, contacts, fitted)
                except (ValueError, OSError) as error:
                    raise HardwareError("%s: GPIO%d cannot do that (%s): choose another pin" % (name, number, error))
                self.pins[name] = number
            if name == "lamp":
                remember_lamp(number)
        self._outputs = Outputs(fitted, patterns)
        self.button = [contact for contact in contacts if contact.name == "button"][0]  # noqa: RUF015  a board's list is short
        self._inputs = Inputs(
            contacts,
            asyncio.ThreadSafeFlag(),  # type: ignore[attr-defined]  # MicroPython's own
            time.ticks_ms,  # type: ignore[attr-defined]  # MicroPython's own
            schedule.then_ms,
            schedule.now_ms,
            on_input,
        )
        self.listen = self._inputs.listen
        self.look = self._inputs.look
        self.run = self._inputs.run
        self.output = self._outputs.output
        self.step = self._outputs.step
        self.next_step_ms = self._outputs.next_step_ms
        self.close = self._outputs.off

    def start(self) -> None:
        """Begin to report what came since `listen`, and tell every present level once."""
        self._inputs.start(self.woken)

    def sleeper(self, woken: bool) -> None:
        """This board sleeps, and its button wakes it.

        Args:
            woken: the button has just done so, so it was pressed, whatever it is now.

        Raises:
            HardwareError: it is at a pin that cannot.
        """
        number = self.pins["button"]
        if number not in _WAKING:
            raise HardwareError("button: GPIO%d does not wake a board: choose one of %s" % (number, _WAKING))
        if woken:
            self.woken = "button"

    def read(self) -> "dict[str, int]":
        """The inputs' present levels, and the battery's millivolts."""
        told = self._inputs.read()
        if self._battery is not None:
            told["battery"] = battery_mv(self._adc, self._battery["upper_ohm"], self._battery["lower_ohm"])
        return told

    def _take(
        self,
        name: str,
        number: int,
        chosen: "dict[str, Any]",
        contacts: "list[Contact]",
        fitted: "dict[str, Callable[[int], None]]",
    ) -> None:
        active_low = chosen.get(name + "_active_low")
        if name == "battery":
            self._adc = ADC(Pin(number), atten=ADC.ATTN_11DB)
        elif active_low is not None:
            # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
            pull = Pin.PULL_UP if active_low or name == "tamper" else Pin.PULL_DOWN
            contacts.append(Contact(name, Pin(number, Pin.IN, pull), active_low))
        elif name == "lamp":
            fitted[name] = dimmed(PWM(Pin(number), freq=chosen["lamp_hz"], duty_u16=0))
        else:
            off_high = chosen["outputs_active_low"]
            fitted[name] = switched(Pin(number, Pin.OUT, value=1 if off_high else 0), off_high)
