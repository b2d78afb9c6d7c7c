"""The outside of a board's pins: contacts that fingers move, voltages, and what lamps and buzzers do."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping

from simulators.board import records
from simulators.errors import WiringError
from simulators.gpio import physics
from simulators.gpio.records import FULL_DUTY, HIGH, LOW, OPEN, level_of
from simulators.gpio.wiring import BUTTON, Contact, Output, PinState

PINS = 40
NO_PINS = (20, 24, 28, 29, 30, 31)
MILLIVOLTS_MAX = 3900
FLAT_US = 1000  # edges closer than this go out together: no clock of a loop is finer
Bounce = physics.BouncePattern | list[tuple[float, int]]


class Pins:
    """All pins of a board, powered or not.

    Args:
        contacts: what is wired to which GPIO; every other pin has a button to ground.
        seed: of the bounce.
        send: takes a record's bytes to the running board, and drops them if none runs.
        moved: called after an input's drive has changed.
    """

    def __init__(
        self, contacts: Mapping[int, Contact], seed: int, send: Callable[[bytes], None], moved: Callable[[], None]
    ) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - reproducible faults, no secrets
        self._send = send
        self._moved = moved
        self._pins = {number: PinState(BUTTON, 0, OPEN) for number in range(PINS) if number not in NO_PINS}
        for number, contact in contacts.items():
            drive = contact.closed if contact.rest else contact.opened
            self._pins[self.checked(number)] = PinState(contact, contact.rest, drive)
        self._millivolts: dict[int, int] = {}

    def checked(self, number: int) -> int:
        """The number, if an ESP32 has such a pin.

        Raises:
            WiringError: it has not.
        """
        if number not in self._pins:
            raise WiringError(f"an ESP32 has no GPIO{number}: take one of 0 to 39 other than {NO_PINS}")
        return number

    def setup(self) -> dict[str, object]:
        """What the board finds at its start."""
        drives = [(number, pin.drive) for number, pin in self._pins.items() if pin.drive != OPEN]
        return {"drives": drives, "adc": list(self._millivolts.items())}

    def dark(self, time_us: int) -> None:
        """The chip was reset or lost its power: no pin is an output any more."""
        for number, pin in self._pins.items():
            pin.function = None
            if pin.output is not None and (pin.output.duty or pin.output.frequency_hz):
                self._show(number, 0, 0, time_us)

    def told(self, record: records.Record) -> None:
        """Take note of what the board makes of a pin."""
        pin = self._pins[record.number]
        if record.kind == records.INPUT:
            pin.function = "input"
            pin.pull = {1: 2, 2: 1}.get(record.value, 0)  # MicroPython's PULL_DOWN is 1, PULL_UP is 2
            pin.level = level_of(pin.drive, pin.pull, pin.level)
        else:
            pin.function = "output"
            self._show(record.number, record.value, record.extra, record.time_us)

    async def play(self, number: int, wave: physics.Waveform, start_ns: int) -> None:
        """Move a contact as a waveform says; a later movement ends this one.

        What a busy machine delays, delays the rest: a press that it shortened would be none.
        """
        pin = self._pins[self.checked(number)]
        movement = pin.movement = object()
        for at_us, closed in wave:
            left_us = (start_ns - time.monotonic_ns()) // 1000 + at_us
            if left_us > FLAT_US:
                await asyncio.sleep(left_us / 1_000_000)
                left_us = (start_ns - time.monotonic_ns()) // 1000 + at_us
            if left_us < -FLAT_US:
                start_ns -= left_us * 1000
            if pin.movement is not movement:
                return
            pin.closed = closed
            self.drive(number, pin.contact.closed if closed else pin.contact.opened)

    async def press(self, number: int, ms: float, bounce: Bounce) -> int:
        """Press, and return when the contact rests again: the instant of the first touch in nanoseconds of CLOCK_MONOTONIC."""
        start_ns = time.monotonic_ns()
        await self.play(number, self._pressed(ms, bounce), start_ns)
        return start_ns

    async def move(self, number: int, closed: int, bounce: physics.BouncePattern) -> int:
        """Close or open a contact for good. Returns as `press` does."""
        start_ns = time.monotonic_ns()
        await self.play(number, physics.transition(closed, bounce, self._rng), start_ns)
        return start_ns

    def drive(self, number: int, drive: int) -> None:
        """Connect a pin at once: `LOW`, `HIGH` or `OPEN`."""
        pin = self._pins[self.checked(number)]
        if drive not in (LOW, HIGH, OPEN):
            raise WiringError(f"{drive} is neither LOW, HIGH nor OPEN")
        if drive == pin.drive:
            return
        pin.drive = drive
        pin.level = level_of(drive, pin.pull, pin.level)
        self._send(records.packed(records.DRIVE, number, drive))
        self._moved()

    def voltage(self, number: int, millivolts: int) -> None:
        """Put a voltage on a pin that the board measures."""
        self.checked(number)
        if not 0 <= millivolts <= MILLIVOLTS_MAX:
            raise WiringError(f"{millivolts} mV at GPIO{number} would break a real board: 0 to {MILLIVOLTS_MAX}")
        self._millivolts[number] = millivolts
        self._send(records.packed(records.ADC, number, millivolts))

    def wakes(self, numbers: Iterable[int], level: int) -> bool:
        """Whether these pins end a deep sleep: any is high (1), or all are low (0)."""
        levels = [self._pins[self.checked(number)].level for number in numbers]
        return 1 in levels if level else 1 not in levels

    def output(self, number: int) -> Output | None:
        """What a pin puts out; None if it never was an output."""
        return self._pins[self.checked(number)].output

    def history(self, number: int) -> tuple[Output, ...]:
        """The last 100,000 changes of an output, oldest first."""
        return tuple(self._pins[self.checked(number)].history)

    def _pressed(self, ms: float, bounce: Bounce) -> physics.Waveform:
        if isinstance(bounce, list):
            return physics.recorded(bounce)
        return physics.press(round(ms * 1000), bounce, self._rng)

    def _show(self, number: int, duty: int, frequency_hz: int, time_us: int) -> None:
        pin = self._pins[number]
        output = Output(duty / FULL_DUTY, frequency_hz or None, time_us * 1000)
        if pin.output is not None and (pin.output.duty, pin.output.frequency_hz) == (output.duty, output.frequency_hz):
            return
        pin.output = output
        pin.history.append(output)
