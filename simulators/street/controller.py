"""The crosswalk's own logic, decoders, judges, bus and link, put together in this process on simulated time: bytes in, bytes and light out.

It is what the binding on hardware is (``devices.crosswalk.linux``), without threads, ports and pins; nothing of it is simulated.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.effects import EMIT, OUTPUT
from devices.crosswalk.lines import SENSORS, FarLink, LampBus
from devices.crosswalk.logic import Crosswalk
from devices.crosswalk.machine import Crossing
from devices.crosswalk.patterns import OFF
from devices.crosswalk.settings import completed
from devices.sensors.readings import Status
from devices.sensors.sensor import MODELS, OneSensor, Sensor
from devices.sensors.serial_line import Closed, Heard, Opened
from devices.sensors.serial_lines import Speaker
from simulators.street.beacon import SteppedBeacon
from simulators.street.rig import FARSIDE, IO, Said

Told = Callable[[int, str, Mapping[str, Any]], None]


class Controller:
    """One controller.

    Args:
        settings: of the crosswalk; which lines it has follows from its ports.
        write: takes a line's name and bytes for it.
        told: takes each event: its time, its type and its data.
    """

    def __init__(self, settings: Mapping[str, object], write: Callable[[str, bytes], None], told: Told) -> None:
        whole = completed(settings)
        self.logic = Crosswalk(settings, 0)
        self.beacon = SteppedBeacon(whole["pattern"], whole["night_percent"])
        self.health: dict[str, str] = {}
        self._told = told
        self._now_ms = 0
        self._bus = LampBus(whole["lamp_range_ma"], lambda data: write(IO, data), 0)
        self._far = FarLink(lambda data: write(FARSIDE, data)) if whole["farside_port"] else None
        self._speakers: dict[str, Speaker] = {IO: self._bus}
        if self._far:
            self._speakers[FARSIDE] = self._far
        for name, model in SENSORS.items():
            if whole[name + "_port"]:
                sensor = Sensor(name, MODELS[model], lambda data, name=name: write(name, data), 0)  # type: ignore[misc]
                self._speakers[name] = OneSensor(name, sensor)
        self._open: set[str] = set()
        self._due_ms = dict.fromkeys(self._speakers, 0.0)
        self._logic_due_ms = 0.0
        self._carry_out(self.logic.started([], 0))
        for name in self._speakers:
            self.plug(name, there=True, now_ms=0)
        for name in ("button", "pir"):
            self.level(name, 0, 0)

    @property
    def crossing(self) -> Crossing:
        """The state machine inside the logic, to look at."""
        return self.logic._crossing  # noqa: SLF001  the logic shows it to nobody else

    @property
    def due_ms(self) -> float:
        """When ``tick`` is wanted."""
        return min(self._logic_due_ms, self.beacon.due_ms, *self._due_ms.values())

    def take(self, said: Said, now_ms: int) -> None:
        """Bytes or a level have come."""
        self._now_ms = now_ms
        if not said.data:
            self.level(said.name, int(said.level), now_ms)
        elif said.name in self._open:
            self._report(self._speakers[said.name].take(Heard(now_ms, said.data)))
            self._plan(said.name)

    def plug(self, name: str, *, there: bool, now_ms: int) -> None:
        """A line is plugged, or is not."""
        if there == (name in self._open):
            return
        self._now_ms = now_ms
        (self._open.add if there else self._open.discard)(name)
        self._report(self._speakers[name].take(Opened(now_ms) if there else Closed(now_ms, "unplugged")))
        self._plan(name)

    def level(self, name: str, value: int, now_ms: int) -> None:
        """A pin has a level."""
        self._now_ms = now_ms
        self._carry_out(self.logic.input(name, value, now_ms))

    def tick(self, now_ms: int) -> None:
        """Do what is due; the beacon steps by itself."""
        self._now_ms = now_ms
        for name, due_ms in self._due_ms.items():
            if due_ms <= now_ms:
                self._report(self._speakers[name].tick(now_ms))
                self._plan(name)
        if self._logic_due_ms <= now_ms:
            self._carry_out(self.logic.tick(now_ms))

    def _plan(self, name: str) -> None:
        due_ms = self._speakers[name].next_tick_ms()
        self._due_ms[name] = math.inf if due_ms is None else due_ms

    def _report(self, said: Sequence[tuple[str, Any, int]]) -> None:
        for name, value, at_ms in said:
            if isinstance(value, Status):
                self.health[value.sensor] = value.state.value
            self._carry_out(self.logic.input(name, value, at_ms))

    def _carry_out(self, effects: Sequence[tuple[Any, ...]]) -> None:
        for effect in effects:
            if effect[0] == EMIT:
                self._told(self._now_ms, effect[2], effect[3])
            elif effect[0] == OUTPUT:
                self._show(effect[1], effect[2])
        due_ms = self.logic.next_tick_ms(self._now_ms)
        self._logic_due_ms = math.inf if due_ms is None else due_ms

    def _show(self, output: str, pattern: str) -> None:
        if output == "beacon":
            self.beacon.play(pattern, self._now_ms)
            self._bus.light(pattern != OFF, self._now_ms)
            self._plan(IO)
        elif output == "farside" and self._far:
            self._far.order(pattern)
        elif output == "supply":
            self._bus.supply(pattern)
            self._plan(IO)
