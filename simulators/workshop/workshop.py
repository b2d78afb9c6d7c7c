"""The workshop at work: a real broker, a real center, and a bench for one board at a time."""

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

from simulators.board.board import HOME, Board
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.board.radio import AccessPoint
from simulators.board.serial import SerialPort
from simulators.opened import Opened
from simulators.processes import Child
from simulators.site import dabyl
from simulators.workshop.layout import Layout

START_S = 30.0


class Workshop(Opened):
    """Broker and center at work, and the one place where a board is plugged in."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._layout = layout
        self._cable = contextlib.AsyncExitStack()
        self._board: Board | None = None
        self._pin = 0

    async def _open(self) -> None:
        broker = self._layout.broker
        self._stack.push_async_callback(asyncio.to_thread, broker.stop)
        await asyncio.to_thread(broker.start)
        connected = asyncio.Event()
        center = await Child.start(
            "center",
            [*dabyl(), "center", "run", "--config", str(self._layout.center), "--log", "json"],
            lambda line: connected.set() if line.get("what") == "connected" else None,
        )
        self._stack.push_async_callback(center.end)
        await asyncio.wait_for(connected.wait(), START_S)
        self._stack.push_async_callback(self.unplug)

    async def do(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an order."""
        match order["do"]:
            case "plug":
                return {"port": await self.plug(order["name"], order["kind"])}
            case "press":
                await self.board.press(self._pin)
            case "unplug":
                await self.unplug()
        return {}

    async def unplug(self) -> None:
        """Take the board away, its power with it."""
        self._board = None
        plugged, self._cable = self._cable, contextlib.AsyncExitStack()
        await plugged.aclose()

    @property
    def plugged(self) -> bool:
        """Whether there is a board."""
        return self._board is not None

    @property
    def board(self) -> Board:
        """The board that is plugged in."""
        assert self._board is not None
        return self._board

    async def plug(self, name: str, kind: str, points: tuple[AccessPoint, ...] = (HOME,)) -> str:
        """Plug in the board of a name in place of the one that is there; its port. ``points`` are in the air."""
        await self.unplug()
        wiring = KINDS[kind]
        board = Board(
            contacts=wiring.contacts,
            heap_kb=HEAP_KB,
            flash=self._layout.flash(name),
            points=points,
            uid=hashlib.sha256(name.encode()).digest()[:6],
        )
        self._board = await self._cable.enter_async_context(board)
        self._pin = wiring.pin("button")
        return (await self._cable.enter_async_context(SerialPort(board))).path
