"""The simulated board as a test, a benchmark or a demo sees it: fingers and faults go in, lamps and sirens come out.

A board listens on one Unix socket; the unmodified agent, started with ``GPIOZERO_PIN_FACTORY=dabyl`` and ``DABYL_GPIO_SOCKET``, finds its
pins there, loses them when the board is closed, and finds them again. Every method may be called from any thread and from an event loop
(only those named ``wait_…`` block); what happens later happens on the board's own timeline, stamped with the instant it was due. Random
things come from one seed. It knows pins, contacts and levels, and nothing of what the agent makes of them.
"""

import asyncio
import functools
import pathlib
import random
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from simulators.errors import HardwareTimeoutError, WiringError
from simulators.gpio import physics, records
from simulators.gpio.records import HIGH, LOW, OPEN, WEAK_HIGH, WEAK_LOW
from simulators.gpio.server import BoardServer
from simulators.gpio.timeline import Timeline
from simulators.gpio.wiring import BUTTON, MAINS, TAMPER, Contact, Output, PinState

__all__ = ["BUTTON", "MAINS", "TAMPER", "Contact", "Hardware", "Output"]


Bounce = physics.BouncePattern | list[tuple[float, int]]


class Hardware:
    """One board.

    Args:
        path: the Unix socket, the agent's ``DABYL_GPIO_SOCKET``; made with mode 0600.
        contacts: what is wired to which GPIO number; every other pin has a button to ground.
        seed: of everything random on this board.

    Raises:
        WiringError: the path cannot be listened on, or a pin's number is not 0 … 27.
    """

    def __init__(self, path: pathlib.Path, *, contacts: Mapping[int, Contact] | None = None, seed: int = 0) -> None:
        self.path = path
        self._rng = random.Random(seed)  # noqa: S311 - reproducible faults, no secrets
        self._pins = [PinState(BUTTON, 0, OPEN) for _ in range(records.PINS)]
        for number, contact in (contacts or {}).items():
            drive = contact.closed if contact.rest else contact.opened
            self._pins[_checked(number)] = PinState(contact, contact.rest, drive)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._watchers: list[Callable[[], None]] = []
        self._timeline = Timeline(self._lock, self._announce)
        self._attached = False
        self.connections = 0
        self._server = BoardServer(
            path, lock=self._lock, attached=self._agent_came, detached=self._agent_went, received=self._agent_said
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switches the board off: the agent's pins keep their last levels. Safe to call twice."""
        self._timeline.close()
        self._server.close()

    # Fingers

    def press(self, pin: int, hold_ms: float = 120, *, bounce: Bounce = physics.TYPICAL, after_ms: float = 0) -> int:
        """Presses and lets go.

        Args:
            pin: GPIO number.
            hold_ms: from the first touch to the first release.
            bounce: a pattern, drawn from the seed at both ends, or a recording of ``(ms, state)`` with 1 for closed, in place of all.
            after_ms: so long from now. Presses may overlap: the contact follows the latest movement, down or up.

        Returns:
            The instant of the first touch, in nanoseconds of CLOCK_MONOTONIC.
        """
        with self._lock:
            start_ns = self._start(after_ms)
            if not isinstance(bounce, physics.BouncePattern):
                return self._move(pin, physics.recorded(bounce), start_ns)
            wave = physics.press(round(hold_ms * 1000), bounce, self._rng)
            lifted = wave.index((round(hold_ms * 1000), 0))
            self._move(pin, wave[:lifted], start_ns)
            self._move(pin, wave[lifted:], start_ns)
            return start_ns

    def hold(self, pin: int, *, bounce: physics.BouncePattern = physics.TYPICAL, after_ms: float = 0) -> int:
        """Closes the contact and keeps it closed. Returns the instant as `press` does."""
        with self._lock:
            return self._move(pin, physics.transition(1, bounce, self._rng), self._start(after_ms))

    def release(self, pin: int, *, bounce: physics.BouncePattern = physics.TYPICAL, after_ms: float = 0) -> int:
        """Opens the contact. Returns the instant as `press` does."""
        with self._lock:
            return self._move(pin, physics.transition(0, bounce, self._rng), self._start(after_ms))

    def tamper(self, pin: int, *, opened: bool) -> int:
        """Opens or shuts the enclosure: opened means that the contact of `pin` leaves its state of rest."""
        rest = self._pins[_checked(pin)].contact.rest
        return self.release(pin) if opened == bool(rest) else self.hold(pin)

    def mains(self, pin: int, *, present: bool) -> int:
        """Takes the mains away or gives it back, at a pin wired as `MAINS`; an optocoupler does not bounce."""
        return (self.hold if present else self.release)(pin, bounce=physics.CLEAN)

    # Faults

    def stick(self, pin: int) -> None:
        """The contact closes and stays so, whatever fingers do, until `free`."""
        with self._lock:
            self.hold(pin, bounce=physics.CLEAN)
            self._pins[pin].stuck = True

    def free(self, pin: int) -> None:
        """Ends `stick`: the contact goes to its state of rest."""
        one = self._pins[_checked(pin)]
        with self._lock:
            one.stuck = False
            (self.hold if one.contact.rest else self.release)(pin, bounce=physics.CLEAN)

    def cut(self, pin: int, *, noise_ms: float = 0) -> None:
        """Cuts the wire: only the pin's own pull resistor is left, and what the wire picks up.

        Args:
            pin: GPIO number.
            noise_ms: for so long the wire picks up 50 Hz hum, too weak to move a pin with a pull resistor.
        """
        one = self._pins[_checked(pin)]
        with self._lock:
            now_ns = self._now()
            one.cut = True
            self._drive(pin, OPEN, now_ns)
            if noise_ms:
                self._play(pin, physics.hum(round(noise_ms * 1000), self._rng), now_ns, self._pick_up)

    def mend(self, pin: int) -> None:
        """Ends `cut`: the pin sees its contact again, in whatever state that is by now."""
        one = self._pins[_checked(pin)]
        with self._lock:
            now_ns = self._now()
            one.cut = False
            self._drive(pin, one.contact.closed if one.closed else one.contact.opened, now_ns)

    def spikes(self, pin: int, count: int, *, within_ms: float, width_us: tuple[int, int] = (1, 100)) -> int:
        """Interference: `count` short pulses to the opposite level within `within_ms`. Returns the instant of the first."""
        with self._lock:
            wave = physics.spikes(count, round(within_ms * 1000), width_us, self._rng)
            return self._play(pin, wave, self._start(0), self._disturb)

    def chatter(self, pin: int, duration_ms: float, *, mean_ms: float = 2) -> int:
        """A closed contact that shakes open for moments. Returns the instant of the first opening."""
        with self._lock:
            wave = physics.chatter(round(duration_ms * 1000), round(mean_ms * 1000), self._rng)
            return self._move(pin, wave, self._start(0))

    def hang_up(self) -> None:
        """Breaks the agent's connection to the board; its pins connect again by themselves."""
        self._server.drop_agent()

    # Wires

    def drive(self, pin: int, drive: int) -> int:
        """Connects a pin at once: `LOW`, `HIGH` or `OPEN`. Returns the instant, in nanoseconds of CLOCK_MONOTONIC."""
        _checked(pin)
        if drive not in (LOW, HIGH, OPEN):
            raise WiringError(f"{drive} is neither LOW, HIGH nor OPEN")
        with self._lock:
            now_ns = self._now()
            self._drive(pin, drive, now_ns)
        return now_ns

    def wire(self, output: int, to: int) -> None:
        """Connects the agent's output to one of its inputs (a loop-back); PWM shows as high while its duty is not 0."""
        _checked(to)
        with self._lock:
            self._pins[_checked(output)].wired_to = to

    # What the board shows

    @property
    def agent_pid(self) -> int | None:
        """Process id of the agent, while its pins are connected."""
        with self._lock:
            return self._server.agent_pid

    def level(self, pin: int) -> int:
        """The level an input sees, with the pull resistor that the agent has chosen."""
        with self._lock:
            self._now()
            return self._pins[_checked(pin)].level

    def function(self, pin: int) -> str | None:
        """`"input"`, `"output"`, or None for a pin that no agent has claimed yet."""
        with self._lock:
            return self._pins[_checked(pin)].function

    def output(self, pin: int) -> Output | None:
        """What the pin puts out; None if it was never an output. It outlasts the agent, as on a real board."""
        with self._lock:
            return self._pins[_checked(pin)].output

    def history(self, pin: int) -> tuple[Output, ...]:
        """The last 100,000 changes of an output, oldest first."""
        with self._lock:
            return tuple(self._pins[_checked(pin)].history)

    def wait_connected(self, timeout_s: float = 10) -> None:
        """Blocks until an agent's pins are connected."""
        self._wait(lambda: self._attached, timeout_s, "no agent connected its pins")

    def wait_output(self, pin: int, predicate: Callable[[Output], bool], timeout_s: float = 10) -> Output:
        """Blocks until the pin's output fulfils the predicate, and returns it.

        Raises:
            HardwareTimeoutError: it did not in time; the message tells the last output.
        """
        one = self._pins[_checked(pin)]
        self._wait(
            lambda: one.output is not None and predicate(one.output),
            timeout_s,
            f"GPIO{pin} did not show what was waited for",
        )
        assert one.output is not None
        return one.output

    def wait_quiet(self, timeout_s: float = 10) -> None:
        """Blocks until nothing is left on the timeline."""
        self._wait(lambda: self._timeline.empty, timeout_s, "the timeline did not run empty")

    async def output_becomes(self, pin: int, predicate: Callable[[Output], bool], timeout_s: float = 10) -> Output:
        """`wait_output` for an event loop: blocks nothing, may be cancelled."""
        one = self._pins[_checked(pin)]
        await self._becomes(lambda: one.output is not None and predicate(one.output), timeout_s, f"GPIO{pin}")
        assert one.output is not None
        return one.output

    async def connected(self, timeout_s: float = 10) -> None:
        """`wait_connected` for an event loop."""
        await self._becomes(lambda: self._attached, timeout_s, "an agent's pins")

    # Inside, with the lock held

    def _now(self) -> int:
        now_ns = time.monotonic_ns()
        self._timeline.advance(now_ns)
        return now_ns

    def _start(self, after_ms: float) -> int:
        return self._now() + round(after_ms * 1_000_000)

    def _play(self, pin: int, wave: physics.Waveform, start_ns: int, step: Callable[[int, int, int], None]) -> int:
        """Puts a waveform on the timeline; returns the instant of its first edge."""
        _checked(pin)
        for at_us, state in wave:
            self._timeline.add(start_ns + at_us * 1000, functools.partial(step, pin, state))
        self._timeline.advance(time.monotonic_ns())
        return start_ns + (wave[0][0] * 1000 if wave else 0)

    def _move(self, pin: int, wave: physics.Waveform, start_ns: int) -> int:
        """A finger moves the contact; from the first edge of this movement on, bounce of an earlier one is over."""
        begun = False

        def step(pin: int, closed: int, time_ns: int) -> None:
            nonlocal begun
            one = self._pins[pin]
            if not begun:
                begun = True
                one.movement = step
            if one.stuck or one.movement is not step:
                return
            one.closed = closed
            if not one.cut:
                self._drive(pin, one.contact.closed if closed else one.contact.opened, time_ns)

        return self._play(pin, wave, start_ns, step)

    def _pick_up(self, pin: int, state: int, time_ns: int) -> None:
        """A cut wire picks up noise."""
        if self._pins[pin].cut:
            self._drive(pin, WEAK_HIGH if state else WEAK_LOW, time_ns)

    def _disturb(self, pin: int, active: int, time_ns: int) -> None:
        """Interference overrides whatever is connected, and goes."""
        one = self._pins[pin]
        if active:
            self._drive(pin, LOW if one.level else HIGH, time_ns)
        elif one.cut:
            self._drive(pin, OPEN, time_ns)
        else:
            self._drive(pin, one.contact.closed if one.closed else one.contact.opened, time_ns)

    def _drive(self, pin: int, drive: int, time_ns: int) -> None:
        one = self._pins[pin]
        if drive == one.drive:
            return
        one.drive = drive
        one.level = records.level_of(drive, one.pull, one.level)
        self._server.send(records.RECORD.pack(records.DRIVE, pin, drive, 0, time_ns))

    def _agent_came(self) -> bytes:
        now_ns = self._now()
        self._attached = True
        self.connections += 1
        self._announce()
        pack = records.RECORD.pack
        return b"".join((
            pack(records.GREETING, records.VERSION, records.PINS, 0, now_ns),
            *(pack(records.DRIVE, number, one.drive, 0, now_ns) for number, one in enumerate(self._pins)),
            pack(records.READY, 0, 0, 0, now_ns),
        ))  # fmt: skip

    def _agent_went(self) -> None:
        """Outputs stay as they are; PWM, which the agent's process made, stops wherever its wave was."""
        now_ns = time.monotonic_ns()
        self._attached = False
        for number, one in enumerate(self._pins):
            if one.function == "output" and one.output is not None and one.output.frequency_hz is not None:
                self._show(number, Output(float(self._rng.random() < one.output.duty), None, now_ns))
        self._announce()

    def _agent_said(self, kind: int, pin: int, value: int, extra: int, time_ns: int) -> None:
        if pin >= records.PINS:
            return
        one = self._pins[pin]
        if kind == records.INPUT:
            one.function = "input"
            one.pull = value
            one.level = records.level_of(one.drive, value, one.level)
            if one.output is not None and (one.output.duty or one.output.frequency_hz):
                self._show(pin, Output(0.0, None, time_ns))  # drives nothing any more: a lamp's driver falls off
        elif kind == records.OUTPUT:
            one.function = "output"
            self._show(pin, Output(value / records.FULL_DUTY, extra / 1000 if extra else None, time_ns))
        self._announce()

    def _show(self, pin: int, output: Output) -> None:
        one = self._pins[pin]
        one.output = output
        one.history.append(output)
        if one.wired_to is not None:
            self._drive(one.wired_to, HIGH if output.lit else LOW, output.since_ns)

    def _announce(self) -> None:
        self._changed.notify_all()
        for watcher in self._watchers:
            watcher()

    def _wait(self, predicate: Callable[[], bool], timeout_s: float, failure: str) -> None:
        with self._changed:
            if not self._changed.wait_for(predicate, timeout_s):
                raise HardwareTimeoutError(f"{failure} within {timeout_s:g} s; {self._shown()}")

    async def _becomes(self, predicate: Callable[[], bool], timeout_s: float, what: str) -> None:
        loop = asyncio.get_running_loop()
        happened = asyncio.Event()

        def look() -> None:
            if predicate():
                loop.call_soon_threadsafe(happened.set)

        with self._lock:
            self._watchers.append(look)
            look()
        try:
            async with asyncio.timeout(timeout_s):
                await happened.wait()
        except TimeoutError as error:
            raise HardwareTimeoutError(f"{what} did not come within {timeout_s:g} s; {self._shown()}") from error
        finally:
            with self._lock:
                self._watchers.remove(look)

    def _shown(self) -> str:
        outputs = {f"GPIO{number}": one.output for number, one in enumerate(self._pins) if one.output is not None}
        return f"the agent is {'connected' if self._attached else 'not connected'}, outputs are {outputs}"


def _checked(pin: int) -> int:
    if not 0 <= pin < records.PINS:
        raise WiringError(f"GPIO{pin} does not exist: a board has GPIO0 to GPIO{records.PINS - 1}")
    return pin
