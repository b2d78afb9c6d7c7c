"""The crosswalk's logic: levels, readings, times and commands in, events and output patterns out.

It joins the crossing's state machine (``devices.crosswalk.machine``, which see for the guarantees) with the button, day and night, the
counts, the observation of vehicles, and the proof of readiness. It raises no alarm, so receipts tell it nothing; it works without a link
for ever.

Inputs: ``button`` (1 pressed), ``pir`` (1 sees warmth move), ``twilight`` (1 dark), ``tamper`` (1 opened), ``supply`` (1 mains present),
``farside`` (1 the far unit says that it flashes, 0 that it is dark), ``far-button`` (1 pressed, said again and again), ``far-pedestrian``
(1 somebody is there), ``far-waiting`` (1 somebody is at its kerb), ``far-well`` (0 something is in fault there). A value may also be a
reading of ``devices.sensors.readings``, under the name of its sensor: ``tracker``, ``presence``, ``pir``, ``speed``, ``lamps``,
``charger``; or a ``Status`` of any of them. ``counts`` is the text that an earlier run had kept by the output of the same name, or 1 while
that cannot be kept, and 0 when it can again.
"""

from collections.abc import Mapping

from agent.effects import EMIT, OUTPUT
from devices.common.readiness import Readiness
from devices.crosswalk.area import Area
from devices.crosswalk.counts import Counts
from devices.crosswalk.daylight import Daylight
from devices.crosswalk.fusion import WELL
from devices.crosswalk.lights import Effect
from devices.crosswalk.machine import Crossing
from devices.crosswalk.nonyield import Approach, Kerb, NonYield
from devices.crosswalk.pedestrian_button import PedestrianButton
from devices.crosswalk.settings import completed
from devices.sensors.contacts import motion
from devices.sensors.readings import Charge, Health, LampCurrent, Motion, Presence, Reading, Speed, Status, Targets

NO_CELLS = {"battery_cells": 0, "battery_mah": 0, "battery_draw_ua": 0}
"""A solar battery has no days-left model: its voltage limit alone is told."""
UNKEPT = "unkept"
"""State of the input ``counts`` whose file cannot be written."""


