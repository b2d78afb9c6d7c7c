"""The hub's agent on a simulated school, end to end: presses come out of the center with their rooms, and faults with their zones."""

import json
import pathlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from simulators.account import presses_verified
from simulators.hub.rig import place
from simulators.hub.school import School
from simulators.site import dabyl
from tests.integration.ground import Button, Ground
from tests.integration.processes import Process, run, until

HELD_MS = 1200
"""Long enough for a machine that does much else, and now and then stands still; how short a press may be is tested on simulated time."""


class Hub:
    """A school and the agent of its hub. ``device`` has the events."""

    def __init__(self, device: Button, school: School) -> None:
        self.device = device
        self.school = school

    def start(self) -> Process:
        environment = {**self.device.device.environment, **self.school.environment}
        agent = Process(f"agent {self.device.name}", self.device.device.agent("--log", "trace"), environment)
        self.device.runs.append(agent)
        agent.wait_said(stage="link", up=True)
        until(self.school.looked_at, "the modules are looked at", agent)
        return agent

    def press(self, *zones: int) -> None:
        """Press in these zones at once, and return when the fingers are off.

        Who still holds a button when the hub starts calls again, rightly.
        """
        for zone in zones:
            self.school.press(zone, HELD_MS)
        time.sleep(HELD_MS / 1000)

    def alarms(self, zone: int) -> list[dict[str, Any]]:
        """The verified alarm events of a zone, all of which say where it is."""
        where = place(zone)
        found = [one for one in self.device.events("alarm.") if one["data"].get("zone") == where["zone"]]
        assert all(one["data"].items() >= where.items() for one in found)
        return found

    def wait_presses(self, *presses: int) -> None:
        """Wait until the zones' verified alarms stand for so many presses."""
        until(
            lambda: [presses_verified(self.alarms(zone)) for zone in range(len(presses))] == list(presses),
            f"{presses} presses are verified",
            self.device.agent,
            self.device.ground.center_process,
        )

    def wait_fault(self, name: str, state: str) -> dict[str, Any]:
        """Wait until a fault is verified, ``well`` being its end; its event."""

        def told() -> list[dict[str, Any]]:
            events = self.device.events("fault.")
            return [one for one in events if (one["data"]["input"], one["data"].get("state", "well")) == (name, state)]

        until(lambda: bool(told()), f"{name} is {state}", self.device.agent)
        return told()[-1]


Make = Callable[[int], Hub]


@pytest.fixture
def make(ground: Ground, short_path: pathlib.Path) -> Iterator[Make]:
    schools: list[School] = []

    def hub(zones: int) -> Hub:
        school = School(pathlib.Path(tempfile.mkdtemp(dir=short_path)), zones)
        school.start()
        schools.append(school)
        return Hub(ground.button(kind="panic-hub", settings=school.settings), school)

    yield hub
    for school in schools:
        school.stop()


def test_presses_in_several_rooms_are_told_with_their_rooms_also_over_a_kill_and_beside_a_cut_cable(make: Make) -> None:
    hub = make(4)
    agent = hub.start()
    hub.press(0, 1)
    hub.wait_presses(1, 1)
    hub.school.break_it("zone-3", "cut")
    fault = hub.wait_fault("zone-3", "open")
    assert fault["data"].items() >= place(2).items()
    hub.press(1)
    hub.wait_presses(1, 2)
    before = len(hub.device.sealed("alarm."))
    hub.press(3)
    until(lambda: len(hub.device.sealed("alarm.")) > before, "the press becomes an event", agent)
    until(lambda: set(hub.device.sealed("alarm.")) <= hub.device.kept(), "it is kept", agent)
    agent.end(signal.SIGKILL)
    hub.start()
    hub.school.break_it("zone-3", "well")
    hub.press(0)
    hub.wait_presses(2, 2, 0, 1)
    assert max(hub.device.verified().values()) == 1
    assert hub.alarms(2) == [], "a cut cable is no call"


def test_an_alarm_that_nobody_has_received_stays_its_rooms_over_a_kill(make: Make, ground: Ground) -> None:
    hub = make(2)
    agent = hub.start()
    ground.center_process.end()
    hub.press(1)
    until(lambda: hub.device.sealed("alarm."), "the press becomes an event", agent)
    until(lambda: set(hub.device.sealed("alarm.")) <= hub.device.kept(), "it is kept", agent)
    agent.end(signal.SIGKILL)
    hub.start()
    hub.press(0, 1)
    ground.start_center()
    hub.wait_presses(1, 2)
    assert [one["type"].removeprefix("dabyl.") for one in hub.alarms(1)] == ["alarm.raised", "alarm.escalated"]


def test_a_dead_module_and_a_pulled_plug_are_told_and_heal_while_other_zones_are_heard(make: Make) -> None:
    hub = make(9)
    agent = hub.start()
    hub.school.break_it("module-2", "dead")
    hub.wait_fault("module-2", "silent")
    hub.press(0)
    hub.wait_presses(1)
    hub.school.break_it("module-2", "well")
    hub.wait_fault("module-2", "well")
    hub.school.break_it("io0", "unplugged")
    hub.wait_fault("module-1", "lost")
    hub.school.break_it("io0", "well")
    hub.wait_fault("module-1", "well")
    hub.press(8)
    hub.wait_presses(1, 0, 0, 0, 0, 0, 0, 0, 1)
    assert agent.end() == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"baud": 9600}, "a press of 60 ms could be lost"),
        ({"pressed_ohm": 6500}, "cannot be told apart"),
        ({"zones": []}, "zones (zones: name, module, channel, room"),
    ],
)
def test_wrong_settings_are_explained(
    ground: Ground, wrong: Mapping[str, Any], told: str, tmp_path: pathlib.Path
) -> None:
    settings = {**School(tmp_path, 2).settings, **wrong}
    device = ground.button(kind="panic-hub", settings=settings).device
    done = run([*dabyl(), "agent", "check", "--json", "--config", str(device.config)])
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert told in problem


def test_a_kind_for_microcontrollers_is_refused_with_those_for_linux(ground: Ground) -> None:
    device = ground.button(kind="panic-button", settings={"building": "A"}).device
    done = run([*dabyl(), "agent", "run", "--config", str(device.config)])
    assert done.returncode == 2
    assert "panic-button" in done.stderr
    assert "microcontroller" in done.stderr
    assert "panic-hub" in done.stderr
