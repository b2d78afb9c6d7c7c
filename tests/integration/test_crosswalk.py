"""The crosswalk's agent on a simulated street, end to end: what happens at the crossing comes out of the center as verified events."""

import json
import os
import pathlib
import select
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from devices.crosswalk.counts import Counts
from devices.crosswalk.far_settings import SHARED
from simulators.lines.pty import Pty
from simulators.site import dabyl
from simulators.street.modules import SUPPLY_COIL
from simulators.street.people import Pedestrian, Wish
from simulators.street.street import BUTTON_PIN, LEFT_PIN, RIGHT_PIN, Street
from simulators.street.traffic import Vehicle
from simulators.street.world import Plan
from tests.integration.ground import Button, Ground
from tests.integration.processes import Process, run, until

SHORT = {"crossing_mm": 2000, "clear_s": 0, "lit_min_s": 5}
"""Lit for five seconds."""
NOBODY = Plan(seed=1, length_mm=2000, groups_h=0.001, vehicles_h=0.001)


class Crossing:
    """A street and the controller's agent on it. ``device`` has the events."""

    def __init__(self, device: Button, street: Street) -> None:
        self.device = device
        self.street = street

    def start(self) -> Process:
        environment = {**self.device.device.environment, **self.street.environment}
        agent = Process(f"agent {self.device.name}", self.device.device.agent("--log", "trace"), environment)
        self.device.runs.append(agent)
        agent.wait_said(stage="link", up=True)
        return agent

    def press(self) -> None:
        self.street.board.press(BUTTON_PIN, 150)

    def flashes(self, pin: int) -> int:
        return sum(output.lit for output in self.street.board.history(pin))

    def wait_flashing(self) -> None:
        until(self.street.lit, "the beacon gives light", self.device.agent)

    def wait_dark(self) -> None:
        until(lambda: not self.supplied(), "the supply is off", self.device.agent)

    def supplied(self) -> bool:
        return self.street.rig.relays.closed(SUPPLY_COIL)

    def faults(self) -> list[tuple[str, str]]:
        """(input, state) of verified faults, "well" where one is over, in order."""
        return [(one["data"]["input"], one["data"].get("state", "well")) for one in self.device.events("fault.")]

    def wait_fault(self, name: str, state: str) -> None:
        until(lambda: (name, state) in self.faults(), f"{name} is {state}", self.device.agent)


Make = Callable[..., Crossing]


@pytest.fixture
def make(ground: Ground, short_path: pathlib.Path) -> Iterator[Make]:
    streets: list[Street] = []

    def crossing(
        plan: Plan = NOBODY, prepare: Callable[[Street], None] = lambda _street: None, **settings: object
    ) -> Crossing:
        street = Street(pathlib.Path(tempfile.mkdtemp(dir=short_path)), plan)
        prepare(street)
        street.start()
        streets.append(street)
        return Crossing(ground.button(kind="crosswalk", settings={**street.settings, **SHORT, **settings}), street)

    yield crossing
    for street in streets:
        street.stop()


def test_a_press_lights_the_beacon_for_the_time_to_cross_and_is_told(make: Make) -> None:
    crossing = make()
    crossing.start()
    crossing.press()
    started = crossing.device.wait_event("crossing.started")
    assert started["data"] == {"by": "button", "for_ms": 5000, "night": False}
    crossing.wait_flashing()
    ended = crossing.device.wait_event("crossing.ended")
    assert ended["data"]["lit_ms"] >= 5000
    crossing.wait_dark()
    assert crossing.flashes(LEFT_PIN) >= 4 * 3, "of 24; a machine that stands still leaves some out"
    assert abs(crossing.flashes(LEFT_PIN) - crossing.flashes(RIGHT_PIN)) <= 1
    assert max(crossing.device.verified().values()) == 1


