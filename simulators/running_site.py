"""A site at work: real broker, center and consumer around what a scene adds. Nothing of it is left behind when it is closed."""

import asyncio
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators.errors import DemoError
from simulators.opened import Opened
from simulators.processes import Child
from simulators.site import Site

WAIT_S = 60.0
LOOK_S = 0.02


class RunningSite(Opened):
    """Open as a context manager. A scene extends ``_open``.

    Args:
        directory: a folder with a short path, for what the site keeps.
        devices: their names.
        engine: broker engine to take, or None for the one that is there.
        operators: names under which the center sends by further connections.

    Attributes:
        site: its files, identities and broker.
        center: the process.
        consumer: of the verified events.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        devices: Sequence[str],
        *,
        engine: str | None = None,
        operators: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._directory = directory
        self._devices = devices
        self._engine = engine
        self._operators = operators
        self._connected = asyncio.Event()

    async def _open(self) -> None:
        self.site = site = await asyncio.to_thread(
            Site, self._directory / "site", self._devices, prefer=self._engine, operators=self._operators
        )
        self._stack.push_async_callback(asyncio.to_thread, site.broker.stop)
        await asyncio.to_thread(site.broker.start)
        self.center = await Child.start("center", site.center("--log", "json"), self._center_said)
        self._stack.push_async_callback(self.center.end)
        await self.up(self.center, self._connected.is_set)
        self.consumer = site.consumer()
        self._stack.callback(self.consumer.close)
        await asyncio.to_thread(self.consumer.__enter__)

    async def until(
        self, reached: Callable[[], bool], otherwise: str | Callable[[], str], wait_s: float = WAIT_S
    ) -> None:
        """Wait.

        Raises:
            DemoError: in vain; it says ``otherwise``.
        """
        until = time.monotonic() + wait_s
        while not reached():  # what is waited for happens in other processes and threads
            if time.monotonic() > until:
                raise DemoError(otherwise if isinstance(otherwise, str) else otherwise())
            await asyncio.sleep(LOOK_S)

    async def up(self, child: Child, reached: Callable[[], bool]) -> None:
        """Wait until a process is at work.

        Raises:
            DemoError: it is not in time, or has ended.
        """
        await self.until(
            lambda: reached() or not child.running, lambda: f"the {child.name} did not come up: {child.said()}"
        )
        if not child.running:
            raise DemoError(f"the {child.name} ended: {child.said()}")

    async def move_alarm(self, device: str, boot: int, seq: int, state: str) -> bool:
        """An operator acknowledges, dispatches or closes an alarm, with the product's own command; whether it was done."""
        process = await asyncio.create_subprocess_exec(
            *self.site.order(device, boot, seq, state, by="operator"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0

    def _center_said(self, line: Mapping[str, Any]) -> None:
        if line.get("what") == "connected":
            self._connected.set()
