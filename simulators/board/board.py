"""A whole simulated board: the unmodified firmware on MicroPython, with its power, flash, pins and radio in a test's hands.

    async with Board(firmware=folder, contacts={4: BUTTON}) as board:
        await board.press(4, ms=40)

A board is what outlives resets: flash, non-volatile storage, the clock's memory, what is wired to it. A `Run` is what a reset ends. All
methods belong to the event loop in which the board was entered; nothing blocks it.
"""

import asyncio
import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from simulators.board import records
from simulators.board.console import Console
from simulators.board.errors import BoardError
from simulators.board.flash import Flash
from simulators.board.life import SOFT_RESET, Boot, Life
from simulators.board.pins import Bounce, Pins
from simulators.board.radio import AccessPoint, Radio
from simulators.board.run import Run
from simulators.errors import HardwareTimeoutError
from simulators.gpio import physics
from simulators.gpio.wiring import Contact, Output

HOME = AccessPoint("dabyl", "correct horse")
SIMULATOR_HEAP_BYTES = 59 * 1024  # what the simulated hardware itself takes of the process's heap
DEBOUNCE_S = 0.15  # more than firmware waits for a contact
PATIENCE_S = 60.0  # a busy machine takes long to start a process
NO_DEVICE = 19  # ENODEV: no chip acknowledged


class Bus(Protocol):
    """The chips on one I2C bus. Either method may raise `OSError`: then none acknowledges."""

    def writeto(self, address: int, data: bytes) -> int:
        """Bytes to a chip; how many it acknowledged."""

    def readfrom(self, address: int, size: int) -> bytes:
        """Bytes from a chip."""


