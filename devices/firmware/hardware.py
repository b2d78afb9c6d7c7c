"""A kind's pins on a board, put together from the kind's settings: the binding that the portable device works with.

``<name>_pin`` is an input where the kind has a setting ``<name>_active_low``, else an output; the lamp is dimmed, the others are switched.
"""

import asyncio
import time

from machine import PWM, Pin

from devices.firmware.inputs import Contact, Inputs
from devices.firmware.outputs import Outputs, dimmed, switched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from devices.firmware.schedule import Schedule

_SUFFIX = "_pin"


class Hardware:
    """The pins of one board.

    Args:
        kind: the kind's module.
        settings: its settings, as given; the logic has checked them.
        schedule: the time.
        on_input: called with (name, value, time_ms).

    Raises:
        ValueError: the processor has no such pin, or it cannot do that.
    """

    def __init__(
        self,
        kind: "Any",
        settings: "dict[str, Any]",
        schedule: "Schedule",
        on_input: "Callable[[str, int, int], None]",
    ) -> None:
        chosen = {name: settings.get(name, kind.SETTINGS[name][1]) for name in kind.SETTINGS}
        contacts = []
        fitted = {}
        for setting in sorted(chosen):
            number = chosen[setting]
            if not setting.endswith(_SUFFIX) or number < 0:
                continue
            name = setting[: -len(_SUFFIX)]
            active_low = chosen.get(name + "_active_low")
            if active_low is not None:
                # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
                pull = Pin.PULL_UP if active_low or name == "tamper" else Pin.PULL_DOWN
                contacts.append(Contact(name, Pin(number, Pin.IN, pull), active_low))
            elif name == "lamp":
                fitted[name] = dimmed(PWM(Pin(number), freq=chosen["lamp_hz"], duty_u16=0))
            else:
                off_high = chosen["outputs_active_low"]
                fitted[name] = switched(Pin(number, Pin.OUT, value=1 if off_high else 0), off_high)
        patterns = __import__(kind.__name__ + ".patterns", None, None, ("PATTERNS",)).PATTERNS
        self._outputs = Outputs(fitted, patterns)
        self._inputs = Inputs(
            contacts,
            asyncio.ThreadSafeFlag(),  # type: ignore[attr-defined]  # MicroPython's own
            time.ticks_ms,  # type: ignore[attr-defined]  # MicroPython's own
            schedule.then_ms,
            schedule.now_ms,
            on_input,
        )
        self.start = self._inputs.start
        self.read = self._inputs.read
        self.run = self._inputs.run
        self.output = self._outputs.output
        self.step = self._outputs.step
        self.next_step_ms = self._outputs.next_step_ms
        self.close = self._outputs.off
