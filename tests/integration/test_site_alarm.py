"""Somebody calls for help, and the badges of the place record: agents, broker and center, real processes all, and a registry."""

import asyncio
import json
import pathlib
import shutil
import tempfile
from typing import Any

import pytest

from simulators.badge.scene import BADGE, BadgeScene
from simulators.gpio.hardware import Hardware
from simulators.processes import Child
from simulators.site import BUTTON_PIN
from tests.integration.test_badge import SETTINGS

NEAR, NEXT, FAR = "sos-near", "sos-next", "sos-far"
EXPIRES_S = 30


class School(BadgeScene):
    """A badge, and buttons at the same site and at another."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder, {**SETTINGS, "evidence": ""})
        self._devices = (BADGE, NEAR, NEXT, FAR)

    async def teach(self) -> None:
        """Give the center its registry and the rule, and start it again."""
        site = self.site
        sites = {BADGE: "School 5", NEAR: "School 5", NEXT: "School 5", FAR: "School 6"}
        devices = [{"name": name, "site": place} for name, place in sites.items()]
        (site.directory / "registry.json").write_text(json.dumps({"format": "dabyl-registry/1", "devices": devices}))
        text = site.center_config.read_text().replace("[center]\n", '[center]\nregistry = "registry.json"\n')
        rule = f'\n[recording]\nalarms = ["sos-button"]\nexpires_s = {EXPIRES_S}\n'
        site.center_config.write_text(text + rule)
        await self.center.end()
        self._connected.clear()
        self.center = await Child.start("center", site.center("--log", "json"), self._center_said)
        self._stack.push_async_callback(self.center.end)
        await self.up(self.center, self._connected.is_set)

    async def call(self, name: str, count: int) -> None:
        """Press a button that has not called before, and wait until the consumer has its alarm."""
        device = self.site.devices[name]
        board = Hardware(device.board)
        looked: set[object] = set()  # inputs whose level the agent has read: from then on it feels a finger
        agent = await Child.start(
            name,
            device.agent("--log", "trace"),
            lambda line: looked.add(line.get("name")) if line.get("stage") == "input" else None,
            environment=device.environment,
        )
        try:
            await self.up(agent, lambda: "button" in looked)
            board.press(BUTTON_PIN)
            await self.until(lambda: len(self.events("alarm.raised")) >= count, "the alarm did not come")
        finally:
            await agent.end()
            board.close()


async def _story(folder: pathlib.Path) -> list[dict[str, Any]]:
    async with School(folder) as scene:
        await scene.teach()
        await scene.call(FAR, 1)
        await scene.call(NEAR, 2)
        await scene.recorded("started")
        await scene.until(lambda: bool(scene.events("command.completed")), "the command's end was not told")
        await scene.hold()
        await scene.recorded("stopped")
        await scene.end_agent()
        await scene.call(NEXT, 3)
        await scene.start_agent()  # the badge was away when somebody called
        await scene.recorded("started", 2)
        return scene.events()


@pytest.mark.mosquitto
def test_the_badge_of_the_site_records_and_says_why_also_if_it_was_away() -> None:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    try:
        told = asyncio.run(_story(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    types = [event["type"].removeprefix("dabyl.") for event in told]
    begun = [event["data"] for event in told if event["type"] == "dabyl.recording.started"]
    assert [one["trigger"] for one in begun] == ["alarm", "alarm"]
    calls = [n for n, type_ in enumerate(types) if type_ == "alarm.raised"]
    assert types.index("recording.started") > calls[1], "the other school's alarm is none of this badge's business"
    assert not {"command.refused", "command.failed"} & set(types)
