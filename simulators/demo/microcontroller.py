"""The panic button on a microcontroller: the unmodified firmware, on MicroPython in a process of its own, on a simulated board.

The firmware tells nothing of what it does. What is shown of it is what a passer-by and the center know: its lamp's pin, and its events.
"""

import pathlib
import time
from collections.abc import Sequence

from devices.panic_button import LEVELS
from devices.panic_button.patterns import PATTERNS
from simulators import lamp
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.demo.button import Button
from simulators.demo.journey import Follower
from simulators.gpio.wiring import Output
from simulators.site import Site

DEVICE = "panic-0001"
KIND = "panic-button"
PRESS_MS = 120


class BoardButton(Button):
    """The button and its board, without power at first.

    Args:
        folder: new, for the content of its flash.
        bundle: the firmware, as it lies at the root of a board's flash.
        site: its center.
        port: of the broker.
        seed: of the bounce.
    """

    levels = LEVELS

    def __init__(self, folder: pathlib.Path, bundle: pathlib.Path, site: Site, port: int, seed: int) -> None:
        super().__init__(DEVICE, "Panic button on a microcontroller", Follower(DEVICE, traced=False))
        wiring = KINDS[KIND]
        self._button, self._lamp = wiring.pin("button"), wiring.pin("lamp")
        flash = enrolled(folder, bundle, wiring, site, DEVICE, port=port)
        self._operations = 0
        self.board = Board(flash, contacts=wiring.contacts, heap_kb=HEAP_KB, seed=seed)

    async def press(self) -> int | None:
        """Press, and return when the finger is off."""
        if self.held:
            return None
        self.held = True
        touched_ns = self._touched()
        self._operations = self.board.flash.operations
        await self.board.press(self._button, PRESS_MS)
        self.held = False
        return touched_ns

    async def hold(self) -> None:
        """Hold, or let go."""
        self.held = not self.held
        if self.held:
            self._touched()
            await self.board.hold(self._button)
        else:
            await self.board.release(self._button)

    async def fail(self) -> None:
        """Its power is cut."""
        await self.board.power_off()

    async def recover(self) -> None:
        """Its power is back."""
        await self.board.power_on()

    async def kept(self, timeout_s: float) -> None:
        """By its flash, and its firmware, which has nothing more to do."""
        await self.board.written(self._operations, timeout_s)

    async def listens(self, timeout_s: float) -> None:
        """It is on line again, and felt its button before."""
        await self.board.printed("info connected", timeout_s)

    @property
    def state(self) -> str:
        """Whether it has power, and how often it was started."""
        return f"runs (start {len(self.board.boots)})" if self.board.state == "running" else "no power"

    @property
    def linked(self) -> bool:
        """By its connection."""
        return self.board.radio.connections > 0

    def light(self) -> Sequence[Output]:
        """By the simulated board's pin."""
        return self.board.history(self._lamp)

    def lamp(self) -> str:
        """By its light."""
        now_ns = time.monotonic_ns()
        light = self.light()
        self.follower.lamp_seen(
            lamp.read(light, PATTERNS["lamp"], now_ns) if self.runs else "dark",
            lambda signed_ns: lamp.shown_by(light, signed_ns, now_ns),
        )
        return self.follower.lamp

    def _touched(self) -> int:
        touched_ns = time.monotonic_ns()
        self.touches += 1
        if self.runs:
            self.follower.touched(touched_ns)
        return touched_ns
