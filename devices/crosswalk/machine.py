"""The crossing's state machine: who is there, what is lit, and what is in fault. One pure object, explored state by state in
``devices.crosswalk.exploration``.

Guarantees

* never dark while somebody was detected, or pressed a button, within the time it takes to cross;
* never lit longer than that time without a detection or a press;
* nothing shortens it: no fault, no link, no nightfall, no later call;
* a lamp in fault never stops the other, nor a lost far side this one;
* the lamps' supply is held only while the beacon is lit, pulse by pulse; nobody alive, no light; that it ends is proven each time;
* each fault is told once, and once when it is over.

It drives a yellow beacon and nothing else that a driver obeys. Times are monotonic milliseconds; one that goes back counts as the last one.
"""

from collections.abc import Mapping
from typing import Any

from agent.effects import EMIT, OUTPUT
from devices.crosswalk.activation import Activation, lit_ms
from devices.crosswalk.farside import FarSide
from devices.crosswalk.fusion import TUNING, WELL, Fusion, Tuning
from devices.crosswalk.lamps import GAP_MS
from devices.crosswalk.lights import Effect, Lights
from devices.crosswalk.patterns import OFF, name_of
from devices.crosswalk.settings import detectors

DETECTED = "detection"


class Crossing:
    """One crossing. ``settings`` are completed ones; ``lamp_gap_ms`` is how far apart samples of lamps may be."""

    def __init__(
        self, settings: Mapping[str, Any], now_ms: int, tuning: Tuning = TUNING, lamp_gap_ms: int = GAP_MS
    ) -> None:
        fitted = detectors(settings)
        self._pattern = settings["pattern"]
        self._detects = bool(fitted)
        self._now_ms = now_ms
        self._activation = Activation(lit_ms(settings))
        self._fusion = Fusion(fitted, tuning)
        self._fusion.advance(now_ms)
        self._lights = Lights(settings, lamp_gap_ms)
        self._farside = FarSide(now_ms) if settings["farside_port"] else None
        self._far_detected = False
        self._night = False
        self._ill: dict[str, str] = {}
        self._told: dict[str, str] = {}

    @property
    def lit(self) -> bool:
        """Whether the beacon is lit."""
        return self._activation.lit

    @property
    def flashing(self) -> bool:
        """Whether a lamp flashes, as far as is known."""
        return self.lit and self._lights.sound

    @property
    def lit_until_ms(self) -> int | None:
        """How long it is lit if nobody calls any more, None while it is dark."""
        return self._activation.until_at_ms

    @property
    def pedestrian(self) -> bool:
        """Whether the sensors, those of the far side included, say that somebody is there."""
        return self._fusion.detected or self._far_detected

    @property
    def faults(self) -> dict[str, str]:
        """What is in fault now, by the ``input`` its events name -> its state."""
        return dict(self._told)

    @property
    def state(self) -> str:
        """In one word, as the picture in the docs names it."""
        if not self.lit:
            return "gathering" if self._fusion.confidence > 0 else "dark"
        return "held" if self.pedestrian else "ending"

    def believed(self) -> dict[str, bool | None]:
        """Sensor -> what it claims as far as that counts."""
        return self._fusion.believed()

    def started(self) -> list[Effect]:
        """Set all outputs."""
        return self._settle()

    def press(self, by: str, now_ms: int) -> list[Effect]:
        """Somebody pressed a button, or a command asks for light; ``by`` says which in the event."""
        return self._advance(now_ms) + self._call(by) + self._settle()

    def claim(self, sensor: str, somebody: bool, now_ms: int) -> list[Effect]:
        """A sensor that sees pedestrians claims somebody, or nobody."""
        effects = self._advance(now_ms)
        self._fusion.say(sensor, somebody, self._now_ms)
        return effects + self._detect() + self._settle()

    def far_claim(self, somebody: bool, now_ms: int) -> list[Effect]:
        """The far side's own judgement."""
        effects = self._advance(now_ms)
        self._far_detected = somebody and self._farside is not None and not self._farside.lost
        return effects + self._detect() + self._settle()

    def health(self, sensor: str, state: str, now_ms: int) -> list[Effect]:
        """A sensor's supervisor judges it: ``well``, or what ails it."""
        effects = self._advance(now_ms)
        self._fusion.judge(sensor, state, self._now_ms)
        if state == WELL:
            self._ill.pop(sensor, "")
        else:
            self._ill[sensor] = state
        return effects + self._detect() + self._settle()

    def lamp(self, name: str, ma: int, now_ms: int) -> list[Effect]:
        """A lamp's current."""
        effects = self._advance(now_ms)
        self._lights.sample(name, ma, self._night, self._now_ms)
        return effects + self._settle()

    def far_says(self, flashing: bool, now_ms: int) -> list[Effect]:
        """The far side says what it does."""
        effects = self._advance(now_ms)
        if self._farside is not None:
            self._farside.says(flashing, self._now_ms)
        return effects + self._settle()

    def far_well(self, well: bool, now_ms: int) -> list[Effect]:
        """The far side says whether it is well."""
        effects = self._advance(now_ms)
        if self._farside is not None:
            self._farside.well(well)
        return effects + self._settle()

    def night(self, night: bool, now_ms: int) -> list[Effect]:
        """It is night, or day."""
        effects = self._advance(now_ms)
        self._night = night
        return effects + self._settle()

    def tick(self, now_ms: int) -> list[Effect]:
        """Do what is due."""
        return self._advance(now_ms) + self._settle()

    def next_tick_ms(self) -> int | None:
        """When the next tick is wanted, None if nothing happens by itself."""
        due = [self._fusion.next_tick_ms(), self._activation.until_at_ms, *self._lights.due_ms()]
        if self._farside is not None:
            due.append(self._farside.due_at_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _advance(self, now_ms: int) -> list[Effect]:
        self._now_ms = max(self._now_ms, now_ms)
        # Whoever was there until now counts, even if this very moment ends it.
        effects = self._detect()
        self._fusion.advance(self._now_ms)
        effects += self._detect()
        lasted_ms = self._activation.ended(self._now_ms)
        if lasted_ms is not None:
            self._lights.light(False, self._now_ms)
            effects.append((EMIT, 0, "crossing.ended", {"lit_ms": lasted_ms}))
        self._lights.advance(self._now_ms)
        return effects

    def _detect(self) -> list[Effect]:
        return self._call(DETECTED) if self.pedestrian else []

    def _call(self, by: str) -> list[Effect]:
        if not self._activation.call(self._now_ms):
            return []
        self._lights.light(True, self._now_ms)
        until_ms = self._activation.until_at_ms
        assert until_ms is not None
        data: dict[str, object] = {"by": by, "for_ms": until_ms - self._now_ms, "night": self._night}
        return [(EMIT, 0, "crossing.started", data)]

    def _settle(self) -> list[Effect]:
        """Bring outputs and told faults in line with what is so now."""
        lit = self._activation.lit
        effects = self._lights.show(lit, self._pattern, self._night, self._now_ms)
        if self._farside is not None:
            wanted = name_of(self._pattern, self._night) if lit else OFF
            effects += [(OUTPUT, "farside", pattern) for pattern in self._farside.want(wanted, self._now_ms)]
            if self._farside.lost:
                self._far_detected = False
        return effects + self._tell_faults()

    def _tell_faults(self) -> list[Effect]:
        found: dict[str, tuple[str, dict[str, object]]] = {}
        for sensor, state in {**self._ill, **self._fusion.faults()}.items():
            found[sensor] = ("fault.sensor", {"state": state})
        found = {**self._lights.faults(), **found}
        if self._farside is not None and self._farside.fault is not None:
            found["farside"] = ("fault.farside", {"state": self._farside.fault})
        if self._detects and not self._fusion.working:
            found["detection"] = ("fault.detection", {"state": "none"})
        effects: list[Effect] = []
        for name in sorted(self._told.keys() - found.keys()):
            del self._told[name]
            effects.append((EMIT, 0, "fault.cleared", {"input": name}))
        for name, (kind, data) in found.items():
            if self._told.get(name) != data["state"]:
                self._told[name] = str(data["state"])
                effects.append((EMIT, 0, kind, {"input": name, **data}))
        return effects
