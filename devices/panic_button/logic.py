"""The panic button's logic: levels, times, beacons, receipts and commands in, events and output patterns out.

Guarantees: every press is in an event (``alarm.raised``, an ``alarm.escalated`` with its count, or the one ``test.passed`` of an armed
user test), at the moment it is debounced, whatever gesture it may become part of; an alarm's level only rises; no setting and no command
turns the alarm off; the lamp never shows more than a signed receipt says; every event says where, and in a drill that it is one. What may
be real is never marked as a drill: while a drill is on no real alarm is open, and an event that tells of presses before or after it does
not bear its mark. It keeps no clock, does no I/O, and knows neither network nor disk. Runs on MicroPython and CPython alike.

Inputs: ``button`` (1 pressed), ``tamper`` (1 opened), ``supply`` (1 mains present), ``battery`` (millivolts), ``disk`` (1: events cannot be
kept), ``beacon`` (number of one just heard), ``clock`` (the time of day in ms since 1970 UTC, only where it is known for certain). Handing
in the same level again is harmless, so a poll may heal a lost edge. A contact that is closed when the device starts is a press: somebody
may be holding it.
"""

from agent.effects import EMIT, OUTPUT
from devices.common.alarms import ACKNOWLEDGED, DISPATCHED, RECEIVED, UNRECEIPTED, AlarmBook
from devices.common.contact import PRESS, Debouncer
from devices.common.readiness import Readiness
from devices.common.timers import Timers
from devices.panic_button import LEVELS
from devices.panic_button.drill import Drill
from devices.panic_button.gestures import Gestures
from devices.panic_button.patterns import PATTERNS, once_ms
from devices.panic_button.place import Place
from devices.panic_button.settings import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.common.alarms import Effect

OVERLAY_MS = 1000
CLOSED_SHOWN_MS = 5000

OUTPUTS = ("lamp", "haptic", "buzzer")
ALARM_LAMP = {RECEIVED: "received", ACKNOWLEDGED: "acknowledged", DISPATCHED: "dispatched"}
ALARM_TOUCH = {RECEIVED: "received", ACKNOWLEDGED: "acknowledged", DISPATCHED: "acknowledged"}


