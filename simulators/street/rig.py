"""Everything that hangs on one crossing, between world and controller: sensors on lines, modules, lamps, charger. Pure."""

import dataclasses
import enum
import math
from collections.abc import Callable, Iterator, Mapping

from devices.crosswalk.lines import SENSORS
from devices.crosswalk.settings import completed
from simulators.errors import WiringError
from simulators.lines.port import Fault, Instrument, Port
from simulators.street.far_unit import FarUnit
from simulators.street.lamps import Lamp, LampFault
from simulators.street.modules import SUPPLY_COIL, Bus, RelayModule
from simulators.street.place import Outlook
from simulators.street.presence import PresenceRadar
from simulators.street.solar import Charger
from simulators.street.speed_radar import SpeedRadar
from simulators.street.tracker import Tracker
from simulators.street.warmth import Pir
from simulators.street.world import STEP_MS, World

IO, FARSIDE = "io", "farside"
LINES = (*SENSORS, IO, FARSIDE)
"""By the names of their settings, less ``_port``."""
LAMPS = ("left", "right")
GLOWS_MS = 800
"""A flashing beacon is seen as lit for so long after a flash."""


class Defect(enum.StrEnum):
    """What can be wrong with what a sensor sees, or with the relay; ``sensor:blind``, ``sensor:haunted``, ``relay:welded``."""

    BLIND = "blind"
    HAUNTED = "haunted"
    WELDED = "welded"


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What came to the controller: bytes of a line, or the level of the PIR's pin."""

    name: str
    data: bytes = b""
    level: bool = False


