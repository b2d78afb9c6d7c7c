"""The hub's own logic, buses and decoders over simulated modules, put together in this process on simulated time: bytes at their pace.

It is what the binding on hardware is (``devices.panic_hub.linux``), without threads, ports and pins; nothing of it is simulated.
"""

import collections
import math
import random
from typing import Any

from agent.effects import EMIT
from devices.panic_hub.logic import PanicHub
from devices.panic_hub.ports import port_bus
from devices.panic_hub.settings import completed
from devices.sensors.readings import Status
from devices.sensors.serial_line import Heard, Opened
from simulators.hub.rig import BAUD, Rig, place

HOST_MS = 1
"""What reading and writing take the host, each way, to the millisecond."""


class Desk:
    """One hub with so many zones, looked at for a while already."""

    def __init__(self, zones: int, seed: int = 0) -> None:
        self.now = 0
        self.rng = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self.rig = Rig(zones, seed)
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        """(time, type, data) of all that was told."""
        self._seq = 0
        self._coming: collections.deque[tuple[int, str, bytes]] = collections.deque()
        self._going: collections.deque[tuple[int, str, bytes]] = collections.deque()
        settings = self.rig.settings()
        whole = completed(settings)
        self.hub = PanicHub(settings, 0)
        self.buses = {
            port: port_bus(
                [one for one in whole["modules"] if one.port == port],
                BAUD,
                whole["answer_ms"],
                lambda data, port=port: self._going.append((self.now + HOST_MS, port, data)),  # type: ignore[misc]
                0,
            )
            for port in self.rig.ports
        }
        self._take(self.hub.started([], 0))
        for bus in self.buses.values():
            self._report(bus.take(Opened(0)))
        self.until(200)

    def until(self, end_ms: int) -> None:
        """Let time pass."""
        while self.now < end_ms:
            self.now = min(end_ms, max(self.now + 1, math.ceil(self._due_ms())))
            while self._going and self._going[0][0] <= self.now:
                _at, port, data = self._going.popleft()
                self.rig.write(port, data, self.now)
            self._coming += [(self.now + HOST_MS, port, data) for port, data in self.rig.advance(self.now)]
            while self._coming and self._coming[0][0] <= self.now:
                _at, port, data = self._coming.popleft()
                self._report(self.buses[port].take(Heard(self.now, data)))
            for bus in self.buses.values():
                due = bus.next_tick_ms()
                if due is not None and due <= self.now:
                    self._report(bus.tick(self.now))
            due = self.hub.next_tick_ms(self.now)
            if due is not None and due <= self.now:
                self._take(self.hub.tick(self.now))

    def _due_ms(self) -> float:
        due = [self.rig.due_ms, *(queue[0][0] for queue in (self._going, self._coming) if queue)]
        due += [at_ms for bus in self.buses.values() if (at_ms := bus.next_tick_ms()) is not None]
        hub_ms = self.hub.next_tick_ms(self.now)
        return min(due) if hub_ms is None else min(*due, hub_ms)

    def pressed(self, zone: int) -> int:
        """How many presses a zone's alarms stand for; none is closed here, so there is one alarm."""
        name = place(zone)["zone"]
        return max(
            (data.get("count", 1) for _at, type_, data in self.events if type_[:5] == "alarm" and data["zone"] == name),
            default=0,
        )

    def _report(self, said: Any) -> None:
        for one in said:
            name, value = (one.sensor, one) if isinstance(one, Status) else one
            self._take(self.hub.input(name, value, value.at_ms))

    def _take(self, effects: list[Any]) -> None:
        for effect in effects:
            if effect[0] == EMIT:
                self._seq += 1
                self.events.append((self.now, effect[2], effect[3]))
                self._take(self.hub.sealed(effect[1], 1, self._seq, self.now))
