"""A hub with two zones, each on a module of its own, looked at every 20 ms, and an account of what its events must say.

What is done to it (``ACTIONS``) can be done in any order; ``check`` compares all its events with what was done.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from agent.effects import EMIT, OUTPUT
from devices.panic_button import LEVELS
from devices.panic_hub.logic import PanicHub
from devices.sensors.readings import Health, Status, Voltages
from tests.devices.ticks import ticks

SETTINGS: dict[str, object] = {
    "building": "School 5",
    "modules": [{"port": "/dev/a", "unit": 1, "channels": 2}, {"port": "/dev/b", "unit": 1, "channels": 2}],
    "zones": [
        {"name": "Reception", "module": 1, "channel": 1, "floor": "1", "room": "101"},
        {"name": "Gym", "module": 2, "channel": 2, "building": "Gym", "room": "Hall"},
    ],
}
PLACES = (
    {"zone": "Reception", "building": "School 5", "floor": "1", "room": "101"},
    {"zone": "Gym", "building": "Gym", "room": "Hall"},
)
BOOT = 7
NOTHING: Mapping[int, Mapping[str, object]] = MappingProxyType({})
LOOK_MS = 20
NOON = 1_700_000_000_000
SUPPLY_MV, PULL_OHM, INPUT_OHM = 5000, 3300, 82000
LEAK_OHM = 6000


def voltage(loop_ohm: float) -> int:
    """What a sound input reads at this resistance between a zone's wires; infinity: cut."""
    across = 1 / (1 / max(loop_ohm, 1e-9) + 1 / INPUT_OHM)
    return round(SUPPLY_MV * across / (PULL_OHM + across))


REST, PRESSED, OPEN, SHORT = (voltage(ohm) for ohm in (6900, 2200, float("inf"), 0))
LEAK, LEAK_PRESSED = (voltage(1 / (1 / ohm + 1 / LEAK_OHM)) for ohm in (6900, 2200))


