"""The hub's logic: voltages, levels, receipts and commands in, events and lamp patterns out.

Guarantees: every press is in an event (``alarm.raised``, an ``alarm.escalated`` with its count, or the one ``test.passed`` of a user test
of its zone) as soon as its line was looked at twice; each zone has alarms of its own, whose levels only rise; no fault of a line or a
module is ever an alarm, and none of another zone, no setting and no command keeps an alarm back; the lamp never shows more than signed
receipts say; every event says where, and in a drill that it is one. What may be real is never marked as a drill. It keeps no clock, does
no I/O, and knows neither network nor disk.

Inputs: ``module-1`` and so on (`devices.sensors.readings`: ``Voltages``, or ``Status``), ``tamper`` (1 opened), ``supply`` (1 mains
present), ``disk`` (1: events cannot be kept), ``clock`` (the time of day in ms since 1970 UTC, only where it is known for certain).

After a restart an alarm without a receipt is still its zone's: the journal remembers what it said. One that was a drill's is nobody's.
"""

from collections.abc import Mapping

from agent.effects import EMIT, OUTPUT
from devices.common.alarms import ACKNOWLEDGED, CLOSED, DISPATCHED, RECEIVED, UNRECEIPTED
from devices.common.readiness import Readiness
from devices.common.timers import Timers
from devices.panic_button.drill import Drill
from devices.panic_hub import PLACE, ZONES_MAX
from devices.panic_hub.looks import Looks
from devices.panic_hub.loop import Bands
from devices.panic_hub.scan import most_ms
from devices.panic_hub.settings import completed
from devices.panic_hub.zone import Effect, Zone
from devices.sensors.readings import Health, Status, Voltages

OVERLAY_MS = 1000
CLOSED_SHOWN_MS = 5000
ALARM_LAMP = {RECEIVED: "received", ACKNOWLEDGED: "acknowledged", DISPATCHED: "dispatched"}
NO_BATTERY = {"battery_low_mv": 0, "battery_cells": 0, "battery_mah": 0, "battery_draw_ua": 0}
"""A hub's battery belongs to its mains supply, which is told by ``supply``."""


class Buttons:
    """All zones' buttons, as one contact to `Readiness`."""

    def __init__(self, zones: list[Zone]) -> None:
        self._zones = zones

    @property
    def pressed(self) -> bool:
        """Whether any is pressed."""
        return any(zone.line.pressed for zone in self._zones)

    @property
    def stuck(self) -> bool:
        """Whether any is stuck."""
        return any(zone.line.stuck for zone in self._zones)

    @property
    def seen(self) -> bool:
        """Whether every line is known."""
        return all(zone.line.mv is not None for zone in self._zones)