def test_somebody_who_waits_is_seen_and_a_car_that_does_not_give_way_is_told(make: Make) -> None:
    def waits_and_speeds(street: Street) -> None:
        way = [(0.2, -0.8)]
        street.rig.world.enter(
            [Pedestrian(1, "adult", Wish.LINGER, -1, 1.3, 3.0, -2.5, way, [(16.0, -3.0)], 60.0, False)]
        )
        cars = [Vehicle(2 + number, 0, 4.4, 13.9, 13.9, mood=1.0, to_go_m=130.0 + 80 * number) for number in range(6)]
        street.rig.world.vehicles.extend(cars)  # the agent takes its time to start where the machine is busy

    crossing = make(prepare=waits_and_speeds)
    crossing.start()
    assert crossing.device.wait_event("crossing.started")["data"]["by"] == "detection"
    seen = crossing.device.wait_event("violation.observed")["data"]
    assert seen["beacon"] == "flashing"
    assert seen["speed"] == "indicative"
    assert 10_000 < seen["top_mm_s"] < 16_000


def test_killed_while_it_flashes_it_goes_dark_by_the_relays_own_timer_and_comes_back(make: Make) -> None:
    crossing = make()
    agent = crossing.start()
    crossing.press()
    crossing.wait_flashing()
    until(crossing.supplied, "the relay holds", agent)
    agent.end(signal.SIGKILL)
    until(lambda: not crossing.supplied(), "the relay lets go")
    crossing.start()
    crossing.press()
    crossing.device.wait_event("crossing.started", count=2)
    crossing.wait_flashing()


def test_a_broken_lamp_and_a_pulled_plug_are_told_and_healing_too(make: Make) -> None:
    crossing = make(lit_min_s=30)  # a busy machine leaves gaps between samples, and their time does not count
    agent = crossing.start()
    crossing.street.break_it("lamp-left", "broken")
    crossing.press()
    crossing.wait_fault("lamp-left", "dead")
    before = crossing.flashes(RIGHT_PIN)
    until(lambda: crossing.flashes(RIGHT_PIN) > before + 4, "the other lamp flashes on", agent)
    crossing.street.break_it("lamp-left", "well")
    crossing.street.break_it("tracker", "unplugged")
    crossing.wait_fault("tracker", "lost")
    crossing.street.break_it("tracker", "well")
    crossing.wait_fault("tracker", "well")


def test_whatever_ails_lines_and_lamps_at_once_is_told_by_name_the_rest_works_and_all_heals(make: Make) -> None:
    crossing = make(lit_min_s=30)  # a lamp heals while it is lit
    street = crossing.street
    agent = crossing.start()
    ailing = {
        "tracker": ("wrong-baud", "babbling"),
        "presence": ("babbling", "babbling"),
        "speed": ("unplugged", "lost"),
        "charger": ("silent", "silent"),
        "farside": ("silent", "lost"),
        "current-left": ("silent", "silent"),
        "lamp-right": ("stuck-on", "stuck-on"),
    }
    for what, (how, _state) in ailing.items():
        street.break_it(what, how)
    crossing.press()  # what is wrong with a lamp shows while it is lit
    crossing.wait_flashing()
    for what, (_how, state) in ailing.items():
        crossing.wait_fault(what, state)
    assert {what for what, state in crossing.faults() if state != "well"} <= {*ailing}
    before = crossing.flashes(LEFT_PIN)
    until(lambda: crossing.flashes(LEFT_PIN) > before + 4, "it flashes on", agent)
    for what in ailing:
        street.break_it(what, "well")
    crossing.press()
    for what in ailing:
        crossing.wait_fault(what, "well")


def test_an_hour_that_a_kill_cut_short_is_told_by_the_next_run(make: Make) -> None:
    before = Counts(0)
    before.approach(13_900)
    before.add("pedestrians", 3)
    kept = before.to_keep(120_000)
    assert kept is not None
    crossing = make(
        prepare=lambda street: pathlib.Path(str(street.settings["counts_file"])).write_text(kept, encoding="utf-8")
    )
    crossing.start()
    told = crossing.device.wait_event("count.crossing")["data"]
    assert (told["period"], told["period_s"], told["pedestrians"], told["approaches"]) == (1, 120, 3, 1)