class World:
    """One hub at work; ``seal`` False leaves its events without numbers. Of the boot before, ``earlier`` is seq -> data of the alarm events
    without a receipt, ``raised`` those of them that are alarms.
    """

    def __init__(
        self,
        settings: dict[str, object] | None = None,
        *,
        seal: bool = True,
        earlier: Mapping[int, Mapping[str, object]] = NOTHING,
        raised: Sequence[int] = (),
    ) -> None:
        self.now = 1000
        self.seal = seal
        self.seq = 0
        self.tags: list[int] = []
        self.events: list[tuple[str, dict[str, Any], int, int]] = []
        """Type, data, seq, time."""
        self.lamps: list[str] = []
        self.contact = [False, False]
        self.wiring = ["", ""]
        self.there = [True, True]
        self.presses = [0, 0]
        self.tests = [0, 0]
        self.real_presses = [0, 0]
        self.armed: int | None = None
        self.armed_until = 0
        self.hub = PanicHub({**SETTINGS, **(settings or {})}, self.now)
        for seq, said in earlier.items():
            self.hub.recall(BOOT - 1, seq, said)
        self.take(self.hub.started([(BOOT - 1, seq, 0) for seq in raised], self.now))
        self.take(self.hub.link(True, self.now))
        self.take(self.hub.input("clock", NOON + self.now, self.now))
        self.looks(3)

    def take(self, effects: list[Any]) -> None:
        for effect in effects:
            if effect[0] == OUTPUT:
                self.lamps.append(effect[2])
                continue
            assert effect[0] == EMIT
            _, tag, type_, data = effect
            self.seq += 1
            self.events.append((type_, data, self.seq, self.now))
            if self.seal:
                self.take(self.hub.sealed(tag, BOOT, self.seq, self.now))
            else:
                self.tags.append(tag)

    def mv(self, zone: int) -> int:
        wiring, contact = self.wiring[zone], self.contact[zone]
        if wiring == "leak":
            return LEAK_PRESSED if contact else LEAK
        return {"": PRESSED if contact else REST, "cut": OPEN, "short": SHORT}[wiring]

    def look(self, zone: int, mv: int | None = None) -> None:
        """One look at the module of a zone."""
        found = [REST, REST]
        found[zone] = self.mv(zone) if mv is None else mv
        self.take(self.hub.input(f"module-{zone + 1}", Voltages(self.now, tuple(found)), self.now))

    def looks(self, times: int, every_ms: int = LOOK_MS) -> None:
        """Time passes, with looks at whatever is there."""
        for _ in range(times):
            self.pass_ms(every_ms)
            for zone in (0, 1):
                if self.there[zone]:
                    self.look(zone)

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        for now in ticks(self.hub, self.now, end):
            self.now = now
            self.take(self.hub.tick(now))
        self.now = end

    # What can be done

    def readable(self, zone: int) -> bool:
        return self.there[zone] and not self.wiring[zone]

    def press(self, zone: int, held_ms: int = 60) -> None:
        if self.readable(zone):
            if self.armed == zone and self.now < self.armed_until and self.hub._state() is None:
                self.tests[zone] += 1
                self.armed = None
            else:
                self.presses[zone] += 1
                self.real_presses[zone] += self.drill_end is None
        self.contact[zone] = True
        self.looks(3)
        if held_ms > 60:
            self.looks((held_ms - 60) // 100, 100)
        self.contact[zone] = False
        self.looks(3)

    def hold(self, zone: int) -> None:
        tests = self.tests[zone]
        self.press(zone, 5300)
        if self.tests[zone] > tests:  # a test press that is held as long as a gesture asks is an alarm as well
            self.presses[zone] += 1
            self.real_presses[zone] += self.drill_end is None

    def wire(self, zone: int, wiring: str) -> None:
        self.wiring[zone] = wiring
        self.looks(13, 100)

    def lose(self, zone: int) -> None:
        self.there[zone] = False
        self.status(zone, Health.SILENT)

    def find(self, zone: int) -> None:
        self.there[zone] = True
        self.status(zone, Health.WELL)
        self.looks(3)

    def status(self, zone: int, state: Health) -> None:
        self.take(self.hub.input(f"module-{zone + 1}", Status(self.now, f"module-{zone + 1}", state), self.now))

    def command(self, name: str, **args: object) -> dict[str, Any] | None:
        result: dict[str, Any] | None
        result, effects = self.hub.command(name, args, self.now)
        self.take(effects)
        return result

    @property
    def drill_end(self) -> int | None:
        return self.hub._drill.end_ms

    def drill(self) -> None:
        self.command("drill", until=NOON + self.now + 600_000)

    def drill_over(self) -> None:
        self.command("drill-end")

    def arm(self, zone: int) -> None:
        result = self.command("user-test", zone=PLACES[zone]["zone"])
        assert result is not None
        if result["ok"]:
            self.armed, self.armed_until = zone, self.now + 60_000

    def receipt(self, seq: int, state: int, boot: int = BOOT) -> None:
        self.take(self.hub.receipt(boot, seq, state, self.now))

    def close(self, zone: int) -> None:
        raised = [seq for data, seq in self.named("alarm.raised", zone)]
        if raised:
            self.receipt(raised[-1], 4)

    def wait(self) -> None:
        self.looks(40, 100)

    # What came of it

    def named(self, type_: str, zone: int | None = None) -> list[tuple[dict[str, Any], int]]:
        """(data, seq) of the events of a type, and of a zone."""
        return [
            (data, seq)
            for name, data, seq, _at in self.events
            if name == type_ and (zone is None or data.get("zone") == PLACES[zone]["zone"])
        ]

    def counted(self, zone: int) -> int:
        """How many presses a zone's alarms stand for."""
        return sum(max(counts) for _levels, counts in self.alarms(zone).values())

    def alarms(self, zone: int) -> dict[int, tuple[list[int], list[int]]]:
        """Seq of ``alarm.raised`` -> its levels and its counts, in order."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        for name, data, seq, _at in self.events:
            if name.startswith("alarm.") and data["zone"] == PLACES[zone]["zone"]:
                own = seq if name == "alarm.raised" else data["alarm"][1]
                levels, counts = found.setdefault(own, ([], []))
                assert (name == "alarm.raised") == (not levels), "an escalation belongs to an alarm of its own zone"
                levels.append(LEVELS.index(data["level"]))
                counts.append(data.get("count", 1))
        return found

    def check(self) -> None:
        """No press is lost or told twice, no fault is an alarm, no alarm is told down, each event has its place."""
        self.pass_ms(30_000)  # what hammering held back
        for zone in (0, 1):
            assert self.counted(zone) == self.presses[zone]
            for levels, _counts in self.alarms(zone).values():
                assert levels == sorted(levels)
            assert len(self.named("test.passed", zone)) == self.tests[zone]
        for name, data, _seq, _at in self.events:
            if name.startswith("alarm.") or "zone" in data:
                assert {key: data[key] for key in ("zone", "building", "floor", "room") if key in data} in PLACES
            else:
                assert data["building"] == "School 5"
        marked = [data for name, data, _seq, _at in self.events if name.startswith("alarm.") and not data.get("drill")]
        assert bool(marked) == bool(sum(self.real_presses))


ACTIONS = {
    "press 1": lambda world: world.press(0),
    "press 2": lambda world: world.press(1),
    "hold 1": lambda world: world.hold(0),
    "cut 1": lambda world: world.wire(0, "cut"),
    "short 1": lambda world: world.wire(0, "short"),
    "leak 1": lambda world: world.wire(0, "leak"),
    "heal 1": lambda world: world.wire(0, ""),
    "lose 1": lambda world: world.lose(0),
    "find 1": lambda world: world.find(0),
    "drill": World.drill,
    "drill over": World.drill_over,
    "test 1": lambda world: world.arm(0),
    "close 1": lambda world: world.close(0),
    "wait": World.wait,
}