class PanicButton:
    """One panic button. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: "Mapping[str, object]", now_ms: int) -> None:
        whole = completed(settings)
        stuck_ms = whole["stuck_s"] * 1000
        self._audible: bool = whole["audible"]
        self._button = Debouncer(whole["debounce_ms"], stuck_ms)
        self._gestures = Gestures(whole["gestures"], stuck_ms)
        self._readiness = Readiness(whole, self._button, now_ms)
        self._place = Place(whole)
        self._drill = Drill()
        self._alarms = AlarmBook(whole["alarm_window_s"] * 1000, LEVELS)
        self._timers = Timers()
        self._touch = "off"  # what the motor was last told to play
        self._shown: "dict[str, str]" = {}

    @property
    def drill_end_ms(self) -> "int | None":
        """When the drill ends, None without one. It survives no restart, so a device that sleeps should stay awake for it."""
        return self._drill.end_ms

    @property
    def alarm_open(self) -> bool:
        """Whether an alarm is open."""
        return self._alarms.state() is not None

    @property
    def busy(self) -> bool:
        """Whether something is armed, shown, felt or still to be told: a device that sleeps stays awake for it."""
        armed = self._readiness.busy or self._timers.next_ms() is not None
        return armed or self._drill.end_ms is not None or self._alarms.next_tick_ms() is not None

    @property
    def battery_low(self) -> bool:
        """Whether the battery is judged low."""
        return self._readiness.battery_low

    def resume(self, battery_low: bool, self_test_ms: int) -> None:
        """Go on where a device left off that slept meanwhile, see `Readiness.resume`."""
        self._readiness.resume(battery_low, self_test_ms)

    def started(self, open_alarms: "list[tuple[int, int, int]]", now_ms: int) -> "list[Effect]":
        """Adopt open alarms of earlier boots, (boot, seq, state) of ``alarm.raised`` events, oldest first; set all outputs."""
        for boot, seq, state in open_alarms:
            self._alarms.adopt(boot, seq, state, now_ms)
        return self._show(now_ms)

    def input(self, name: str, value: int, now_ms: int) -> "list[Effect]":
        """Take a level or reading with the time it was seen. An unknown name changes nothing."""
        if name == "clock":
            self._drill.clock(value, now_ms)
        elif name == "beacon":
            self._place.heard(value, now_ms)
        effects = self._expire(now_ms)
        if name == "button":
            # The time until this edge was spent on the level before it: a hold that ends with the edge may have been long enough.
            effects.extend(self._on_button(self._button.tick(now_ms), now_ms))
            effects.extend(self._hold(now_ms))
            effects.extend(self._on_button(self._button.level(1 if value else 0, now_ms), now_ms))
        else:
            effects.extend(self._told(self._readiness.input(name, value, now_ms), now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def tick(self, now_ms: int) -> "list[Effect]":
        """Do what is due."""
        effects = self._expire(now_ms)
        effects.extend(self._on_button(self._button.tick(now_ms), now_ms))
        effects.extend(self._hold(now_ms))
        effects.extend(self._told(self._alarms.tick(now_ms), now_ms))
        effects.extend(self._told(self._readiness.tick(now_ms), now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def next_tick_ms(self, now_ms: int) -> "int | None":
        """When the next tick is wanted; never None, for the self-test is always due some day."""
        due_ms = self._readiness.next_tick_ms()
        for at_ms in (
            self._button.next_tick_ms(),
            self._next_hold_ms(),
            self._alarms.next_tick_ms(),
            self._timers.next_ms(),
            self._drill.end_ms,
        ):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        return max(due_ms, now_ms)

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> "list[Effect]":
        """Learn an emitted event's number; a press that waited for its alarm's number goes out now."""
        return self._moved(self._alarms.state(), self._alarms.sealed(tag, boot, seq, now_ms), now_ms)

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> "list[Effect]":
        """Take an alarm's state out of a verified receipt: 1 received, 2 acknowledged, 3 dispatched, 4 closed."""
        before = self._alarms.state()
        effects = self._alarms.receipt(boot, seq, state, now_ms)
        if before is not None and self._alarms.state() is None:
            self._timers.start("closed", now_ms + CLOSED_SHOWN_MS)
        return self._moved(before, effects, now_ms)

    def command(
        self, name: str, args: "Mapping[str, object]", now_ms: int
    ) -> "tuple[dict[str, object] | None, list[Effect]]":
        """Carry out a verified command: ``self-test``, ``identify``, ``user-test``, ``drill``, ``drill-end``. Others return (None, [])."""
        effects = self._expire(now_ms)
        if name == "drill":
            result, more = self._start_drill(args.get("until"), now_ms)
        elif name == "drill-end":
            result, more = {"ok": True}, self._end_drill("command", now_ms)
        else:
            result, more = self._readiness.command(name, args, self._alarms.state() is not None, now_ms)
            more = self._told(more, now_ms)
        effects.extend(more)
        effects.extend(self._show(now_ms))
        return result, effects

    def link(self, up: bool, now_ms: int) -> "list[Effect]":
        """Note whether the broker is connected; only the lamp tells."""
        self._readiness.linked = up
        return self._show(now_ms)

    def _told(self, effects: "list[Effect]", now_ms: int) -> "list[Effect]":
        """Put into events where the button is, and the drill's mark; an alarm's events have the mark of their own alarm."""
        for effect in effects:
            effect[3].update(self._place.data(now_ms))
            if self._drill.end_ms is not None and not effect[2].startswith("alarm."):
                effect[3]["drill"] = True
        return effects

    def _moved(self, before: "int | None", effects: "list[Effect]", now_ms: int) -> "list[Effect]":
        """What follows from a receipt or a number, the alarms' state having been ``before``."""
        effects = self._told(effects, now_ms)
        state = self._alarms.state()
        if before is not None and state is not None and state > before:
            self._play(ALARM_TOUCH[state], now_ms)
        effects.extend(self._yield_drill(now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def _on_button(self, gestures: "list[tuple[int, int]]", now_ms: int) -> "list[Effect]":
        effects: list[Effect] = []
        for gesture, at_ms in gestures:
            if gesture != PRESS:
                effects.extend(self._told(self._readiness.stuck(gesture), now_ms))
                continue
            level = self._gestures.press(at_ms)
            test = self._readiness.press(now_ms)
            if test:
                self._gestures.forget()
                self._play("test-passed", now_ms)
                effects.extend(self._told(test, now_ms))
            else:
                effects.extend(self._alarm(level, 1, at_ms, now_ms))
        return effects

    def _hold(self, now_ms: int) -> "list[Effect]":
        since_ms = self._button.held_since_ms
        level = 0 if since_ms is None else self._gestures.hold(now_ms - since_ms)
        return self._alarm(level, 0, since_ms, now_ms) if since_ms is not None and level else []

    def _next_hold_ms(self) -> "int | None":
        since_ms = self._button.held_since_ms
        hold_ms = self._gestures.next_hold_ms()
        return None if since_ms is None or hold_ms is None else since_ms + hold_ms

    def _alarm(self, level: int, presses: int, at_ms: int, now_ms: int) -> "list[Effect]":
        before = self._alarms.level()
        data: "dict[str, object]" = {"age_ms": max(0, now_ms - at_ms), "tamper": self._readiness.tamper}
        raised, effects = self._alarms.press(now_ms, data, level, self._drill.covers(at_ms), presses)
        if raised:
            self._timers.stop(("overlay",))
        else:
            self._timers.start("overlay", now_ms + OVERLAY_MS)
        if level > before:
            self._play("level", now_ms)
        elif presses:
            self._play("sent" if self._readiness.linked else "pressed", now_ms)
        return self._told(effects, now_ms) + self._yield_drill(now_ms)

    def _start_drill(self, until: object, now_ms: int) -> "tuple[dict[str, object] | None, list[Effect]]":
        if self._alarms.real() or self._button.pressed:
            return {"ok": False, "why": "an alarm is open or the button is held; close the alarm first"}, []
        fresh = self._drill.end_ms is None
        why = self._drill.start(until, now_ms)
        if why is not None:
            return {"ok": False, "why": why}, []
        if fresh:
            self._gestures.forget()
        return {"ok": True, "until": until}, self._told([(EMIT, 0, "drill.started", {"until": until})], now_ms)

    def _end_drill(self, by: str, now_ms: int) -> "list[Effect]":
        if self._drill.end_ms is None:
            return []
        self._drill.stop()
        self._gestures.forget()
        effects = self._alarms.end_drill(now_ms)
        effects.append((EMIT, 0, "drill.ended", {"by": by}))
        return self._told(effects, now_ms)

    def _yield_drill(self, now_ms: int) -> "list[Effect]":
        """End the drill if an alarm is open that is real, or may be."""
        return self._end_drill("alarm", now_ms) if self._alarms.real() else []

    def _expire(self, now_ms: int) -> "list[Effect]":
        effects: list[Effect] = []
        if self._drill.end_ms is not None and now_ms >= self._drill.end_ms:
            effects = self._end_drill("time", now_ms)
        effects.extend(self._told(self._readiness.expire(now_ms), now_ms))
        return effects

    def _play(self, touch: str, now_ms: int) -> None:
        self._touch = touch
        self._timers.start("touch", now_ms + once_ms(PATTERNS["haptic"][touch]))
        self._shown.pop("haptic", "")  # the same one again is played again
        if self._audible:
            self._shown.pop("buzzer", "")

    def _lamp(self, now_ms: int) -> str:
        state = self._alarms.state()
        if state == UNRECEIPTED:
            return "sending" if self._readiness.linked else "sending-no-link"
        if state is not None:
            return "pressed" if self._timers.running("overlay", now_ms) else ALARM_LAMP[state]
        if self._timers.running("closed", now_ms):
            return "closed"
        if self._drill.end_ms is not None:
            return "drill"
        return self._readiness.lamp(now_ms) or ("idle" if self._readiness.linked else "offline")

    def _show(self, now_ms: int) -> "list[Effect]":
        self._timers.expired(now_ms)
        touch = self._touch if self._timers.running("touch", now_ms) else "off"
        wanted = {"lamp": self._lamp(now_ms), "haptic": touch, "buzzer": touch if self._audible else "off"}
        effects: list[Effect] = []
        for name in OUTPUTS:
            if self._shown.get(name) != wanted[name]:
                self._shown[name] = wanted[name]
                effects.append((OUTPUT, name, wanted[name]))
        return effects