class Rig:
    """The hardware of one crossing in a world.

    Args:
        world: the street.
        settings: of the crosswalk; which lines there are follows from its ports.
        flashed: called with a lamp's name and the time when it begins to give light.
    """

    def __init__(
        self,
        world: World,
        settings: Mapping[str, object],
        flashed: Callable[[str, float], None] = lambda _lamp, _at_ms: None,
    ) -> None:
        whole = completed(settings)
        self.world = world
        seed = world.plan.seed
        near = Outlook(world, -1)
        self.tracker = Tracker(near, f"tracker {seed}")
        self.presence = PresenceRadar(near, f"presence {seed}")
        self.speed = SpeedRadar(world, f"speed {seed}")
        self.charger = Charger(world, self._current)
        self.pir = Pir(near, f"pir {seed}")
        self.relays = RelayModule(self._switched)
        self.lamps = {name: Lamp() for name in LAMPS}
        self.bus = Bus(self.relays, self._registers, lambda _now_ms: (self._motion,))
        instruments: dict[str, Instrument] = {
            "tracker": self.tracker,
            "presence": self.presence,
            "speed": self.speed,
            "charger": self.charger,
            IO: self.bus,
        }
        self.far = FarUnit(world, whole) if whole["farside_port"] else None
        if self.far:
            instruments[FARSIDE] = self.far
        self.ports = {
            name: Port(one, f"{name} line {seed}") for name, one in instruments.items() if whole[name + "_port"]
        }
        self._due_ms = dict.fromkeys(self.ports, 0.0)
        self._flashed = flashed
        self._motion = False
        self._glowed_ms = -math.inf
        self.unplugged: set[str] = set()
        """The lines that lead nowhere."""

    @property
    def due_ms(self) -> float:
        """When something is due."""
        return min(self.pir.due_ms, *self._due_ms.values())

    @property
    def motion(self) -> bool:
        """The PIR's output."""
        return self._motion

    def advance(self, now_ms: float) -> Iterator[Said]:
        """Let time pass; yields what comes to the controller."""
        if self.world.now_ms + STEP_MS <= now_ms:
            self.world.lit = self.glows(now_ms)
            self.world.step_to(now_ms)
        while self.pir.due_ms <= now_ms:
            motion = self.pir.look(self.pir.due_ms)
            if motion != self._motion:
                self._motion = motion
                yield Said("pir", level=motion)
        for name, due_ms in self._due_ms.items():
            if due_ms <= now_ms:
                data = self.ports[name].take(now_ms)
                self._due_ms[name] = self.ports[name].due_ms
                if data:
                    yield Said(name, data)

    def write(self, line: str, data: bytes, now_ms: float) -> None:
        """The controller sends on a line."""
        self.ports[line].write(data, now_ms)
        self._due_ms[line] = self.ports[line].due_ms

    def drive(self, lamp: str, duty: float, now_ms: float) -> None:
        """The controller's output to a lamp's driver, 0 to 1."""
        with_light = self.lamps[lamp].lit
        self.lamps[lamp].drive(duty, now_ms)
        self._tell(lamp, with_light, now_ms)

    def glows(self, now_ms: float) -> bool:
        """Whether a passer-by calls the beacon lit."""
        return self.dark_for_ms(now_ms) < GLOWS_MS

    def dark_for_ms(self, now_ms: float) -> float:
        """How long no lamp has given light."""
        return 0.0 if any(lamp.lit for lamp in self.lamps.values()) else now_ms - self._glowed_ms

    def break_it(self, what: str, how: str) -> None:
        """Make something go wrong, or well again with ``how`` "well".

        Args:
            what: a line of ``LINES``, or what the controller's faults name: a sensor, "lamp-left", "relay", "current-left" ...
            how: of ``Fault``, ``LampFault`` or ``Defect``.

        Raises:
            WiringError: there is no such thing, or it cannot be broken in this way.
        """
        known = self._breakable().get(what)
        if known is None:
            raise WiringError(f"there is no {what!r} to break; there are: {', '.join(self._breakable())}")
        if how != "well" and how not in known:
            raise WiringError(f"{what} cannot be {how!r}; it can be: {', '.join(sorted(known))} or well")
        if what == "relay":
            self._break_relay(how)
        elif what.startswith("lamp-"):
            self.lamps[what.removeprefix("lamp-")].fault = None if how == "well" else LampFault(how)
        elif what.startswith("current-"):
            self.lamps[what.removeprefix("current-")].measured = how == "well"
        else:
            if what in self.ports:
                self.ports[what].fault = Fault(how) if how in {*Fault} else None
                self.unplugged = {name for name, port in self.ports.items() if port.fault == Fault.UNPLUGGED}
            for defect in known & {*Defect}:
                setattr(getattr(self, what), defect, how == defect)
        self._due_ms = dict.fromkeys(self.ports, 0.0)

    def _breakable(self) -> dict[str, set[str]]:
        """What can be broken, and how."""
        eyes: set[str] = {Defect.BLIND, Defect.HAUNTED}
        lines: dict[str, set[str]] = {name: {*Fault} for name in self.ports}
        for name in ("tracker", "presence"):
            lines[name] = lines.get(name, set()) | eyes
        lines["speed"] = lines.get("speed", set()) | {Defect.BLIND}
        return {
            **lines,
            "pir": eyes,
            "relay": {Fault.SILENT, Defect.WELDED},
            **{f"lamp-{name}": {*LampFault} for name in LAMPS},
            **{f"current-{name}": {Fault.SILENT} for name in LAMPS},
        }

    def _break_relay(self, how: str) -> None:
        now_ms = self.world.now_ms
        self.relays.mend(now_ms)
        if how == Fault.SILENT:
            self.relays.cut_power(now_ms)
        elif how == Defect.WELDED:
            self.relays.weld(SUPPLY_COIL)

    def _switched(self, relay: int, closed: bool, at_ms: float) -> None:
        if relay == SUPPLY_COIL:
            for name, lamp in self.lamps.items():
                with_light = lamp.lit
                lamp.supply(closed, at_ms)
                self._tell(name, with_light, at_ms)

    def _tell(self, lamp: str, with_light: bool, at_ms: float) -> None:
        if self.lamps[lamp].lit and not with_light:
            self._flashed(lamp, at_ms)
        elif with_light and not self.lamps[lamp].lit:
            self._glowed_ms = max(self._glowed_ms, at_ms)

    def _current(self, now_ms: float) -> float:
        return sum(lamp.ma(now_ms) for lamp in self.lamps.values())

    def _registers(self, now_ms: float) -> list[int]:
        return [self.lamps[name].loop_ua(now_ms) for name in LAMPS]
