"""Why a board runs, sleeps, stands still or starts again: power, resets, the watchdog, deep sleep, and the clock that outlives them."""

import asyncio
import dataclasses
import json
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Literal

from simulators.board import records
from simulators.board.console import Console
from simulators.board.errors import BoardStateError
from simulators.board.pins import Pins
from simulators.board.run import CTRL_C, Run

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
EXT0_WAKE, EXT1_WAKE, TIMER_WAKE = 2, 3, 4
WATCHDOG_SLACK_S = 0.01
WATCHDOG_LOOK_S = 0.25
State = Literal["off", "running", "asleep", "crashed"]


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """One start: why, what woke it, when (CLOCK_MONOTONIC, as main.py is about to run), and the heap that was free then."""

    cause: int
    wake: int
    at_ns: int
    free_heap: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sleep:
    """A deep sleep: when it ends by itself, and the pins that end it."""

    until_us: int | None
    wake: Mapping[str, tuple[list[int], int] | None]


class Life:
    """What happens to a board between its resets.

    Args:
        start: starts a run, whose records come to `told`; it asks `cause` and the other attributes for what the board finds.
        pins: go dark with a reset, and may end a deep sleep.
        console: is told of each boot.
        changed: called after anything has changed.

    Attributes:
        state: "off", "running", "asleep" in deep sleep, or "crashed" when the interpreter itself died.
        boots: all starts so far.
        rtc_memory: what deep sleep and resets keep, and a loss of power does not.
        clock_us: the board's clock minus CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        start: Callable[[Run], Awaitable[None]],
        make: Callable[[], Run],
        pins: Pins,
        console: Console,
        changed: Callable[[], None],
    ) -> None:
        self._start_run = start
        self._make = make
        self._pins = pins
        self._console = console
        self._changed = changed
        self._power = asyncio.Lock()
        self._halting = False
        self._starting = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._watchdog: tuple[int, int] | None = None  # timeout, fed at: microseconds
        self._stopped_us = 0
        self._skipped_us = 0
        self.run: Run | None = None
        self.sleep: Sleep | None = None
        self.state: State = "off"
        self.boots: list[Boot] = []
        self.rtc_memory = b""
        self.clock_us = 0
        self.cause = self.wake = 0

    @property
    def up(self) -> bool:
        """Whether the firmware has begun to run."""
        return self.state == "running" and not self._starting

    async def on(self) -> None:
        """Give power, if there is none."""
        async with self._power:
            if self.state in {"off", "crashed"}:
                self._lose_power()
                await self._start(PWRON_RESET)

    async def off(self) -> None:
        """Take the power."""
        async with self._power:
            await self._stop()
            self._lose_power()
            self.sleep = None
            self.state = "off"
        self._changed()

    async def close(self) -> None:
        """Take the power for good."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.off()

    def hang(self) -> None:
        """Stop the processor.

        Raises:
            BoardStateError: it does not run.
        """
        if self.run is None:
            raise BoardStateError(f"the board is {self.state}: only a running one can hang")
        self.run.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what `hang` began."""
        if self.run is not None:
            self.run.signal(signal.SIGCONT)

    def skip(self, ms: int) -> None:
        """Let time pass for a board in deep sleep.

        Raises:
            BoardStateError: it is not asleep.
        """
        if self.sleep is None:
            raise BoardStateError(
                f"the board is {self.state}, and its time passes by itself: only a deep sleep can be skipped"
            )
        self._skipped_us += ms * 1000
        self.clock_us += ms * 1000
        self.look_for_wake()

    def sleep_left_ms(self) -> int | None:
        """How long the deep sleep still lasts; None for ever."""
        if self.sleep is None or self.sleep.until_us is None:
            return None
        return max(0, -((self._now_us() - self.sleep.until_us) // 1000))

    def told(self, record: records.Record) -> None:
        """Take what the board tells of its life."""
        if self.run is None:
            return
        if record.kind == records.WATCHDOG:
            self._feed(self.run, record)
        elif record.kind == records.TIMER:
            self._set_timer(self.run, record.number, record.value / 1000, periodic=bool(record.extra))
        elif record.kind == records.UP:
            self._starting = False
            self._watch_on(self.run, record.time_us)
            self.boots.append(Boot(record.number, self.wake, record.time_us * 1000, record.value))
            self.run.up()
        elif record.kind == records.CTRL_C:  # it came where a real board has no byte code to interrupt
            self.run.type(CTRL_C)
        elif record.kind == records.HALT:
            self._halting = True
            self._later(self._halted(self.run, record))

    def look_for_wake(self) -> None:
        """Wake the board if a pin or the time says so, else look again when the time is up."""
        sleep = self.sleep
        if sleep is None:
            return
        for name, wake in (("ext0", EXT0_WAKE), ("ext1", EXT1_WAKE)):
            condition = sleep.wake[name]
            if condition is not None and self._pins.wakes(*condition):
                self._later(self._awake(sleep, wake))
                return
        if sleep.until_us is None:
            return
        left_us = sleep.until_us - self._now_us()
        if left_us <= 0:
            self._later(self._awake(sleep, TIMER_WAKE))
        else:
            asyncio.get_running_loop().call_later(left_us / 1_000_000, self.look_for_wake)

    async def _start(self, cause: int, wake: int = 0) -> None:
        self.cause, self.wake = cause, wake
        self._stopped_us = records.now_us()
        if cause != SOFT_RESET:
            self._watchdog = None
        self._halting = False
        self._starting = True
        self._console.booted(len(self.boots) + 1)
        if cause != SOFT_RESET:
            self._console.raw = False
        self.run = self._make()
        self.state = "running"
        await self._start_run(self.run)
        if self._console.raw:
            self.run.type(b"\x01")  # a soft reset leaves the prompt in its mode
        self._later(self._watch(self.run))
        self._changed()

    async def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self.run is not None:
            await self.run.end()
            self.run = None

    def _lose_power(self) -> None:
        self._pins.dark(records.now_us())
        self.rtc_memory = b""
        self.clock_us = -records.now_us()

    async def _halted(self, run: Run, record: records.Record) -> None:
        if record.number == records.DEEPSLEEP:
            await self._fall_asleep(run, record)
        elif record.number == records.POWER_CUT:
            await self._reset(run, PWRON_RESET)
        else:
            await self._reset(run, HARD_RESET if record.number == records.RESET else SOFT_RESET)

    async def _reset(self, run: Run, cause: int) -> None:
        async with self._power:
            if self.run is not run:
                return
            await self._stop()
            if cause == PWRON_RESET:
                self._lose_power()
            elif cause == SOFT_RESET:
                self._console.heard(b"\r\nMPY: soft reboot\r\n")
            else:
                self._pins.dark(records.now_us())
            await self._start(cause)

    async def _fall_asleep(self, run: Run, record: records.Record) -> None:
        async with self._power:
            if self.run is not run:
                return
            await self._stop()
            self._pins.dark(record.time_us)
            until_us = record.time_us + self._skipped_us + record.extra * 1000 if record.extra else None
            self.sleep = Sleep(until_us, json.loads(record.payload))
            self.state = "asleep"
        self._changed()
        self.look_for_wake()

    async def _awake(self, sleep: Sleep, wake: int) -> None:
        async with self._power:
            if self.sleep is sleep:
                self.sleep = None
                await self._start(DEEPSLEEP_RESET, wake)

    async def _watch(self, run: Run) -> None:
        """What becomes of a run that ends by itself: the prompt's Ctrl-D is a soft reset, a signal is a crash."""
        code = await run.ended()
        if self.run is not run or self._halting:
            return
        if code >= 0:
            await self._reset(run, SOFT_RESET)
            return
        async with self._power:
            if self.run is run:
                await self._stop()
                self.state = "crashed"
        self._changed()

    def _feed(self, run: Run, record: records.Record) -> None:
        armed = self._watchdog is not None
        if record.number == 0:
            self._watchdog = (record.value * 1000, record.time_us)
            if not armed:
                self._later(self._guard(run))
        elif self._watchdog is not None:
            self._watchdog = (self._watchdog[0], record.time_us)

    def _watch_on(self, run: Run, now_us: int) -> None:
        """A soft reset leaves the watchdog armed; the time that this host took to start a process does not count."""
        if self._watchdog is not None:
            timeout_us, fed_us = self._watchdog
            self._watchdog = (timeout_us, fed_us + now_us - self._stopped_us)
            self._later(self._guard(run))

    async def _guard(self, run: Run) -> None:
        """Reset a run that does not feed its watchdog. The times of feeding are the board's own, so a busy host resets nobody."""
        while self.run is run and self._watchdog is not None:
            fed = self._watchdog
            left_us = fed[0] + fed[1] - records.now_us()
            # What it told by then is read by then. It may give itself less time than now.
            await asyncio.sleep(min(max(0, left_us) / 1_000_000, WATCHDOG_LOOK_S) + WATCHDOG_SLACK_S)
            if left_us <= 0 and self._watchdog == fed:
                await self._reset(run, WDT_RESET)
                return

    def _set_timer(self, run: Run, number: int, period_s: float, *, periodic: bool) -> None:
        loop = asyncio.get_running_loop()
        if number in self._timers:
            self._timers.pop(number).cancel()
        if not period_s:
            return
        due = loop.time() + period_s

        def fire() -> None:
            nonlocal due
            run.send(records.packed(records.FIRE, number))
            if periodic:
                due = max(due + period_s, loop.time())
                self._timers[number] = loop.call_at(due, fire)

        self._timers[number] = loop.call_at(due, fire)

    def _now_us(self) -> int:
        return records.now_us() + self._skipped_us

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
