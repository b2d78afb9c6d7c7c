"""The pins of a device on Linux, through gpiozero's: raw edges with their times in, patterns out.

Works at the level of pins, below gpiozero's devices, because their debounce loses presses (gpiozero issue 1039): no debounce, both edges,
each with the time the factory gives it. Starts no thread; the factory calls ``on_input`` from a thread of its own, and the runtime's loop
steps the patterns. It decides nothing. Without PWM an output is on at half its duty or more.
"""

import time

from devices.common.patterns import duty_at
from devices.common.settings import SettingsError
from devices.gpio import pin_factory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from devices.common.patterns import Pattern

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

    def __init__(self, pin: "Any", patterns: "Mapping[str, Pattern]", frequency: int, inverted: bool) -> None:
        self._pin = pin
        self._patterns = patterns
        self._inverted = inverted
        self._pattern: tuple[tuple[int, int], ...] = ((0, 0),)
        self._began_ms = 0
        self._duty = -1
        pin.output_with_state(1 if inverted else 0)
        self._pwm = bool(frequency) and pwm(pin, frequency)

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


class Pins:
    """The inputs and outputs of one device, taken one by one. Where one is not to be had, those taken before it are given back.

    Args:
        on_input: called with (name, value, time_ms) for each edge, from the factory's thread; value 1 is pressed, opened, mains present.

    Raises:
        PinError: there is no pin factory.
    """

    def __init__(self, on_input: "Callable[[str, int, int], None]") -> None:
        self._on_input = on_input
        self._inputs: dict[str, Any] = {}
        self._active_low: dict[str, bool] = {}
        self._outputs: dict[str, Output] = {}
        self._patterns: dict[str, Mapping[str, Pattern]] = {}
        self._handlers: list[Callable[[object, object], None]] = []  # gpiozero keeps only weak references
        self._closed = False
        try:
            self._factory: Any = pin_factory()
        except Exception as error:  # each factory fails with errors of its own
            raise PinError(f"no GPIO on this machine ({error}); install lgpio, or set GPIOZERO_PIN_FACTORY") from error

    def take_input(self, name: str, setting: str, number: int, *, active_low: bool, pull: str) -> None:
        """Take an input, named in errors by its ``setting``; a negative number is none. Raises PinError."""
        if number < 0:
            return
        self._active_low[name] = active_low
        try:
            pin = self._reserved(number)
            self._inputs[name] = pin
            pin.input_with_pull(pull)
            pin.bounce = None
            pin.edges = "both"
        except Exception as error:
            raise self._refused(f"{setting} GPIO{number} cannot be an input with pull-{pull}", error) from error

    def take_contacts(self, names: "Iterable[str]", settings: "Mapping[str, Any]") -> None:
        """Take the inputs of these contacts, each of which has ``_pin`` and ``_active_low`` among the settings. Raises PinError."""
        for name in names:
            active_low = bool(settings[name + "_active_low"])
            # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
            pull = "up" if active_low or name == "tamper" else "down"
            self.take_input(name, name + "_pin", settings[name + "_pin"], active_low=active_low, pull=pull)

    def take_output(
        self,
        name: str,
        setting: str,
        number: int,
        patterns: "Mapping[str, Pattern]",
        *,
        frequency: int = 0,
        inverted: bool = False,
    ) -> None:
        """Take an output, with PWM of a ``frequency`` in hertz if it is not 0; a negative number is none. Raises PinError."""
        self._patterns[name] = patterns
        if number < 0:
            return
        try:
            self._outputs[name] = Output(self._reserved(number), patterns, frequency, inverted)
        except Exception as error:
            raise self._refused(f"{setting} GPIO{number} cannot be an output", error) from error

    def take_bare(self, setting: str, number: int) -> "Any":
        """Take an output's pin, which its user drives, and closes before these are closed. Raises PinError."""
        try:
            return self._reserved(number)
        except Exception as error:
            raise self._refused(f"{setting} GPIO{number} cannot be an output", error) from error

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
        if pattern not in self._patterns[name]:
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

    def _reserved(self, number: int) -> "Any":
        pin = f"GPIO{number}"
        self._factory.reserve_pins(self, pin)
        return self._factory.pin(pin)

    def _refused(self, what: str, error: Exception) -> PinError:
        """Give up: lgpio, for one, has an error class of its own."""
        self.close()
        return PinError(f"{what}: {error}; choose another pin")

    def _value(self, name: str, level: object) -> int:
        return int(bool(level) != self._active_low[name])

    def _edge_handler(self, name: str) -> "Callable[[object, object], None]":
        def edge(ticks: object, level: object) -> None:
            # Ticks are opaque (another origin, perhaps wrapping): only their age is meaningful.
            age_ms = int(self._factory.ticks_diff(self._factory.ticks(), ticks) * 1000)
            if not 0 <= age_ms <= AGE_MAX_MS:
                age_ms = 0
            self._on_input(name, self._value(name, level), monotonic_ms() - age_ms)

        return edge


def pwm(pin: "Any", frequency: int) -> bool:
    """Begin PWM, dark, on an output; False if this factory has none."""
    from gpiozero.exc import PinPWMUnsupported  # noqa: PLC0415  the pin comes from gpiozero, so it is there

    try:
        pin.frequency = frequency
    except PinPWMUnsupported:
        return False
    return True