class Crosswalk:
    """One crosswalk controller. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: Mapping[str, object], now_ms: int) -> None:
        whole = completed(settings)
        self._crossing = Crossing(whole, now_ms)
        self._button = PedestrianButton(whole["debounce_ms"], whole["stuck_s"] * 1000)
        self._has_button = whole["button_pin"] >= 0
        self._readiness = Readiness({**whole, **NO_CELLS}, self._button.contact, now_ms)
        self._daylight = Daylight(whole["night_by"])
        self._counts = Counts(now_ms)
        self._nonyield = NonYield(whole)
        self._kerb = Kerb(whole)
        self._area = Area(whole)
        self._far_pressed = self._far_waits = False
        self._present = False
        self._most_seen = 0
        self._lit_at_ms: int | None = None
        self._shown: dict[str, str] = {}

    def started(self, _open_alarms: list[tuple[int, int, int]], now_ms: int) -> list[Effect]:
        """Set all outputs. A crosswalk raises no alarm, so none is adopted."""
        return self._crossing.started() + self._show(now_ms)

    def input(self, name: str, value: int | str | Reading | Status, now_ms: int) -> list[Effect]:
        """Take a level, a reading or a judgement with the time it was seen. An unknown name changes nothing."""
        effects = self._readiness.expire(now_ms)
        if isinstance(value, int):
            effects += self._level(name, value, now_ms)
        elif isinstance(value, str):
            effects += self._counted(self._counts.resume(value))
        elif isinstance(value, Status):
            effects += self._judged(value.sensor, value.state, now_ms)
        else:
            effects += self._reading(value, now_ms)
        return self._finished(effects, now_ms)

    def tick(self, now_ms: int) -> list[Effect]:
        """Do what is due."""
        effects = self._readiness.expire(now_ms)
        effects += self._pressed(self._button.tick(now_ms), now_ms)
        effects += self._readiness.tick(now_ms)
        self._daylight.tick(now_ms)
        effects += self._crossing.night(self._daylight.night, now_ms)
        effects += self._approached(self._nonyield.tick(now_ms))
        effects += self._counted(self._counts.hour(now_ms))
        kept = self._counts.to_keep(now_ms)
        if kept is not None:
            effects.append((OUTPUT, "counts", kept))
        return self._finished(effects, now_ms)

    def next_tick_ms(self, now_ms: int) -> int | None:
        """When the next tick is wanted; never None, for a self-test is always due some day."""
        due_ms = min(self._readiness.next_tick_ms(), self._counts.due_at_ms)
        for at_ms in (
            self._crossing.next_tick_ms(),
            self._button.next_tick_ms(),
            self._daylight.next_tick_ms(),
            self._nonyield.due_at_ms,
        ):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        return max(due_ms, now_ms)

    def sealed(self, _tag: int, _boot: int, _seq: int, _now_ms: int) -> list[Effect]:
        """An event has its number, which nothing here needs."""
        return []

    def receipt(self, _boot: int, _seq: int, _state: int, _now_ms: int) -> list[Effect]:
        """An alarm's state: there is no alarm."""
        return []

    def command(
        self, name: str, args: Mapping[str, object], now_ms: int
    ) -> tuple[dict[str, object] | None, list[Effect]]:
        """Carry out a verified command: ``flash``, ``self-test``, ``identify``, ``user-test``. Others return (None, [])."""
        if name == "flash":
            effects = self._crossing.press("command", now_ms)
            return {"ok": True}, self._finished(effects, now_ms)
        if name == "user-test" and not self._has_button:
            return {"ok": False, "why": "no button is fitted"}, []
        result, effects = self._readiness.command(name, args, False, now_ms)
        return result, self._finished(effects, now_ms)

    def link(self, up: bool, _now_ms: int) -> list[Effect]:
        """Note whether the broker is connected: the self-test says so, and nothing else depends on it."""
        self._readiness.linked = up
        return []

    def _level(self, name: str, value: int, now_ms: int) -> list[Effect]:
        if name == "button":
            return self._pressed(self._button.level(value, now_ms), now_ms)
        if name == "pir":
            return self._reading(motion(value == 0, now_ms), now_ms)
        if name == "farside":
            return self._crossing.far_says(value != 0, now_ms)
        if name == "far-pedestrian":
            return self._crossing.far_claim(value != 0, now_ms)
        if name == "far-well":
            return self._crossing.far_well(value != 0, now_ms)
        if name == "far-waiting":
            self._far_waits = value != 0
            return []
        if name == "far-button":
            return self._far_button(value != 0, now_ms)
        if name == "twilight":
            self._daylight.contact(value, now_ms)
            return self._crossing.night(self._daylight.night, now_ms)
        if name == "counts":
            return self._crossing.health(name, UNKEPT if value else WELL, now_ms)
        return self._readiness.input(name, value, now_ms)

    def _reading(self, reading: Reading, now_ms: int) -> list[Effect]:
        if isinstance(reading, Targets):
            inside = self._area.inside(reading)
            self._most_seen = max(self._most_seen, len(inside))
            self._kerb.look(inside, now_ms)
            return self._crossing.claim("tracker", bool(inside), now_ms)
        if isinstance(reading, Presence):
            return self._crossing.claim("presence", self._area.reached(reading), now_ms)
        if isinstance(reading, Motion):
            return self._crossing.claim("pir", reading.active, now_ms)
        if isinstance(reading, LampCurrent):
            return self._crossing.lamp(reading.lamp, reading.ma, now_ms)
        if isinstance(reading, Speed):
            return self._vehicle(reading, now_ms)
        if isinstance(reading, Charge):
            if reading.panel_mv is not None:
                self._daylight.panel(reading.panel_mv, now_ms)
            effects = self._crossing.night(self._daylight.night, now_ms)
            return effects + self._readiness.input("battery", reading.battery_mv, now_ms)
        return []

    def _judged(self, sensor: str, state: Health, now_ms: int) -> list[Effect]:
        effects = self._crossing.health(sensor, state.value, now_ms)
        if sensor == "charger" and state != Health.WELL:
            self._daylight.panel_unknown()
            effects += self._crossing.night(self._daylight.night, now_ms)
        return effects

    def _pressed(self, happened: tuple[int, list[int]], now_ms: int) -> list[Effect]:
        presses, others = happened
        effects: list[Effect] = []
        for _ in range(presses):
            effects += self._readiness.press(now_ms) + self._crossing.press("button", now_ms)
            self._counts.add("presses")
            self._button.called(now_ms)
        for gesture in others:
            effects += self._readiness.stuck(gesture)
        return effects

    def _far_button(self, pressed: bool, now_ms: int) -> list[Effect]:
        """The far unit says each press for a while: each time counts as a call, all of them as one press."""
        if pressed and not self._far_pressed:
            self._counts.add("presses")
        self._far_pressed = pressed
        return self._crossing.press("far-button", now_ms) if pressed else []

    def _vehicle(self, speed: Speed, now_ms: int) -> list[Effect]:
        if not speed.towards:
            self._nonyield.away(speed.magnitude)
            return []
        near = self._crossing.pedestrian and self._kerb.occupied(now_ms)
        far = self._far_waits and "farside" not in self._crossing.faults
        looks = self._nonyield.look(speed.mm_s, near or far, self._crossing.lit, now_ms, speed.magnitude)
        return self._approached(looks)

    def _approached(self, approach: Approach | None) -> list[Effect]:
        if approach is None:
            return []
        self._counts.approach(approach.top_mm_s)
        if approach.violation is None:
            return []
        self._counts.add("violations")
        return [(EMIT, 0, "violation.observed", approach.violation)]

    def _finished(self, effects: list[Effect], now_ms: int) -> list[Effect]:
        """Count what happened, complete self-tests, and show what is to be shown; light comes before words."""
        self._count_pedestrians()
        for index, effect in enumerate(effects):
            if effect[0] != EMIT:
                continue
            if effect[2] == "crossing.started":
                self._counts.add("activations")
            elif effect[2] == "crossing.ended":
                self._counts.lit(effect[3]["lit_ms"])
                self._lit_at_ms = now_ms
            elif effect[2] in ("test.passed", "test.failed") and effect[3]["by"] != "user":
                effects[index] = self._tested(effect[3], now_ms)
        return sorted(effects + self._show(now_ms), key=lambda effect: effect[0] == EMIT)

    @staticmethod
    def _counted(sums: dict[str, object] | None) -> list[Effect]:
        return [] if sums is None else [(EMIT, 0, "count.crossing", sums)]

    def _count_pedestrians(self) -> None:
        if self._crossing.pedestrian:
            self._present = True
        else:
            if self._present:
                self._counts.add("pedestrians", max(1, self._most_seen))
            if self._present or self._crossing.state == "dark":
                self._most_seen = 0
            self._present = False

    def _tested(self, data: dict[str, object], now_ms: int) -> Effect:
        """A self-test, with what is known of sensors and lamps."""
        failed = data.pop("failed", [])
        assert isinstance(failed, list)
        if not self._has_button:
            del data["input"]
            failed = [name for name in failed if name != "input"]
        data["faults"] = self._crossing.faults
        failed += sorted(self._crossing.faults)
        if self._lit_at_ms is not None:
            data["lit_age_s"] = (now_ms - self._lit_at_ms) // 1000
        if failed:
            data["failed"] = failed
        return EMIT, 0, "test.failed" if failed else "test.passed", data

    def _show(self, now_ms: int) -> list[Effect]:
        wanted = {"locator": "on", **self._button.show(self._crossing.flashing, now_ms)}
        if self._readiness.lamp(now_ms) == "identify":
            wanted["button"] = "identify"
        effects: list[Effect] = []
        for name, pattern in wanted.items():
            if self._shown.get(name) != pattern:
                self._shown[name] = pattern
                effects.append((OUTPUT, name, pattern))
        return effects
