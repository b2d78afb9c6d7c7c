"""Everything below one hub: zones on modules on lines. Pure; times are milliseconds of the simulation."""

import pathlib
import random
from collections.abc import Iterator

from simulators.errors import WiringError
from simulators.hub.module import CHANNELS, Module
from simulators.hub.wiring import Trouble, Wiring
from simulators.lines.port import Fault, Port
from simulators.lines.units import Units

MODULES_PER_PORT = 2
ZONES_MAX = 32
BAUD = 115_200
BUILDING = "School 5"
ROOMS_PER_FLOOR = 8


class Rig:
    """The hardware of a hub with so many zones, eight to a module and two modules to a port.

    Raises:
        WiringError: too few zones, or too many.
    """

    def __init__(self, zones: int, seed: int = 0) -> None:
        if not 1 <= zones <= ZONES_MAX:
            raise WiringError(f"{zones} zones; a hub has 1 to {ZONES_MAX}")
        self.zones = [Wiring(random.Random(f"zone {seed} {number}")) for number in range(zones)]  # noqa: S311  reproducible
        self.modules = [Module() for _ in range(-(-zones // CHANNELS))]
        for number, wiring in enumerate(self.zones):
            self.modules[number // CHANNELS].wire(number % CHANNELS, wiring)
        self.ports: dict[str, Port] = {}
        for first in range(0, len(self.modules), MODULES_PER_PORT):
            units = {
                unit: module.answer for unit, module in enumerate(self.modules[first : first + MODULES_PER_PORT], 1)
            }
            name = f"io{first // MODULES_PER_PORT}"
            self.ports[name] = Port(Units(BAUD, units), f"{name} {seed}")

    def settings(self, folder: str | pathlib.Path = "") -> dict[str, object]:
        """Of a hub for it: modules and zones. In ``folder`` are the serial devices, named as the ports."""
        modules = [
            {
                "port": str(pathlib.PurePath(folder, f"io{number // MODULES_PER_PORT}")),
                "unit": number % MODULES_PER_PORT + 1,
                "channels": CHANNELS,
            }
            for number in range(len(self.modules))
        ]
        zones = []
        for number in range(len(self.zones)):
            where = place(number)
            where["name"] = where.pop("zone")
            zones.append({**where, "module": number // CHANNELS + 1, "channel": number % CHANNELS + 1})
        return {"building": BUILDING, "baud": BAUD, "modules": modules, "zones": zones}

    @property
    def due_ms(self) -> float:
        """When a line brings something."""
        return min(port.due_ms for port in self.ports.values())

    def advance(self, now_ms: float) -> Iterator[tuple[str, bytes]]:
        """Let time pass; yields (port, bytes) that come to the hub."""
        for name, port in self.ports.items():
            data = port.take(now_ms)
            if data:
                yield name, data

    def write(self, port: str, data: bytes, now_ms: float) -> None:
        """The hub sends."""
        self.ports[port].write(data, now_ms)

    def break_it(self, what: str, how: str) -> None:
        """Make something go wrong, or well again with ``how`` "well".

        Args:
            what: "zone-1" and so on, "module-1", or a port of ``ports``.
            how: of ``Trouble`` for a zone, "dead" for a module, of ``Fault`` for a port.

        Raises:
            WiringError: there is no such thing, or it cannot be broken in this way.
        """
        kinds: dict[str, tuple[str, ...]] = {
            **dict.fromkeys(self.ports, tuple(Fault)),
            **{f"zone-{number}": tuple(Trouble) for number in range(1, len(self.zones) + 1)},
            **{f"module-{number}": ("dead",) for number in range(1, len(self.modules) + 1)},
        }
        if what not in kinds:
            raise WiringError(f"there is no {what!r} to break; there are zones, modules and {', '.join(self.ports)}")
        if how not in (*kinds[what], "well"):
            raise WiringError(f"{what} cannot be {how!r}; it can be: {', '.join(kinds[what])} or well")
        number = int(what.rpartition("-")[2]) - 1 if "-" in what else 0
        if what in self.ports:
            self.ports[what].fault = None if how == "well" else Fault(how)
        elif what.startswith("zone"):
            self.zones[number].trouble = None if how == "well" else Trouble(how)
        else:
            self.modules[number].powered = how == "well"


def place(zone: int) -> dict[str, str]:
    """Where a zone is, counted from 0, as its events should say."""
    floor, room = zone // ROOMS_PER_FLOOR + 1, zone % ROOMS_PER_FLOOR + 1
    return {"zone": f"Room {floor}{room:02}", "building": BUILDING, "floor": str(floor), "room": f"{floor}{room:02}"}
