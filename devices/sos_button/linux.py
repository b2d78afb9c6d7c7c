"""The SOS button's hardware on Linux, through gpiozero's pins: raw edges with their times in, patterns out.

Works at the level of pins, below gpiozero's devices, because their debounce loses presses (gpiozero issue 1039): no debounce, both edges,
each with the time the factory gives it. Starts no thread; the factory calls ``on_input`` from a thread of its own, and the runtime's loop
steps the patterns. It decides nothing about alarms. Without PWM a lamp is on at half its duty or more.
"""

import time

from devices.common.patterns import duty_at
from devices.common.settings import SettingsError
from devices.gpio import pin_factory
from devices.sos_button.patterns import PATTERNS
from devices.sos_button.settings import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

INPUTS = ("button", "tamper", "supply")
OUTPUTS = ("lamp", "strobe", "siren", "relay")
AGE_MAX_MS = (
    10_000  # an edge older than this has a time of another clock (kernels before 5.7 stamp edges in wall-clock time)
)


class PinError(SettingsError):
    """A pin is not to be had: no pin factory, no such pin, in use, or without the pull it needs. The text says which and what to do."""


def monotonic_ms() -> int:
    """Milliseconds of the monotonic clock, the time all inputs carry."""
    return time.monotonic_ns() // 1_000_000


class Output:
    """One output pin and the pattern it plays, stepped from outside."""

    def __init__(
        self, pin: "Any", patterns: "dict[str, tuple[tuple[int, int], ...]]", frequency: int, inverted: bool
    ) -> None:
        self._pin = pin
        self._patterns = patterns
        self._inverted = inverted
        self._pattern: tuple[tuple[int, int], ...] = ((0, 0),)
        self._began_ms = 0
        self._duty = -1
        pin.output_with_state(1 if inverted else 0)
        self._pwm = False
        if frequency:
            from gpiozero.exc import PinPWMUnsupported  # noqa: PLC0415  the pin comes from gpiozero, so it is there

            try:
                pin.frequency = frequency
                self._pwm = True
            except PinPWMUnsupported:
                pass

    def play(self, pattern: str, now_ms: int) -> None:
        """Begin a pattern; raises KeyError for a name that the output's table lacks."""
        self._pattern = self._patterns[pattern]
        self._began_ms = now_ms
        self.step(now_ms)

    def step(self, now_ms: int) -> None:
        """Set the duty of this moment."""
        duty, _left_ms = duty_at(self._pattern, now_ms - self._began_ms)
        if duty == self._duty:
            return
        self._duty = duty
        if self._pwm:
            self._pin.state = duty / 100
        else:
            self._pin.state = int((duty >= 50) != self._inverted)

    def next_step_ms(self, now_ms: int) -> "int | None":
        """When the duty changes next, None if it never does."""
        _duty, left_ms = duty_at(self._pattern, now_ms - self._began_ms)
        return None if left_ms is None else now_ms + left_ms

    def close(self) -> None:
        """Switch off and let the pin go back to an input."""
        if self._pwm:
            self._pin.state = 0
            self._pin.frequency = None
        else:
            self._pin.state = int(self._inverted)
        self._pin.close()


