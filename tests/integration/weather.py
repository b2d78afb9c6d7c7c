"""The cuttable network of the simulators, in a thread with a loop of its own, for tests that are no coroutines."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from simulators.network.proxy import Network


class Weather:
    """A network between an agent and ``upstream_port``; ``port`` is the agent's end."""

    def __init__(self, upstream_port: int, seed: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self.network = Network(upstream_port, seed=seed)

    @property
    def port(self) -> int:
        """Where the agent connects to."""
        return self.network.port

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self.network.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.do(self.network.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Wait for one of the network's coroutines."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def change(self, change: Callable[[], None]) -> None:
        """Make a change in the network's own thread."""

        async def made() -> None:
            change()

        self.do(made())

    def cut(self) -> None:
        """Cut it."""
        self.do(self.network.down())

    def mend(self) -> None:
        """Mend it."""
        self.do(self.network.up())
