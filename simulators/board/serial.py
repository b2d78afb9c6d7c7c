"""A board's serial port: a pseudo-terminal that stays while the board is reset, for unmodified tools such as mpremote."""

import asyncio
import os
import tty
from types import TracebackType
from typing import Self

from simulators.board.board import Board

UNREAD_MAX = 65536


class SerialPort:
    """The port of one board: whatever opens `path` finds the board's prompt, or its main.py running.

    What the board prints while nobody reads is kept up to 64 KB; then the oldest goes.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._unread = bytearray()
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.path = os.ttyname(self._far)

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._near, self._typed)
        self._board.console.also = self._print
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.console.also = None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._near)
        loop.remove_writer(self._near)
        os.close(self._far)
        os.close(self._near)

    def _typed(self) -> None:
        try:
            self._board.type(os.read(self._near, UNREAD_MAX))
        except BlockingIOError:
            return

    def _print(self, data: bytes) -> None:
        self._unread += data
        del self._unread[:-UNREAD_MAX]
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unread:
                del self._unread[: os.write(self._near, self._unread)]
        except BlockingIOError:
            loop.add_writer(self._near, self._write)
        else:
            loop.remove_writer(self._near)