class Board:
    """One board.

    Args:
        firmware: folder that is copied to the root of its flash: main.py and what that needs.
        heap_kb: heap of the firmware; words are of 64 bits here, so take twice a real board's.
        contacts: what is wired to which GPIO; every other pin has a button to ground.
        buses: I2C buses by number, with their chips.
        points: access points in the air.
        hosts: names that resolve -> ports of 127.0.0.1.
        flash: image file to keep; without it the flash lives as long as this object.
        flash_blocks: size of a new flash, in blocks of 4 KB.
        uid: what machine.unique_id() says.
        seed: of the bounce.
    """

    def __init__(
        self,
        firmware: pathlib.Path | None = None,
        *,
        heap_kb: int = 220,
        contacts: Mapping[int, Contact] | None = None,
        buses: Mapping[int, Bus] | None = None,
        points: tuple[AccessPoint, ...] = (HOME,),
        hosts: Mapping[str, int] | None = None,
        flash: pathlib.Path | None = None,
        flash_blocks: int = 512,
        uid: bytes = bytes.fromhex("a0b1c2d3e4f5"),
        seed: int = 0,
    ) -> None:
        self._firmware = firmware
        self._heap_bytes = heap_kb * 1024 + SIMULATOR_HEAP_BYTES
        self._buses = dict(buses or {})
        self._changed = asyncio.Event()
        self._pings = 0
        self._pongs = [0, 0]  # the last one answered at once, and at rest
        self._uid = uid
        self.nvs: dict[str, dict[str, int | str]] = {}
        self.pins = Pins(contacts or {}, seed, self._send, self._moved)
        self.radio = Radio(points, hosts or {}, self._send)
        self._folder = tempfile.TemporaryDirectory(prefix="board-")
        self.flash = Flash(flash or pathlib.Path(self._folder.name, "flash"), flash_blocks, self._send)
        self.console = Console(self._notify)
        self._life = Life(self._start, self._make, self.pins, self.console, self._notify)

    async def __aenter__(self) -> Self:
        try:
            if self._firmware is not None:
                await self.flash.install(self._firmware)
            await self.power_on()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Switch off and leave nothing behind. Safe to call twice."""
        await self._life.close()
        await self.radio.close()
        self._folder.cleanup()

    # Fingers and wires

    async def press(self, pin: int, ms: float = 120, *, bounce: Bounce = physics.TYPICAL) -> int:
        """Press a button and let go, with the bounce of a contact or a recording of one; returns when the contact rests.

        Returns:
            The instant of the first touch, in nanoseconds of CLOCK_MONOTONIC.
        """
        return await self.pins.press(pin, ms, bounce)

    async def hold(self, pin: int, *, bounce: physics.BouncePattern = physics.TYPICAL) -> int:
        """Close a contact and keep it closed. Returns as `press` does."""
        return await self.pins.move(pin, 1, bounce)

    async def release(self, pin: int, *, bounce: physics.BouncePattern = physics.TYPICAL) -> int:
        """Open a contact. Returns as `press` does."""
        return await self.pins.move(pin, 0, bounce)

    def set_pin(self, pin: int, drive: int) -> None:
        """Connect a pin at once: `simulators.gpio.records.LOW`, `HIGH` or `OPEN`."""
        self.pins.drive(pin, drive)

    def adc(self, pin: int, millivolts: int) -> None:
        """Put a voltage on a pin."""
        self.pins.voltage(pin, millivolts)

    def output(self, pin: int) -> Output | None:
        """What a pin puts out: duty, frequency, since when; None if it never was an output."""
        return self.pins.output(pin)

    def history(self, pin: int) -> tuple[Output, ...]:
        """The changes of an output, oldest first."""
        return self.pins.history(pin)

    # Power

    async def power_on(self) -> None:
        """Give it power; returns when its firmware is about to run. Nothing happens if it has power."""
        await self._life.on()
        await self.booted()

    async def power_off(self) -> None:
        """Take the power, this instant."""
        await self._life.off()

    async def power_cut(self, off_ms: float = 0) -> None:
        """Take the power and give it back; returns when the firmware is about to run again. RTC memory and clock are lost."""
        await self.power_off()
        await asyncio.sleep(off_ms / 1000)
        await self.power_on()

    async def brown_out(self, times: int = 3, up_ms: float = 40) -> None:
        """The supply sags: the board resets `times` times, and lives `up_ms` between them. The last start stays."""
        for number in range(times):
            if number:
                await asyncio.sleep(up_ms / 1000)
            await self.power_cut()

    def hang(self) -> None:
        """The processor stands still, interrupts included; only a watchdog, a power cut or `go_on` helps."""
        self._life.hang()

    def go_on(self) -> None:
        """The processor goes on after `hang`: native code or a busy machine had held it. What interrupted it meanwhile is handled first."""
        self._life.go_on()

    def skip(self, ms: int) -> None:
        """Let time pass for a board in deep sleep; it wakes if that was due. Its clock goes on by as much.

        Raises:
            BoardStateError: it is not asleep.
        """
        self._life.skip(ms)

    @property
    def boots(self) -> list[Boot]:
        """All starts so far: cause and wake reason as `machine` tells them, when, and the free heap."""
        return self._life.boots

    @property
    def state(self) -> str:
        """Whether it is "off", "running", "asleep" in deep sleep, or "crashed": the interpreter itself died."""
        return self._life.state

    @property
    def rtc_memory(self) -> bytes:
        """What the firmware keeps through deep sleep and resets."""
        return self._life.rtc_memory

    # What happens on it

    async def booted(self, count: int | None = None, timeout_s: float = PATIENCE_S) -> Boot:
        """Wait until the firmware is about to run: in the run that is under way, or for the `count`-th time in all."""
        await self.until(
            lambda: len(self.boots) >= count if count is not None else self._life.up, timeout_s, "the board to start"
        )
        return self.boots[-1 if count is None else count - 1]

    async def asleep(self, timeout_s: float = PATIENCE_S) -> int | None:
        """Wait until it is in deep sleep: for how many milliseconds, or None for ever."""
        await self.until(lambda: self._life.sleep is not None, timeout_s, "deep sleep")
        return self._life.sleep_left_ms()

    async def printed(self, text: str, timeout_s: float = PATIENCE_S) -> str:
        """Wait until this boot has printed a line with `text` in it; the line."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in self.console.of_boot(len(self.boots)) if text in line]
            return bool(found)

        await self.until(seen, timeout_s, f"{text!r} on the console")
        return found[0]

    async def output_becomes(
        self, pin: int, predicate: Callable[[Output], bool], timeout_s: float = PATIENCE_S
    ) -> Output:
        """Wait until an output fulfils the predicate; the output."""
        await self.until(
            lambda: (shown := self.output(pin)) is not None and predicate(shown), timeout_s, f"GPIO{pin} to change"
        )
        shown = self.output(pin)
        assert shown is not None
        return shown

    async def taken(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the board has taken everything that was done to it so far, its interrupt handlers included."""
        await self._ping(0, timeout_s, "the board to take what was sent")

    async def at_rest(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the firmware has done everything that what was done to it so far called for.

        Its contacts are debounced, its event loop has nothing more to do at once: a press is in its flash by then, and may be on its way.
        """
        await self._ping(1, timeout_s, "the firmware to come to rest")
        await asyncio.sleep(DEBOUNCE_S)
        await self._ping(1, timeout_s, "the firmware to come to rest")

    async def written(self, operations: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the firmware has written to its flash, and has come to rest: what a press calls for.

        Args:
            operations: `flash.operations` before the press.
            timeout_s: at most so long for each.
        """
        await self.until(lambda: self.flash.operations > operations, timeout_s, "the flash to be written")
        await self.at_rest(timeout_s)

    async def until(self, reached: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until `reached()`, which is asked again whenever the board shows, prints or does something.

        Raises:
            HardwareTimeoutError: it was not in time.
            BoardError: the board's process crashed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not reached():
                    if self.state == "crashed":
                        raise BoardError(f"the board's interpreter crashed:\n{self.console.tail()}")
                    await self._changed.wait()
        except TimeoutError:
            raise HardwareTimeoutError(
                f"waited {timeout_s:g} s in vain for {what}; the board is {self.state}, and its console says:\n{self.console.tail()}"
            ) from None

    def type(self, data: bytes) -> None:
        """Type at the console; the byte 3, Ctrl-C, interrupts main.py."""
        if self._life.run is not None:
            self._life.run.type(data)

    async def drained(self) -> None:
        """Wait until the kernel has room for what is sent to the board: what a loop of many edges calls now and then."""
        if self._life.run is not None:
            await self._life.run.drained()

    # Inside

    async def _ping(self, when: int, timeout_s: float, what: str) -> None:
        self._pings += 1
        mine = self._pings
        self._send(records.packed(records.PING, when, mine))
        await self.until(lambda: self._pongs[when] >= mine, timeout_s, what)

    def _setup(self) -> dict[str, object]:
        life = self._life
        return {
            "cause": life.cause,
            "wake": life.wake,
            "uid": self._uid.hex(),
            "rtc": life.rtc_memory.hex(),
            "offset_us": life.clock_us,
            "nvs": self.nvs,
            "air": self.radio.air,
            "faults": self.flash.faults,
            "files": ["boot.py"] if self.console.raw and life.cause == SOFT_RESET else ["boot.py", "main.py"],
            **self.pins.setup(),
        }

    def _make(self) -> Run:
        return Run(self._told, self._asked, self.console.heard)

    async def _start(self, run: Run) -> None:
        await run.start(self._setup, self.flash.path, self._heap_bytes)

    def _told(self, record: records.Record) -> None:
        if record.kind in {records.INPUT, records.OUTPUT}:
            self.pins.told(record)
        elif record.kind == records.FLASH:
            self.flash.changed(record)
        elif record.kind == records.JOIN:
            self.radio.joined(dhcp=bool(record.number))
        elif record.kind == records.RTC:
            self._life.rtc_memory = record.payload
        elif record.kind == records.CLOCK:
            self._life.clock_us = int(record.payload)
        elif record.kind == records.PONG:
            self._pongs[record.number] = record.value
            if self._life.run is not None:
                self._life.run.hear()
        else:
            if record.kind == records.HALT and record.number == records.POWER_CUT:
                self.flash.power_lost()
            self._life.told(record)
        self._notify()

    async def _asked(self, record: records.Record) -> tuple[int, bytes]:
        if record.kind == records.NVS:
            namespace, values = json.loads(record.payload)
            self.nvs[namespace] = values
            return 0, b""
        if record.kind == records.ROUTE:
            return await self.radio.route(record.payload.decode(errors="replace"), record.extra), b""
        bus = self._buses.get(record.extra)
        if bus is None:
            return -NO_DEVICE, b""
        try:
            acknowledged = 0
            if record.payload or record.value <= 0:
                acknowledged = bus.writeto(record.number, record.payload)
            return acknowledged, bus.readfrom(record.number, record.value) if record.value > 0 else b""
        except OSError as error:
            code = error.args[0] if error.args else None  # MicroPython's way; CPython sets errno for two arguments only
            return -(code if isinstance(code, int) else NO_DEVICE), b""

    def _moved(self) -> None:
        self._life.look_for_wake()

    def _send(self, data: bytes) -> None:
        if self._life.run is not None:
            self._life.run.send(data)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
