"""A hub at work on a site of its own: real broker, center and consumer, the unmodified agent, and the school below it."""

import asyncio
import contextlib
import pathlib
import signal
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

from simulators.consumer import Consumer
from simulators.errors import DemoError
from simulators.hub.school import School
from simulators.processes import Child
from simulators.site import CONSUMER, Site

DEVICE = "hub-0001"
WAIT_S = 60.0
LOOK_S = 0.01


class Scene:
    """An open scene.

    Args:
        directory: a folder with a short path, for what the site keeps.
        zones: how many buttons the school has.
        seed: of everything random.
    """

    def __init__(self, directory: pathlib.Path, zones: int, *, seed: int = 0) -> None:
        self._directory = directory
        self._stack = contextlib.AsyncExitStack()
        self._connected = asyncio.Event()
        self._linked = False
        self._position = self._kept = 0
        self.school = School(directory, zones, seed)
        self.sealed: list[tuple[int, str]] = []
        """(ns of CLOCK_MONOTONIC, type) of the events that the agent has handed over."""
        self.readings: dict[str, list[int]] = {}
        """Module -> when the agent's logic had a reading of it, in ns of CLOCK_MONOTONIC."""
        self.starts = 0

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        self.site = site = await asyncio.to_thread(Site, self._directory / "site", (DEVICE,))
        self._stack.push_async_callback(asyncio.to_thread, site.broker.stop)
        await asyncio.to_thread(site.broker.start)
        self._center = await Child.start("center", site.center("--log", "json"), self._center_said)
        self._stack.push_async_callback(self._center.end)
        await self.until(lambda: self._connected.is_set() or not self._center.running, "the center did not connect")
        if not self._center.running:
            raise DemoError(f"the center ended: {self._center.said()}")
        self.consumer = Consumer(
            site.broker.port,
            root=site.root,
            chain=site.consumer_identity.chain,
            key=site.consumer_identity.key,
            name=CONSUMER,
        )
        self._stack.callback(self.consumer.close)
        await asyncio.to_thread(self.consumer.__enter__)
        self.school.start()
        self._stack.callback(self.school.stop)
        self._device = site.add_device(
            DEVICE,
            kind="panic-hub",
            settings=self.school.settings,
            link={"keepalive_s": 10, "retry_min_ms": 250, "retry_max_ms": 3000},
        )
        self._stack.push_async_callback(self._end)
        await self.start()

    async def start(self) -> None:
        """Start the agent; returns once it is connected and looks at its lines."""
        self.starts += 1
        self._linked = False
        self._position = self._kept = 0
        self._agent = await Child.start(
            "agent",
            self._device.agent("--log", "trace"),
            self._agent_said,
            environment={**self._device.environment, **self.school.environment},
        )
        await self.until(
            lambda: (self._linked and self.school.looked_at()) or not self._agent.running, "the agent did not come up"
        )
        if not self._agent.running:
            raise DemoError(f"the agent ended: {self._agent.said()}")

    async def kill(self) -> None:
        """SIGKILL, as soon as everything it has sealed is on its disk, and start again."""
        await self.until(lambda: self._kept >= self._position, "events were not kept")
        await self._agent.end(signal.SIGKILL)
        await self.start()

    async def until(self, reached: Callable[[], bool], otherwise: str, wait_s: float = WAIT_S) -> None:
        """Wait.

        Raises:
            DemoError: in vain.
        """
        until = time.monotonic() + wait_s
        while not reached():  # what is waited for happens in other processes and threads
            if time.monotonic() > until:
                raise DemoError(otherwise)
            await asyncio.sleep(LOOK_S)

    async def _end(self) -> None:
        if self.starts:
            await self._agent.end()

    def _center_said(self, line: Mapping[str, Any]) -> None:
        if line.get("what") == "connected":
            self._connected.set()

    def _agent_said(self, line: Mapping[str, Any]) -> None:
        stage = line.get("stage")
        if stage == "sealed":
            self.sealed.append((int(line["mono_ns"]), str(line["type"])))
        elif stage == "written":
            self._position = int(line["position"])
        elif stage == "kept":
            self._kept = int(line["position"])
        elif stage == "input" and str(line["name"]).startswith("module-"):
            self.readings.setdefault(str(line["name"]), []).append(int(line["at_ms"]) * 1_000_000)
        elif stage == "link":
            self._linked = bool(line["up"])
