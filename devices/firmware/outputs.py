"""Lamp, buzzer and motor of a board: a kind's patterns (see ``devices.common.patterns``), stepped from outside, in whole numbers.

It decides nothing about alarms, and takes no pin: each output is driven by a function that gets the duty in percent, of which there
are two. MicroPython subset.
"""

from devices.common.patterns import duty_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from devices.common.patterns import Pattern

FULL = 65535
"""The duty of a ``machine.PWM`` that is always on."""


def dimmed(pwm: "Any") -> "Callable[[int], None]":
    """Drive a ``machine.PWM``."""

    def drive(percent: int) -> None:
        pwm.duty_u16(percent * FULL // 100)

    return drive


def switched(pin: "Any", active_low: bool) -> "Callable[[int], None]":
    """Drive a ``machine.Pin``: on from half the duty on."""

    def drive(percent: int) -> None:
        pin.value(int((percent >= 50) != active_low))

    return drive


class Output:
    """One output and the pattern it plays; off at first."""

    def __init__(self, drive: "Callable[[int], None]", patterns: "dict[str, Pattern]") -> None:
        self._drive = drive
        self._patterns = patterns
        self._pattern: Pattern = ((0, 0),)
        self._began_ms = 0
        self._duty = 0
        drive(0)

    def play(self, pattern: str, now_ms: int) -> None:
        """Begin a pattern."""
        self._pattern = self._patterns[pattern]
        self._began_ms = now_ms

        self.step(now_ms)

    def step(self, now_ms: int) -> None:
        """Set the duty of this moment."""
        duty, _left_ms = duty_at(self._pattern, now_ms - self._began_ms)
        if duty != self._duty:
            self._duty = duty
            self._drive(duty)

    def next_step_ms(self, now_ms: int) -> "int | None":
        """When the duty changes next, None if it never does."""
        _duty, left_ms = duty_at(self._pattern, now_ms - self._began_ms)
        return None if left_ms is None else now_ms + left_ms

    def off(self) -> None:
        """Switch off, whatever plays."""
        self._pattern = ((0, 0),)
        self._duty = 0
        self._drive(0)


class Outputs:
    """All outputs of a board.

    Args:
        fitted: drives by name.
        patterns: the kind's table, by name of the output.
    """

    def __init__(self, fitted: "dict[str, Callable[[int], None]]", patterns: "dict[str, dict[str, Pattern]]") -> None:
        self._patterns = patterns
        self._outputs = {name: Output(fitted[name], patterns[name]) for name in fitted}

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Play a pattern; an output that is not fitted stays silent. Raises KeyError for unknown names."""
        if pattern not in self._patterns[name]:
            raise KeyError(pattern)
        if name in self._outputs:
            self._outputs[name].play(pattern, now_ms)

    def step(self, now_ms: int) -> None:
        """Advance all patterns to this moment."""
        for output in self._outputs.values():
            output.step(now_ms)

    def next_step_ms(self, now_ms: int) -> "int | None":
        """When ``step`` is wanted next, None if every output is steady."""
        due_ms = None
        for output in self._outputs.values():
            at_ms = output.next_step_ms(now_ms)
            if at_ms is not None and (due_ms is None or at_ms < due_ms):
                due_ms = at_ms
        return due_ms

    def off(self) -> None:
        """Switch everything off, before a deep sleep for example."""
        for output in self._outputs.values():
            output.off()
