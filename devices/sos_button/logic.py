"""The SOS button's logic: levels, times, receipts and commands in, events and output patterns out.

Guarantees: every press is in an event (``alarm.raised``, an ``alarm.escalated`` with its count, or the one ``test.passed`` of an armed
user test); no setting and no command turns the alarm off; the lamp never shows more than a signed receipt says. It keeps no clock, does
no I/O, and knows neither network nor disk. Runs on MicroPython and CPython alike.

Inputs: ``button`` (1 pressed), ``tamper`` (1 opened), ``supply`` (1 mains present), ``battery`` (millivolts). Handing in the same level
again is harmless, so a poll may heal a lost edge. A contact that is closed when the device starts is a press: somebody may be holding it.
After a restart the lamp is right again, while strobe and siren stay as they are: nobody knows whether they were silenced.
"""

from agent.effects import EMIT, OUTPUT
from devices.sos_button.alarms import ACKNOWLEDGED, DISPATCHED, RECEIVED, UNRECEIPTED, AlarmBook
from devices.sos_button.battery import Battery
from devices.sos_button.gesture import CLEARED, PRESS, STUCK, Debouncer
from devices.sos_button.settings import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.sos_button.alarms import Effect

TAMPER_DEBOUNCE_MS = 100
SUPPLY_DEBOUNCE_MS = 500
FIRST_SELF_TEST_MS = 10_000
SELF_TEST_EARLY_MS = 60_000  # so that a late tick still keeps the 24 hours
OVERLAY_MS = 1000
CLOSED_SHOWN_MS = 5000
TEST_SHOWN_MS = 3000
SECONDS_MAX = 120
TEST_SECONDS = 60
IDENTIFY_SECONDS = 30

OUTPUTS = ("lamp", "strobe", "siren", "relay")
ALARM_LAMP = {RECEIVED: "received", ACKNOWLEDGED: "acknowledged", DISPATCHED: "dispatched"}


