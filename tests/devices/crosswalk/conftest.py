"""A driven crosswalk: a fake clock, a record of all it did, and sensors that speak at their pace."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.effects import EMIT, OUTPUT
from devices.crosswalk import make_logic
from devices.sensors.readings import Charge, ChargeState, Health, LampCurrent, Speed, Status, Target, Targets
from tests.devices.ticks import ticks

FLASHES = 12_778  # ms of light after a call: 7 m at 0.9 m/s, and 5 s


class Driver:
    """Turns time for one Crosswalk the way a runtime does: ticks when asked for."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.now = 1000
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.times: list[tuple[str, int]] = []
        self.outputs: dict[str, str] = {}
        self.changes: list[tuple[int, str, str]] = []
        self.order: list[str] = []
        self.logic = make_logic(settings or {}, self.now)
        self.take(self.logic.started([], self.now))
        self.set("button", 0)

    def take(self, effects: list[Any]) -> None:
        self.order = [effect[2] if effect[0] == EMIT else effect[1] for effect in effects]
        for effect in effects:
            if effect[0] == EMIT:
                _, _tag, name, data = effect
                self.events.append((name, data))
                self.times.append((name, self.now))
            else:
                assert effect[0] == OUTPUT
                self.outputs[effect[1]] = effect[2]
                self.changes.append((self.now, effect[1], effect[2]))

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        for now in ticks(self.logic, self.now, end):
            self.now = now
            self.take(self.logic.tick(now))
        self.now = end

    def set(self, name: str, value: Any) -> None:
        self.take(self.logic.input(name, value, self.now))

    def press(self, held_ms: int = 100) -> None:
        self.set("button", 1)
        self.pass_ms(held_ms)
        self.set("button", 0)

    def look(self, *places: tuple[int, int], for_ms: int = 100) -> None:
        """The tracker sees targets at these places (x, y in mm), for so long, every 100 ms."""
        for _ in range(for_ms // 100):
            self.set("tracker", Targets(self.now, tuple(Target(x, y, 0) for x, y in places)))
            self.pass_ms(100)

    def pir(self, active: int) -> None:
        self.set("pir", active)

    def judge(self, sensor: str, state: Health) -> None:
        self.set(sensor, Status(self.now, sensor, state))

    def lamps(self, left: tuple[int, ...], right: tuple[int, ...], for_ms: int) -> None:
        """Currents in turn, a sample of each lamp every 50 ms."""
        for number in range(for_ms // 50):
            for name, currents in (("left", left), ("right", right)):
                self.set("lamps", LampCurrent(self.now, name, currents[number % len(currents)]))
            self.pass_ms(50)

    def charge(self, panel_mv: int, battery_mv: int = 13_000) -> None:
        self.set("charger", Charge(self.now, battery_mv, 0, panel_mv, 0, ChargeState.OFF))

    def drive(self, speeds: list[int], every_ms: int = 100) -> None:
        """A vehicle comes, with these speeds in mm/s."""
        for mm_s in speeds:
            self.set("speed", Speed(self.now, mm_s, True))
            self.pass_ms(every_ms)

    def told(self, name: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == name]


Make = Callable[..., Driver]


@pytest.fixture
def make() -> Make:
    return Driver
