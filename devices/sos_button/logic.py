"""The SOS button's logic: levels, times, receipts and commands in, events and output patterns out.

Guarantees: every press is in an event (``alarm.raised``, an ``alarm.escalated`` with its count, or the one ``test.passed`` of an armed
user test); no setting and no command turns the alarm off; the lamp never shows more than a signed receipt says. It keeps no clock, does
no I/O, and knows neither network nor disk. Runs on MicroPython and CPython alike.

Inputs: ``button`` (1 pressed), ``tamper`` (1 opened), ``supply`` (1 mains present), ``battery`` (millivolts), ``disk`` (1: events cannot be
kept). Handing in the same level again is harmless, so a poll may heal a lost edge. A contact that is closed when the device starts is a
press: somebody may be holding it. After a restart the lamp is right again, while strobe and siren stay as they are: nobody knows whether
they were silenced.
"""

from agent.effects import OUTPUT
from devices.common.alarms import ACKNOWLEDGED, DISPATCHED, RECEIVED, UNRECEIPTED, AlarmBook
from devices.common.contact import PRESS, Debouncer
from devices.common.readiness import Readiness
from devices.common.timers import Timers
from devices.sos_button.settings import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.common.alarms import Effect

OVERLAY_MS = 1000
CLOSED_SHOWN_MS = 5000

OUTPUTS = ("lamp", "strobe", "siren", "relay")
ALARM_LAMP = {RECEIVED: "received", ACKNOWLEDGED: "acknowledged", DISPATCHED: "dispatched"}


class SosButton:
    """One SOS button. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: "Mapping[str, object]", now_ms: int) -> None:
        self._settings = completed(settings)
        self._button = Debouncer(self._settings["debounce_ms"], self._settings["stuck_s"] * 1000)
        self._readiness = Readiness(self._settings, self._button, now_ms)
        self._alarms = AlarmBook(self._settings["alarm_window_s"] * 1000)
        self._timers = Timers()
        self._shown: "dict[str, str]" = {}

    def started(self, open_alarms: "list[tuple[int, int, int]]", now_ms: int) -> "list[Effect]":
        """Adopt open alarms of earlier boots, (boot, seq, state) of ``alarm.raised`` events, oldest first; set all outputs."""
        for boot, seq, state in open_alarms:
            self._alarms.adopt(boot, seq, state, now_ms)
        return self._show(now_ms)

    def input(self, name: str, value: int, now_ms: int) -> "list[Effect]":
        """Take a level or reading with the time it was seen. An unknown name changes nothing."""
        effects = self._readiness.expire(now_ms)
        if name == "button":
            effects.extend(self._on_button(self._button.level(1 if value else 0, now_ms), now_ms))
        else:
            effects.extend(self._readiness.input(name, value, now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def tick(self, now_ms: int) -> "list[Effect]":
        """Do what is due."""
        effects = self._readiness.expire(now_ms)
        effects.extend(self._on_button(self._button.tick(now_ms), now_ms))
        effects.extend(self._alarms.tick(now_ms))
        effects.extend(self._readiness.tick(now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def next_tick_ms(self, now_ms: int) -> "int | None":
        """When the next tick is wanted; never None, for the self-test is always due some day."""
        due_ms = self._readiness.next_tick_ms()
        for at_ms in (self._button.next_tick_ms(), self._alarms.next_tick_ms(), self._timers.next_ms()):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        return max(due_ms, now_ms)

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> "list[Effect]":
        """Learn an emitted event's number; a press that waited for its alarm's number goes out now."""
        was_open = self._alarms.state() is not None
        effects = self._alarms.sealed(tag, boot, seq, now_ms)
        self._note_closing(was_open, now_ms)
        effects.extend(self._show(now_ms))
        return effects

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> "list[Effect]":
        """Take an alarm's state out of a verified receipt: 1 received, 2 acknowledged, 3 dispatched, 4 closed."""
        was_open = self._alarms.state() is not None
        effects = self._alarms.receipt(boot, seq, state, now_ms)
        self._note_closing(was_open, now_ms)
        effects.extend(self._show(now_ms))
        return effects

    def command(
        self, name: str, args: "Mapping[str, object]", now_ms: int
    ) -> "tuple[dict[str, object] | None, list[Effect]]":
        """Carry out a verified command: ``self-test``, ``identify``, ``user-test``, ``silence``. Others return (None, [])."""
        if name == "silence":
            self._timers.stop(("strobe", "siren"))
            return {"ok": True}, self._show(now_ms)
        result, effects = self._readiness.command(name, args, self._alarms.state() is not None, now_ms)
        effects.extend(self._show(now_ms))
        return result, effects

    def link(self, up: bool, now_ms: int) -> "list[Effect]":
        """Note whether the broker is connected; only the lamp tells."""
        self._readiness.linked = up
        return self._show(now_ms)

    def _note_closing(self, was_open: bool, now_ms: int) -> None:
        if was_open and self._alarms.state() is None:
            self._timers.start("closed", now_ms + CLOSED_SHOWN_MS)
            self._timers.stop(("overlay", "strobe", "siren"))

    def _on_button(self, gestures: "list[tuple[int, int]]", now_ms: int) -> "list[Effect]":
        effects: list[Effect] = []
        for gesture, at_ms in gestures:
            if gesture == PRESS:
                effects.extend(self._readiness.press(now_ms) or self._press(at_ms, now_ms))
            else:
                effects.extend(self._readiness.stuck(gesture))
        return effects

    def _press(self, at_ms: int, now_ms: int) -> "list[Effect]":
        data = {
            "level": "sos",
            "age_ms": max(0, now_ms - at_ms),
            "silent": not self._settings["siren"],
            "tamper": self._readiness.tamper,
        }
        raised, effects = self._alarms.press(now_ms, data)
        self._timers.start("relay", now_ms + self._settings["relay_s"] * 1000)
        if raised:
            self._timers.stop(("overlay", "closed"))
            for name in ("strobe", "siren"):
                if self._settings[name]:
                    self._timers.start(name, now_ms + self._settings[name + "_s"] * 1000)
        else:
            self._timers.start("overlay", now_ms + OVERLAY_MS)
        return effects

    def _lamp(self, now_ms: int) -> str:
        state = self._alarms.state()
        if state == UNRECEIPTED:
            return "sending" if self._readiness.linked else "sending-no-link"
        if state is not None:
            return "pressed" if self._timers.running("overlay", now_ms) else ALARM_LAMP[state]
        if self._timers.running("closed", now_ms):
            return "closed"
        return self._readiness.lamp(now_ms) or ("idle" if self._readiness.linked else "offline")

    def _show(self, now_ms: int) -> "list[Effect]":
        self._timers.expired(now_ms)
        wanted = {
            "lamp": self._lamp(now_ms),
            "strobe": "alarm" if self._timers.running("strobe", now_ms) else "off",
            "siren": "alarm" if self._timers.running("siren", now_ms) else "off",
            "relay": "on" if self._timers.running("relay", now_ms) else "off",
        }
        effects: list[Effect] = []
        for name in OUTPUTS:
            if self._shown.get(name) != wanted[name]:
                self._shown[name] = wanted[name]
                effects.append((OUTPUT, name, wanted[name]))
        return effects
