"""A crossing on simulated time: world, hardware and the real logic in one process, as fast as the processor can."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.crosswalk.settings import completed
from simulators.street.controller import Controller, Told
from simulators.street.rig import LINES, Rig, Said
from simulators.street.truth import Call, Witness
from simulators.street.world import Plan, World

PRESS_MS = 150
MINIMUM = ("tracker", "io", "farside")
"""The least that a crossing has, as its settings are by default, on both sides; a PIR is always there."""


def settings_for(plan: Plan, fitted: Sequence[str] = LINES, **others: object) -> dict[str, object]:
    """Settings of a controller with these lines; ``others`` stand as they are."""
    ports = {name + "_port": name if name in fitted else "" for name in LINES}
    return {**ports, "crossing_mm": plan.length_mm, **others}


@dataclasses.dataclass(slots=True)
class Latency:
    """Of one activation by detection: from when a sensor had what decided it to the light, in milliseconds; None: no light came."""

    local_ms: float | None = None
    far_ms: float | None = None


def reported(now_ms: int, data: Mapping[str, Any]) -> tuple[int, int]:
    """When the vehicle of a ``violation.observed`` entered the zone, and when it left it."""
    return now_ms - data["entry_age_ms"], now_ms - data["exit_age_ms"]


class Run:
    """One run.

    Args:
        plan: of the street.
        settings: of the controller; see ``settings_for``.
        heard: takes all that comes to the controller, with its time, as a recording wants it.
        told: takes each event.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Mapping[str, object],
        heard: Callable[[int, Said], None] = lambda _now_ms, _said: None,
        told: Told = lambda _now_ms, _kind, _data: None,
    ) -> None:
        whole = completed(settings)
        self.world = World(plan, self._pressed)
        self.rig = Rig(self.world, settings, self._flashed)
        self.witness = Witness((-1, 1) if self.rig.far else (-1,), whole["nonyield_mm_s"], whole["zone_mm"])
        self.calls: list[Call] = []
        self.latencies: list[Latency] = []
        self.reports: list[tuple[int, int]] = []
        """Of vehicles that did not give way: when each entered the zone, and when it left it."""
        self.faults: dict[str, str] = {}
        """What is in fault, by the ``input`` of its events -> its state."""
        self.flashed: set[str] = set()
        """The lamps that have begun to give light; whoever looks may clear it."""
        self.now_ms = 0
        self._heard = heard
        self._told = told
        self._decided_ms = 0.0
        self._releases_ms = math.inf
        self._looked_ms = 0
        self._unplugged: set[str] = set()
        self._waiting: dict[str, float] = {}
        self.controller = Controller(settings, self._write, self._event)

    def until(self, end_ms: int) -> None:
        """Let time pass."""
        rig, controller = self.rig, self.controller
        while True:
            due_ms = min(rig.due_ms, controller.due_ms, self._releases_ms)
            now_ms = max(self.now_ms + 1, math.ceil(due_ms))
            if now_ms > end_ms:
                self.now_ms = end_ms
                return
            self._to(now_ms)

    def _to(self, now_ms: int) -> None:
        self.now_ms = now_ms
        controller = self.controller
        for said in self.rig.advance(now_ms):
            self._take(said, self.rig.ports[said.name].spoke_ms if said.data else now_ms)
        self._decided_ms = now_ms
        if now_ms >= self._releases_ms:
            self._releases_ms = math.inf
            self._take(Said("button"), now_ms)
        if self.rig.unplugged != self._unplugged:
            self._unplugged = self.rig.unplugged
            for name in self.rig.ports:
                controller.plug(name, there=name not in self._unplugged, now_ms=now_ms)
        if controller.due_ms <= now_ms:
            controller.tick(now_ms)
        if controller.beacon.due_ms <= now_ms:
            for lamp, duty in zip(self.rig.lamps, controller.beacon.step(now_ms), strict=True):
                self.rig.drive(lamp, duty, now_ms)
        far = self.rig.far
        if far and "far" in self._waiting and far.lit_ms < math.inf:
            self.latencies[-1].far_ms = max(0.0, far.lit_ms - self._waiting.pop("far"))
        if self.world.now_ms > self._looked_ms:
            self._looked_ms = self.world.now_ms
            self.witness.look(self.world)

    def _take(self, said: Said, decided_ms: float) -> None:
        self._decided_ms = decided_ms
        self._heard(self.now_ms, said)
        self.controller.take(said, self.now_ms)

    def _event(self, now_ms: int, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "crossing.started":
            self.calls.append(Call(data["by"], now_ms))
            if data["by"] == "detection":
                self.latencies.append(Latency())
                self._waiting = {"local": self._decided_ms, "far": self._decided_ms}
        elif kind == "crossing.ended":
            self.calls[-1].until_ms = now_ms
            self._waiting = {}
        elif kind == "violation.observed":
            self.reports.append(reported(now_ms, data))
        elif kind == "fault.cleared":
            self.faults.pop(data["input"], None)
        elif kind.startswith("fault."):
            self.faults[data["input"]] = data.get("state", kind.removeprefix("fault."))
        self._told(now_ms, kind, data)

    def _flashed(self, lamp: str, at_ms: float) -> None:
        self.flashed.add(lamp)
        began_ms = self._waiting.pop("local", None)
        if began_ms is not None:
            self.latencies[-1].local_ms = at_ms - began_ms

    def _pressed(self, side: int, at_ms: int) -> None:
        if side < 0:
            self._take(Said("button", level=True), at_ms)
            self._releases_ms = self.now_ms + PRESS_MS
        elif self.rig.far:
            self.rig.far.press(at_ms)

    def _write(self, name: str, data: bytes) -> None:
        self.rig.write(name, data, self.now_ms)