class SosButton:
    """One SOS button. ``settings`` as in the kind's SETTINGS table; ``now_ms`` is monotonic. Raises SettingsError."""

    def __init__(self, settings: "Mapping[str, object]", now_ms: int) -> None:
        self._settings = completed(settings)
        self._button = Debouncer(self._settings["debounce_ms"], self._settings["stuck_s"] * 1000)
        self._tamper = Debouncer(TAMPER_DEBOUNCE_MS)
        self._no_supply = Debouncer(SUPPLY_DEBOUNCE_MS)
        self._battery = Battery(self._settings)
        self._alarms = AlarmBook(self._settings["alarm_window_s"] * 1000)
        self._until: "dict[str, int]" = {}  # what is shown or armed, and the time it ends
        self._self_test_ms = now_ms + FIRST_SELF_TEST_MS
        self._linked = False
        self._shown: "dict[str, str]" = {}

    def started(self, open_alarms: "list[tuple[int, int, int]]", now_ms: int) -> "list[Effect]":
        """Adopt open alarms of earlier boots, (boot, seq, state) of ``alarm.raised`` events, oldest first; set all outputs."""
        for boot, seq, state in open_alarms:
            self._alarms.adopt(boot, seq, state, now_ms)
        return self._show(now_ms)

    def input(self, name: str, value: int, now_ms: int) -> "list[Effect]":
        """Take a level or reading with the time it was seen. An unknown name changes nothing."""
        effects = self._expire(now_ms)
        if name == "button":
            effects.extend(self._on_button(self._button.level(1 if value else 0, now_ms), now_ms))
        elif name == "tamper":
            effects.extend(self._on_tamper(self._tamper.level(1 if value else 0, now_ms)))
        elif name == "supply":
            effects.extend(self._on_supply(self._no_supply.level(0 if value else 1, now_ms)))
        elif name == "battery":
            effects.extend(self._on_battery(value))
        effects.extend(self._show(now_ms))
        return effects

    def tick(self, now_ms: int) -> "list[Effect]":
        """Do what is due."""
        effects = self._expire(now_ms)
        effects.extend(self._on_button(self._button.tick(now_ms), now_ms))
        effects.extend(self._on_tamper(self._tamper.tick(now_ms)))
        effects.extend(self._on_supply(self._no_supply.tick(now_ms)))
        effects.extend(self._alarms.tick(now_ms))
        if now_ms >= self._self_test_ms:
            effects.extend(self._self_test("schedule", now_ms))
        effects.extend(self._show(now_ms))
        return effects

    def next_tick_ms(self, now_ms: int) -> "int | None":
        """When the next tick is wanted; never None, for the self-test is always due some day."""
        due_ms = self._self_test_ms
        for at_ms in (
            self._button.next_tick_ms(),
            self._tamper.next_tick_ms(),
            self._no_supply.next_tick_ms(),
            self._alarms.next_tick_ms(),
        ):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        for at_ms in self._until.values():
            due_ms = min(due_ms, at_ms)
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
        effects: "list[Effect]" = []
        if name == "self-test":
            effects = self._self_test("command", now_ms)
            result: dict[str, object] = {"ok": effects[0][2] == "test.passed"}
        elif name == "identify":
            seconds = _seconds(args, IDENTIFY_SECONDS)
            self._until["identify"] = now_ms + seconds * 1000
            result = {"ok": True, "seconds": seconds}
        elif name == "user-test":
            if self._alarms.state() is not None or self._button.pressed:
                return {"ok": False, "why": "an alarm is open or the button is held; test when it is idle"}, []
            seconds = _seconds(args, TEST_SECONDS)
            self._until["test"] = now_ms + seconds * 1000
            result = {"ok": True, "seconds": seconds}
        elif name == "silence":
            self._forget(("strobe", "siren"))
            result = {"ok": True}
        else:
            return None, []
        effects.extend(self._show(now_ms))
        return result, effects

    def link(self, up: bool, now_ms: int) -> "list[Effect]":
        """Note whether the broker is connected; only the lamp tells."""
        self._linked = up
        return self._show(now_ms)

    def _note_closing(self, was_open: bool, now_ms: int) -> None:
        if was_open and self._alarms.state() is None:
            self._until["closed"] = now_ms + CLOSED_SHOWN_MS
            self._forget(("overlay", "strobe", "siren"))

    def _on_button(self, gestures: "list[tuple[int, int]]", now_ms: int) -> "list[Effect]":
        effects: list[Effect] = []
        for gesture, at_ms in gestures:
            if gesture == PRESS:
                effects.extend(self._press(at_ms, now_ms))
            elif gesture == STUCK:
                effects.append((EMIT, 0, "fault.stuck", {"input": "button", "held_s": self._settings["stuck_s"]}))
            elif gesture == CLEARED:
                effects.append((EMIT, 0, "fault.cleared", {"input": "button"}))
        return effects

    def _press(self, at_ms: int, now_ms: int) -> "list[Effect]":
        # Whoever presses again after the test press, or once the window is over, needs help: only one press is ever a test.
        if self._until.pop("test", now_ms) > now_ms:
            self._until["test-shown"] = now_ms + TEST_SHOWN_MS
            return [(EMIT, 0, "test.passed", {"by": "user"})]
        data = {
            "level": "sos",
            "age_ms": max(0, now_ms - at_ms),
            "silent": not self._settings["siren"],
            "tamper": self._tamper.pressed,
        }
        raised, effects = self._alarms.press(now_ms, data)
        self._until["relay"] = now_ms + self._settings["relay_s"] * 1000
        if raised:
            self._forget(("overlay", "closed", "test-shown"))
            for name in ("strobe", "siren"):
                if self._settings[name]:
                    self._until[name] = now_ms + self._settings[name + "_s"] * 1000
        else:
            self._until["overlay"] = now_ms + OVERLAY_MS
        return effects

    def _on_tamper(self, gestures: "list[tuple[int, int]]") -> "list[Effect]":
        effects: list[Effect] = []
        for gesture, _at_ms in gestures:
            effects.append((EMIT, 0, "tamper.opened" if gesture == PRESS else "tamper.closed", {}))
        return effects

    def _on_supply(self, gestures: "list[tuple[int, int]]") -> "list[Effect]":
        effects: list[Effect] = []
        for gesture, _at_ms in gestures:
            effects.append((EMIT, 0, "supply.lost" if gesture == PRESS else "supply.restored", {}))
        return effects

    def _on_battery(self, millivolts: int) -> "list[Effect]":
        if not self._battery.changed(millivolts):
            return []
        data = {"mv": millivolts}
        if self._battery.days() >= 0:
            data["days"] = self._battery.days()
        return [(EMIT, 0, "battery.low" if self._battery.low else "battery.restored", data)]

    def _self_test(self, by: str, now_ms: int) -> "list[Effect]":
        self._self_test_ms = now_ms + self._settings["self_test_h"] * 3_600_000 - SELF_TEST_EARLY_MS
        failed = []
        data: dict[str, object] = {"by": by, "link": self._linked}
        data["input"] = "unread" if not self._button.seen else "idle"
        if self._button.pressed:
            data["input"] = "stuck" if self._button.stuck else "pressed"
        if data["input"] in ("unread", "stuck"):
            failed.append("input")
        data["tamper"] = self._of_fitted("tamper_pin", self._tamper, "opened", "closed")
        if data["tamper"] in ("unread", "opened"):
            failed.append("tamper")
        data["supply"] = self._of_fitted("supply_pin", self._no_supply, "battery", "mains")
        if data["supply"] == "unread":
            failed.append("supply")
        if self._battery.fitted:
            data["battery_mv"] = self._battery.millivolts
            if self._battery.low or self._battery.millivolts == 0:
                failed.append("battery")
        if failed:
            data["failed"] = failed
        return [(EMIT, 0, "test.failed" if failed else "test.passed", data)]

    def _of_fitted(self, pin: str, contact: Debouncer, active: str, idle: str) -> str:
        if not contact.seen:
            return "unread" if self._settings[pin] >= 0 else "none"
        return active if contact.pressed else idle

    def _expire(self, now_ms: int) -> "list[Effect]":
        effects: list[Effect] = []
        for name in list(self._until):
            if now_ms >= self._until[name]:
                del self._until[name]
                if name == "test":
                    effects.append((EMIT, 0, "test.failed", {"by": "user", "failed": ["no press"]}))
        return effects

    def _forget(self, names: "tuple[str, ...]") -> None:
        for name in names:
            self._until.pop(name, 0)

    def _running(self, name: str, now_ms: int) -> bool:
        return self._until.get(name, now_ms) > now_ms

    def _lamp(self, now_ms: int) -> str:
        state = self._alarms.state()
        if state == UNRECEIPTED:
            return "sending" if self._linked else "sending-no-link"
        if state is not None:
            return "pressed" if self._running("overlay", now_ms) else ALARM_LAMP[state]
        for name, pattern in (
            ("closed", "closed"),
            ("test-shown", "test-passed"),
            ("test", "test-armed"),
            ("identify", "identify"),
        ):
            if self._running(name, now_ms):
                return pattern
        if self._button.stuck or self._battery.low:
            return "fault"
        if self._tamper.pressed:
            return "tamper"
        return "idle" if self._linked else "offline"

    def _show(self, now_ms: int) -> "list[Effect]":
        wanted = {
            "lamp": self._lamp(now_ms),
            "strobe": "alarm" if self._running("strobe", now_ms) else "off",
            "siren": "alarm" if self._running("siren", now_ms) else "off",
            "relay": "on" if self._running("relay", now_ms) else "off",
        }
        effects: list[Effect] = []
        for name in OUTPUTS:
            if self._shown.get(name) != wanted[name]:
                self._shown[name] = wanted[name]
                effects.append((OUTPUT, name, wanted[name]))
        return effects


def _seconds(args: "Mapping[str, object]", default: int) -> int:
    """The command's ``seconds``, held to 1 to SECONDS_MAX; the default where there is no whole number."""
    seconds = args.get("seconds", default)
    if not isinstance(seconds, int):
        return default
    return max(1, min(SECONDS_MAX, seconds))
