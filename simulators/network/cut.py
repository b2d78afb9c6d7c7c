"""A simulated network that cuts each connection after so many bytes, on a thread of its own, for callers that have no event loop."""

import asyncio
import threading
from typing import Self

from simulators.network.proxy import Network
from simulators.network.toxics import LimitData


class CutLine:
    """The line before a server that listens on ``port`` of this machine. ``self.port`` is the line's own end, once it is entered."""

    def __init__(self, port: int) -> None:
        self._network = Network(port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._network.start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._network.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut_after(self, size: int | None) -> None:
        """From now on connections break after so many bytes to the server; None: no more."""

        async def change() -> None:
            self._network.clear()
            if size is not None:
                self._network.add("cut", LimitData(size), "upstream")

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()