class Cable:
    """What leads from one side of the road to the other."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.near, self.far = Pty(folder / "near"), Pty(folder / "far")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self.near.unplug()
        self.far.unplug()

    def _run(self) -> None:
        across = {self.near.master: self.far, self.far.master: self.near}
        ends = {end.master: end for end in (self.near, self.far)}
        while not self._closing.is_set():
            for master in select.select(list(ends), [], [], 0.01)[0]:
                across[master].write(ends[master].read())


class Far:
    """The unit on the far side as its own process, on hardware of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.street = Street(folder, NOBODY, ("tracker", "io"))
        self.street.start()
        self.cable = Cable(folder)
        given = {name: self.street.settings[name] for name in SHARED if name in self.street.settings}
        lines = [
            f"{name} = {json.dumps(value)}" for name, value in {**given, "near_port": str(self.cable.far.path)}.items()
        ]
        self.config = folder / "far-unit.toml"
        self.config.write_text("\n".join(lines), encoding="utf-8")
        self.runs: list[Process] = []

    @property
    def unit(self) -> Process:
        return self.runs[-1]

    def start(self) -> Process:
        command = [*dabyl(), "far-unit", "run", "--config", str(self.config), "--log", "json"]
        self.runs.append(Process("far unit", command, {**os.environ, **self.street.environment}))
        self.unit.wait_said(message="started")
        return self.unit

    def supplied(self) -> bool:
        return self.street.rig.relays.closed(SUPPLY_COIL)

    def close(self) -> None:
        for unit in self.runs:
            unit.destroy()
        self.cable.close()
        self.street.stop()


@pytest.fixture
def far(short_path: pathlib.Path) -> Iterator[Far]:
    side = Far(pathlib.Path(tempfile.mkdtemp(dir=short_path)))
    side.start()
    yield side
    side.close()


def test_the_far_side_calls_flashes_with_this_one_and_neither_lights_without_the_other_alive(
    make: Make, far: Far
) -> None:
    crossing = make(farside_port=str(far.cable.near.path), lit_min_s=60, lit_max_s=60)
    agent = crossing.start()
    both = agent, far.unit
    far.street.board.press(BUTTON_PIN, 150)
    assert crossing.device.wait_event("crossing.started")["data"]["by"] == "far-button"
    crossing.wait_flashing()
    until(far.street.lit, "the far side flashes", *both)
    far.street.break_it("lamp-left", "broken")
    crossing.wait_fault("farside", "ill")
    far.unit.wait_said(input="lamp-left", state="dead")
    far.street.break_it("lamp-left", "well")
    far.unit.end(signal.SIGKILL)
    until(lambda: not far.supplied(), "the far side's relay lets go")
    crossing.wait_fault("farside", "lost")
    assert crossing.street.lit(), "this side goes on"
    far.start()
    until(
        lambda: [one for one in crossing.faults() if one[0] == "farside"][-1][1] == "well",
        "it is back",
        agent,
        far.unit,
    )
    crossing.press()
    until(far.street.lit, "the far side flashes again", agent, far.unit)
    agent.end(signal.SIGKILL)
    until(lambda: not far.supplied(), "without orders the far side is dark", far.unit)
    assert far.unit.end() == 0


def test_a_command_lights_it_too_and_a_clean_end_leaves_it_dark(make: Make, ground: Ground) -> None:
    crossing = make()
    agent = crossing.start()
    name = crossing.device.name
    ground.send_command(name, ground.command(name, 1, "flash"))
    assert crossing.device.wait_event("crossing.started")["data"]["by"] == "command"
    crossing.wait_flashing()
    assert agent.end() == 0
    for pin in (LEFT_PIN, RIGHT_PIN):
        output = crossing.street.board.output(pin)
        assert output is not None
        assert not output.lit
    until(lambda: not crossing.supplied(), "the relay lets go", agent)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"crossing_mm": 40_000}, "the beacon would go dark over somebody on the road"),
        ({"io_port": ""}, "lamps' supply relay"),
        ({"lamp_max_ma": 2500}, "lamp_max_ma 2500 must be less than lamp_range_ma 2000"),
        ({"left_pin": BUTTON_PIN}, f"both name GPIO{BUTTON_PIN}"),
        ({"trackr_port": "x"}, "trackr_port is unknown"),
    ],
)
def test_wrong_settings_are_explained(ground: Ground, wrong: Mapping[str, Any], told: str) -> None:
    device = ground.button(kind="crosswalk", settings=dict(wrong)).device
    done = run([*dabyl(), "agent", "check", "--json", "--config", str(device.config)])
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert told in problem
