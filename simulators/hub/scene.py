"""A hub at work on a site of its own: real broker, center and consumer, the unmodified agent, and the school below it."""

import pathlib
import re
import signal
from collections.abc import Mapping
from typing import Any

from simulators.hub.school import School
from simulators.processes import Child
from simulators.running_site import RunningSite

DEVICE = "hub-0001"
LATER = 2
"""Looks after an instant: what follows from the first is told before the second."""


class Scene(RunningSite):
    """An open scene.

    Args:
        directory: a folder with a short path, for what the site keeps.
        zones: how many buttons the school has.
        seed: of everything random.
    """

    def __init__(self, directory: pathlib.Path, zones: int, *, seed: int = 0) -> None:
        super().__init__(directory, (DEVICE,))
        self._linked = False
        self._position = self._kept = 0
        self.school = School(directory, zones, seed)
        self.sealed: list[tuple[int, str]] = []
        """(ns of CLOCK_MONOTONIC, type) of the events that the agent has handed over."""
        self.looks: list[list[int]] = [[] for _ in self.school.rig.modules]
        """When each module was asked for what the agent's logic then had of it, in ns of CLOCK_MONOTONIC."""
        self.starts = 0

    async def _open(self) -> None:
        await super()._open()
        self.school.start()
        self._stack.callback(self.school.stop)
        self._device = self.site.add_device(
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
            self.follow,
            environment={**self._device.environment, **self.school.environment},
        )
        await self.up(self._agent, lambda: self._linked and self.school.looked_at())

    async def through(self, until_ns: int) -> None:
        """Wait until the agent is done with all that buttons did up to an instant: it has kept what followed, or nothing will.

        Raises:
            DemoError: it does not get there.
        """

        def reached() -> bool:
            later = [sum(at_ns > until_ns for at_ns in looks[-LATER:]) for looks in self.looks]
            return min(later) == LATER and self._kept >= self._position

        await self.until(reached, "the agent does not look at its lines, or does not keep its events")

    async def kill(self) -> None:
        """SIGKILL."""
        await self._agent.end(signal.SIGKILL)

    def follow(self, line: Mapping[str, Any]) -> None:
        """One line of the agent's trace."""
        stage = line.get("stage")
        if stage == "sealed":
            self.sealed.append((int(line["mono_ns"]), str(line["type"])))
        elif stage == "written":
            self._position = int(line["position"])
        elif stage == "kept":
            self._kept = int(line["position"])
        elif stage == "input" and str(line["name"]).startswith("module-"):
            self._heard(int(str(line["name"])[7:]) - 1, str(line["value"]))
        elif stage == "link":
            self._linked = bool(line["up"])

    async def _end(self) -> None:
        if self.starts:
            await self._agent.end()

    def _heard(self, module: int, value: str) -> None:
        told = [int(mv) for mv in re.findall(r"\d+", value.partition("mv=")[2])]
        asked_ns = self.school.asked_for(module, told)
        if asked_ns is not None:
            self.looks[module].append(asked_ns)