class Binding:
    """The pins of one SOS button.

    Args:
        settings: as in the kind's SETTINGS table.
        on_input: called with (name, value, time_ms) for each edge, from the factory's thread; value 1 is pressed, opened, mains present.

    Raises:
        SettingsError: a setting is wrong.
        PinError: a pin is not to be had; pins taken before it are free again.
    """

    def __init__(self, settings: "Mapping[str, object]", on_input: "Callable[[str, int, int], None]") -> None:
        self._settings = completed(settings)
        self._on_input = on_input
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Output] = {}
        self._handlers: list[Callable[[object, object], None]] = []  # gpiozero keeps only weak references
        self._closed = False
        try:
            self._factory: Any = pin_factory()
        except Exception as error:  # each factory fails with errors of its own
            raise PinError(f"no GPIO on this machine ({error}); install lgpio, or set GPIOZERO_PIN_FACTORY") from error
        try:
            for name in INPUTS:
                self._take_input(name)
            for name in OUTPUTS:
                self._take_output(name)
        except Exception:
            self.close()
            raise

    def start(self) -> None:
        """Begin to report edges, and report every input's present level once."""
        for name, pin in self._inputs.items():
            handler = self._edge_handler(name)
            self._handlers.append(handler)
            pin.when_changed = handler
        for name, value in self.read().items():
            self._on_input(name, value, monotonic_ms())

    def read(self) -> "dict[str, int]":
        """The present level of each fitted input."""
        return {name: self._value(name, pin.state) for name, pin in self._inputs.items()}

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Play a pattern of the kind's table on an output; one that is not fitted stays silent. Raises KeyError for unknown names."""
        if pattern not in PATTERNS[name]:
            raise KeyError(pattern)
        if name in self._outputs:
            self._outputs[name].play(pattern, now_ms)

    def next_step_ms(self, now_ms: int) -> "int | None":
        """When ``step`` is wanted next, None if every output is steady."""
        due_ms = None
        for output in self._outputs.values():
            at_ms = output.next_step_ms(now_ms)
            if at_ms is not None and (due_ms is None or at_ms < due_ms):
                due_ms = at_ms
        return due_ms

    def step(self, now_ms: int) -> None:
        """Advance all patterns to this moment."""
        for output in self._outputs.values():
            output.step(now_ms)

    def close(self) -> None:
        """Stop reporting, switch every output off, free the pins. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        for pin in self._inputs.values():
            pin.when_changed = None
            pin.close()
        for output in self._outputs.values():
            output.close()
        self._inputs.clear()
        self._outputs.clear()
        self._handlers.clear()
        self._factory.release_all(self)

    def _conflicts_with(self, _other: object) -> bool:
        """Gpiozero's question to whoever reserves pins: nobody shares a pin with an alarm."""
        return True

    def _take(self, name: str) -> "Any":
        pin = f"GPIO{self._settings[name + '_pin']}"
        self._factory.reserve_pins(self, pin)
        return self._factory.pin(pin)

    def _take_input(self, name: str) -> None:
        number = self._settings[name + "_pin"]
        if number < 0:
            return
        active_low = bool(self._settings[name + "_active_low"])
        # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
        pull = "up" if active_low or name == "tamper" else "down"
        try:
            pin = self._take(name)
            self._inputs[name] = pin
            pin.input_with_pull(pull)
            pin.bounce = None
            pin.edges = "both"
        except Exception as error:  # lgpio, for one, has an error class of its own
            raise PinError(
                f"{name}_pin GPIO{number} cannot be an input with pull-{pull}: {error}; choose another pin"
            ) from error

    def _take_output(self, name: str) -> None:
        number = self._settings[name + "_pin"]
        if number < 0:
            return
        lamp = name == "lamp"
        frequency = self._settings["lamp_hz"] if lamp else 0
        inverted = bool(self._settings["outputs_active_low"]) and not lamp
        try:
            self._outputs[name] = Output(self._take(name), PATTERNS[name], frequency, inverted)
        except Exception as error:  # lgpio, for one, has an error class of its own
            raise PinError(f"{name}_pin GPIO{number} cannot be an output: {error}; choose another pin") from error

    def _value(self, name: str, level: object) -> int:
        return int(bool(level) != bool(self._settings[name + "_active_low"]))

    def _edge_handler(self, name: str) -> "Callable[[object, object], None]":
        def edge(ticks: object, level: object) -> None:
            # Ticks are opaque (another origin, perhaps wrapping): only their age is meaningful.
            age_ms = int(self._factory.ticks_diff(self._factory.ticks(), ticks) * 1000)
            if not 0 <= age_ms <= AGE_MAX_MS:
                age_ms = 0
            self._on_input(name, self._value(name, level), monotonic_ms() - age_ms)

        return edge