class PanicHub:
    """One hub. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: Mapping[str, object], now_ms: int) -> None:
        whole = completed(settings)
        bands = Bands(whole)
        self._zones = [Zone(wiring, bands, whole) for wiring in whole["zones"]]
        self._of_module: dict[str, list[tuple[int, int]]] = {module.name: [] for module in whole["modules"]}
        for index, wiring in enumerate(whole["zones"]):
            self._of_module[wiring.module].append((index, wiring.channel - 1))
        self._looks = Looks(tuple(self._of_module), most_ms(whole["sample_ms"]))
        self._ill: dict[str, str] = {}
        self._home = {name: whole[name] for name in PLACE if whole[name]}
        self._readiness = Readiness({**whole, **NO_BATTERY}, Buttons(self._zones), now_ms)
        self._drill = Drill()
        self._timers = Timers()
        self._tested: int | None = None  # the zone of the last user test
        self._boot: int | None = None
        self._earlier: dict[tuple[int, int], int] = {}
        """Alarms of earlier runs and of no zone that had no receipt yet, and what receipts have said since."""
        self._recalled: dict[tuple[int, int], int] = {}
        """Alarms of earlier runs -> their zones."""
        self._shown = ""

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with lines, buttons and modules, by the ``input`` of its events."""
        return {**{zone.input: zone.fault for zone in self._zones if zone.fault}, **self._ill}

    def recall(self, boot: int, seq: int, data: Mapping[str, object]) -> None:
        """Learn what an alarm event of an earlier boot said that has no receipt."""
        for index, zone in enumerate(self._zones):
            if zone.place["zone"] == data.get("zone") and not data.get("drill"):
                self._recalled[boot, seq] = index

    def started(self, open_alarms: list[tuple[int, int, int]], now_ms: int) -> list[Effect]:
        """Adopt alarms of earlier boots that have no receipt, (boot, seq, state), each for its zone if that is known; set the lamp."""
        recalled, self._recalled = self._recalled, {}
        for boot, seq, state in open_alarms:
            if (boot, seq) in recalled:
                index = self._recalled[boot, seq] = recalled[boot, seq]
                self._zones[index].alarms.adopt(boot, seq, state, now_ms)
            else:
                self._earlier[boot, seq] = state
        return self._show(now_ms)

    def input(self, name: str, value: int | Voltages | Status, now_ms: int) -> list[Effect]:
        """Take a level, a reading or a judgement with the time it was seen. An unknown name changes nothing."""
        if isinstance(value, Voltages):
            return self._sampled(name, value, now_ms)
        if name == "clock" and isinstance(value, int):
            self._drill.clock(value, now_ms)
        effects = self._expire(now_ms)
        if isinstance(value, Status):
            effects += self._judged(value, now_ms)
        else:
            effects += self._told(self._readiness.input(name, value, now_ms))
        return effects + self._show(now_ms)

    def tick(self, now_ms: int) -> list[Effect]:
        """Do what is due."""
        effects = self._expire(now_ms)
        for index, zone in enumerate(self._zones):
            effects += self._named(index, zone.alarms.tick(now_ms))
        for effect in self._readiness.tick(now_ms):
            effects += self._told([self._self_tested(effect) if effect[2].startswith("test.") else effect])
        return effects + self._show(now_ms)

    def next_tick_ms(self, now_ms: int) -> int | None:
        """When the next tick is wanted; never None, for the self-test is always due some day."""
        due_ms = self._readiness.next_tick_ms()
        for at_ms in (self._timers.next_ms(), self._drill.end_ms, *(z.alarms.next_tick_ms() for z in self._zones)):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        return max(due_ms, now_ms)

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> list[Effect]:
        """Learn an emitted event's number; a press that waited for its alarm's number goes out now."""
        if boot != self._boot:
            self._boot = boot
            for zone in self._zones:  # so that none takes another's alarm of this run for one of an earlier run
                zone.alarms.sealed(0, boot, 0, now_ms)
        if not tag:
            return []
        index = tag % ZONES_MAX
        before = self._state()
        effects = self._named(index, self._zones[index].alarms.sealed(tag // ZONES_MAX, boot, seq, now_ms))
        return self._moved(before, effects, now_ms)

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> list[Effect]:
        """Take an alarm's state out of a verified receipt: 1 received, 2 acknowledged, 3 dispatched, 4 closed."""
        before = self._state()
        effects: list[Effect] = []
        if boot == self._boot:
            for index, zone in enumerate(self._zones):
                effects += self._named(index, zone.alarms.receipt(boot, seq, state, now_ms))
        elif (boot, seq) in self._recalled:
            index = self._recalled[boot, seq]
            effects = self._named(index, self._zones[index].alarms.receipt(boot, seq, state, now_ms))
        elif (boot, seq) in self._earlier:
            self._earlier[boot, seq] = max(self._earlier[boot, seq], state)
            if state >= CLOSED:
                del self._earlier[boot, seq]
        return self._moved(before, effects, now_ms)

    def command(
        self, name: str, args: Mapping[str, object], now_ms: int
    ) -> tuple[dict[str, object] | None, list[Effect]]:
        """Carry out a verified command: ``self-test``, ``identify``, ``user-test``, ``drill``, ``drill-end``. Others return (None, [])."""
        effects = self._expire(now_ms)
        result: dict[str, object] | None
        if name == "drill":
            result, more = self._start_drill(args.get("until"), now_ms)
        elif name == "drill-end":
            result, more = {"ok": True}, self._end_drill("command", now_ms)
        elif name == "user-test":
            result = self._arm(args, now_ms)
            more = []
        elif name == "self-test":
            _result, (found,) = self._readiness.command(name, args, False, now_ms)
            found = self._self_tested(found)
            result, more = {"ok": found[2] == "test.passed"}, self._told([found])
        else:
            result, more = self._readiness.command(name, args, False, now_ms)
        return result, effects + more + self._show(now_ms)

    def link(self, up: bool, now_ms: int) -> list[Effect]:
        """Note whether the broker is connected; only the lamp tells."""
        self._readiness.linked = up
        return self._show(now_ms)

    # Lines

    def _sampled(self, name: str, reading: Voltages, now_ms: int) -> list[Effect]:
        changed = []
        self._looks.look(name, now_ms)
        for index, channel in self._of_module.get(name, ()):
            mv = reading.mv[channel]
            if not self._zones[index].line.still(mv):
                changed.append((index, mv))
        if not changed:
            return []
        effects = self._expire(now_ms)
        for index, mv in changed:
            effects += self._pressed(index, self._zones[index].line.sample(mv, now_ms), now_ms)
        return effects + self._show(now_ms)

    def _judged(self, status: Status, now_ms: int) -> list[Effect]:
        name = status.sensor
        if name not in self._of_module:
            return []
        effects: list[Effect] = []
        if status.state == Health.WELL:
            if self._ill.pop(name, ""):
                effects = self._told([(EMIT, 0, "fault.cleared", {"input": name})])
            return effects
        self._ill[name] = status.state.value
        effects = self._told([(EMIT, 0, "fault.sensor", {"input": name, "state": status.state.value})])
        for index, _channel in self._of_module[name]:
            effects += self._pressed(index, self._zones[index].line.lost(now_ms), now_ms)
        return effects

    def _pressed(self, index: int, gestures: list[tuple[int, int]], now_ms: int) -> list[Effect]:
        """What follows from what a zone's line said."""
        zone = self._zones[index]
        effects: list[Effect] = []
        for level, at_ms in zone.presses(gestures):
            # While an alarm is open anywhere no press is a test: whoever tests may be calling now.
            may_test = index == self._tested and self._state() is None
            test = self._readiness.press(now_ms) if may_test else []
            if test:
                zone.gestures.forget()
                effects += self._told(test, zone)
            else:
                effects += self._alarm(index, level, 1, at_ms, now_ms)
        level = zone.held(now_ms)
        if level:
            since_ms = zone.line.held_since_ms
            assert since_ms is not None
            effects += self._alarm(index, level, 0, since_ms, now_ms)
        return effects + self._told(zone.stuck(gestures) + zone.judged(), zone)

    def _alarm(self, index: int, level: int, presses: int, at_ms: int, now_ms: int) -> list[Effect]:
        zone = self._zones[index]
        raised, effects = zone.alarm(level, presses, at_ms, now_ms, self._readiness.tamper, self._drill)
        if raised:
            self._timers.stop(("overlay",))
        else:
            self._timers.start("overlay", now_ms + OVERLAY_MS)
        return self._named(index, effects) + self._yield_drill(now_ms)

    # Alarms

    def _state(self) -> int | None:
        """The state to show of all that is open: the lowest; None: nothing is."""
        states = [state for zone in self._zones if (state := zone.alarms.state()) is not None]
        return min([*states, *self._earlier.values()], default=None)

    def _moved(self, before: int | None, effects: list[Effect], now_ms: int) -> list[Effect]:
        if before is not None and self._state() is None:
            self._timers.start("closed", now_ms + CLOSED_SHOWN_MS)
        return effects + self._yield_drill(now_ms) + self._show(now_ms)

    def _named(self, index: int, effects: list[Effect]) -> list[Effect]:
        """A zone's effects with its place, and with tags that say whose they are."""
        for effect in effects:
            effect[3].update(self._zones[index].place)
        return [(EMIT, tag * ZONES_MAX + index if tag else 0, type_, data) for _emit, tag, type_, data in effects]

    def _told(self, effects: list[Effect], zone: Zone | None = None) -> list[Effect]:
        """Other effects than alarms, with their place, and the drill's mark."""
        for effect in effects:
            effect[3].update(self._home if zone is None else zone.place)
            if self._drill.end_ms is not None:
                effect[3]["drill"] = True
        return effects

    # Tests and drills

    def _arm(self, args: Mapping[str, object], now_ms: int) -> dict[str, object]:
        for index, zone in enumerate(self._zones):
            if zone.place["zone"] == args.get("zone"):
                result, _effects = self._readiness.command("user-test", args, self._state() is not None, now_ms)
                assert result is not None
                if result["ok"]:
                    self._tested = index
                return result
        return {"ok": False, "why": "zone must be the name of a zone; a press in any other is an alarm"}

    def _self_tested(self, effect: Effect) -> Effect:
        """A self-test, with what is known of lines and modules."""
        data = effect[3]
        faults = self.faults
        late = self._looks.late()
        failed = data.pop("failed", []) + sorted(faults)
        if late > Looks.LATE_MAX:
            failed.append("scan")
        data.update(zones=len(self._zones), faults=faults, late_permille=late)
        if failed:
            data["failed"] = failed
        return EMIT, 0, "test.failed" if failed else "test.passed", data

    def _start_drill(self, until: object, now_ms: int) -> tuple[dict[str, object] | None, list[Effect]]:
        if self._real() or any(zone.line.pressed for zone in self._zones):
            return {"ok": False, "why": "an alarm is open or a button is held; close the alarm first"}, []
        fresh = self._drill.end_ms is None
        why = self._drill.start(until, now_ms)
        if why is not None:
            return {"ok": False, "why": why}, []
        if fresh:
            self._forget_gestures()
        return {"ok": True, "until": until}, self._told([(EMIT, 0, "drill.started", {"until": until})])

    def _end_drill(self, by: str, now_ms: int) -> list[Effect]:
        if self._drill.end_ms is None:
            return []
        self._drill.stop()
        self._forget_gestures()
        effects: list[Effect] = []
        for index, zone in enumerate(self._zones):
            effects += self._named(index, zone.alarms.end_drill(now_ms))
        return effects + self._told([(EMIT, 0, "drill.ended", {"by": by})])

    def _yield_drill(self, now_ms: int) -> list[Effect]:
        """End the drill if an alarm is open that is real, or may be."""
        return self._end_drill("alarm", now_ms) if self._drill.end_ms is not None and self._real() else []

    def _real(self) -> bool:
        return bool(self._earlier) or any(zone.alarms.real() for zone in self._zones)

    def _forget_gestures(self) -> None:
        for zone in self._zones:
            zone.gestures.forget()

    def _expire(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        if self._drill.end_ms is not None and now_ms >= self._drill.end_ms:
            effects = self._end_drill("time", now_ms)
        tested = None if self._tested is None else self._zones[self._tested]
        return effects + self._told(self._readiness.expire(now_ms), tested)

    # The lamp

    def _lamp(self, now_ms: int) -> str:
        state = self._state()
        if state == UNRECEIPTED:
            return "sending" if self._readiness.linked else "sending-no-link"
        if state is not None:
            return "pressed" if self._timers.running("overlay", now_ms) else ALARM_LAMP[state]
        if self._timers.running("closed", now_ms):
            return "closed"
        if self._drill.end_ms is not None:
            return "drill"
        shown = self._readiness.lamp(now_ms)
        if self.faults and shown in (None, "tamper"):
            return "fault"
        return shown or ("idle" if self._readiness.linked else "offline")

    def _show(self, now_ms: int) -> list[Effect]:
        self._timers.expired(now_ms)
        pattern = self._lamp(now_ms)
        if pattern == self._shown:
            return []
        self._shown = pattern
        return [(OUTPUT, "lamp", pattern)]
