"""The beacon's two lamps, flashed on time by a thread of their own.

Every step of a pattern has a deadline counted from the pattern's beginning, so that what is late once is not late for ever. The thread
decides nothing and lights nothing alone: the lamps' supply goes through a relay that only the loop holds. See
docs/decisions/flash-thread.md.
"""

import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from devices.crosswalk.patterns import OFF, Beacon, cycle_ms
from devices.pins import pwm

PWM_HZ = 500
"""A dimmed lamp's; a driver made by software begins a new duty with a new period, so a step may come 2 ms late."""
SWITCH_S = 0.001
"""How long another thread may keep the interpreter when a step is due; Python's own 5 ms are most of what a flash may be late."""
NS = 1_000_000


class Player:
    """Two lamps and the pattern that they play.

    Args:
        pins: left and right, outputs.
        patterns: by their names, one of them ``off``.
    """

    def __init__(self, pins: tuple[Any, Any], patterns: Mapping[str, Beacon]) -> None:
        self._lamps = tuple(Lamp(pin) for pin in pins)
        self._patterns = patterns
        self._changed = threading.Condition()
        self._pattern = patterns[OFF]
        self._began_ns = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="beacon", daemon=True)

    def start(self) -> None:
        """Begin, dark."""
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()

    def play(self, name: str) -> None:
        """Play a pattern from its beginning; one that takes over from another of the same length goes on in its time. Raises KeyError."""
        pattern = self._patterns[name]
        with self._changed:
            if cycle_ms(pattern) != cycle_ms(self._pattern):
                self._began_ns = time.monotonic_ns()
            self._pattern = pattern
            self._changed.notify()

    def close(self) -> None:
        """Dark; returns when it is. The pins are given back. Harmless twice."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        for lamp in self._lamps:
            lamp.close()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                pattern = self._pattern
                duties, left_ns = step_at(pattern, time.monotonic_ns() - self._began_ns)
                dimmed = any(0 < duty < 100 for _ms, *both in pattern for duty in both)
                for lamp, duty in zip(self._lamps, duties, strict=True):
                    lamp.set(duty, dimmed)
                self._changed.wait(None if left_ns is None else left_ns / 1e9)


class Lamp:
    """One lamp's pin: plainly on and off where the pattern is, PWM where it is dimmed; bright if there is no PWM."""

    def __init__(self, pin: Any) -> None:
        self._pin = pin
        self._duty = 0
        self._dimmed = self._pwm = False
        pin.output_with_state(0)

    def set(self, duty: int, dimmed: bool) -> None:
        """Give it this duty in percent, of a pattern that is ``dimmed`` or not."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            if dimmed:
                self._pwm = pwm(self._pin, PWM_HZ)
            elif self._pwm:
                self._pin.frequency = None
                self._pwm = False
            self._duty = 0
        if duty != self._duty:
            self._duty = duty
            self._pin.state = duty / 100 if self._pwm else int(duty > 0)

    def close(self) -> None:
        """Dark, and given back."""
        self.set(0, False)
        self._pin.state = 0
        self._pin.close()


def step_at(pattern: Beacon, elapsed_ns: int) -> tuple[tuple[int, int], int | None]:
    """The duties (left, right) at a moment of a pattern, and the time until the next step, None: it is steady."""
    whole_ns = cycle_ms(pattern) * NS
    if not whole_ns:
        return pattern[0][1:], None
    left_ns = elapsed_ns % whole_ns
    for duration_ms, left, right in pattern:
        if left_ns < duration_ms * NS:
            return (left, right), duration_ms * NS - left_ns
        left_ns -= duration_ms * NS
    raise AssertionError("a moment lies within its cycle")
