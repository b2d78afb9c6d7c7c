"""Proof that a button would work: its enclosure, supply, battery and disk, its self-tests and user tests, and its stuck contact.

Guarantees: a self-test soon after the start and at least every 24 hours; tamper told within a second; in a user test exactly one press is
a test, whatever comes after it is an alarm. It makes events and says what the lamp should show; it knows no alarm. Runs on MicroPython
and CPython alike.
"""

from agent.effects import EMIT
from devices.common.battery import Battery
from devices.common.contact import CLEARED, PRESS, STUCK, Debouncer
from devices.common.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from devices.common.alarms import Effect

    class Button(Protocol):
        """A contact, or several that count as one."""

        @property
        def pressed(self) -> bool:
            """Whether it counts as closed."""

        @property
        def stuck(self) -> bool:
            """Whether it does not let go."""

        @property
        def seen(self) -> bool:
            """Whether its level is known."""


TAMPER_DEBOUNCE_MS = 100
SUPPLY_DEBOUNCE_MS = 500
FIRST_SELF_TEST_MS = 10_000
SELF_TEST_EARLY_MS = 60_000  # so that a late tick still keeps the 24 hours
TEST_SHOWN_MS = 3000
SECONDS_MAX = 120
TEST_SECONDS = 60
IDENTIFY_SECONDS = 30


class Readiness:
    """The readiness of one button, whose contact is ``button``. ``linked`` is whether the broker is connected.

    Settings: ``stuck_s``, ``self_test_h``, ``tamper_pin``, ``supply_pin`` and those of ``Battery``.
    """

    def __init__(self, settings: "Mapping[str, Any]", button: "Button", now_ms: int) -> None:
        self._settings = settings
        self._button = button
        self._tamper = Debouncer(TAMPER_DEBOUNCE_MS)
        self._no_supply = Debouncer(SUPPLY_DEBOUNCE_MS)
        self._battery = Battery(settings)
        self._timers = Timers()
        self._self_test_ms = now_ms + FIRST_SELF_TEST_MS
        self._disk_trouble = False
        self.linked = False

    @property
    def busy(self) -> bool:
        """Whether a test is armed or something is shown."""
        return self._timers.next_ms() is not None

    @property
    def battery_low(self) -> bool:
        """Whether the battery is judged low."""
        return self._battery.low

    def resume(self, battery_low: bool, self_test_ms: int) -> None:
        """Go on where a device left off that slept meanwhile: its battery's judgement, and when the next self-test is due."""
        self._battery.low = battery_low
        self._self_test_ms = self_test_ms

    @property
    def tamper(self) -> bool:
        """Whether the enclosure is open."""
        return self._tamper.pressed

    def input(self, name: str, value: int, now_ms: int) -> "list[Effect]":
        """Take ``tamper``, ``supply``, ``battery`` or ``disk`` (1 in trouble); another name changes nothing."""
        if name == "tamper":
            return _told(self._tamper.level(1 if value else 0, now_ms), "tamper.opened", "tamper.closed")
        if name == "supply":
            return _told(self._no_supply.level(0 if value else 1, now_ms), "supply.lost", "supply.restored")
        if name == "battery":
            return self._on_battery(value)
        if name == "disk":
            self._disk_trouble = bool(value)
        return []

    def stuck(self, gesture: int) -> "list[Effect]":
        """What the button's contact reported: its getting stuck and its being free again are events, other gestures none."""
        if gesture == STUCK:
            return [(EMIT, 0, "fault.stuck", {"input": "button", "held_s": self._settings["stuck_s"]})]
        if gesture == CLEARED:
            return [(EMIT, 0, "fault.cleared", {"input": "button"})]
        return []

    def expire(self, now_ms: int) -> "list[Effect]":
        """Let time pass, before anything else of this moment: an armed test may be over."""
        if "test" in self._timers.expired(now_ms):
            return [(EMIT, 0, "test.failed", {"by": "user", "failed": ["no press"]})]
        return []

    def tick(self, now_ms: int) -> "list[Effect]":
        """Do what is due."""
        effects = _told(self._tamper.tick(now_ms), "tamper.opened", "tamper.closed")
        effects.extend(_told(self._no_supply.tick(now_ms), "supply.lost", "supply.restored"))
        if now_ms >= self._self_test_ms:
            effects.append(self._self_test("schedule", now_ms))
        return effects

    def next_tick_ms(self) -> int:
        """When the next tick is wanted: there is always a self-test due some day."""
        due_ms = self._self_test_ms
        for at_ms in (self._tamper.next_tick_ms(), self._no_supply.next_tick_ms(), self._timers.next_ms()):
            if at_ms is not None and at_ms < due_ms:
                due_ms = at_ms
        return due_ms

    def command(
        self, name: str, args: "Mapping[str, object]", alarm_open: bool, now_ms: int
    ) -> "tuple[dict[str, object] | None, list[Effect]]":
        """Carry out ``self-test``, ``identify`` or ``user-test``. Others return (None, [])."""
        if name == "self-test":
            effect = self._self_test("command", now_ms)
            return {"ok": effect[2] == "test.passed"}, [effect]
        if name == "identify":
            seconds = _seconds(args, IDENTIFY_SECONDS)
            self._timers.start("identify", now_ms + seconds * 1000)
            return {"ok": True, "seconds": seconds}, []
        if name == "user-test":
            if alarm_open or self._button.pressed:
                return {"ok": False, "why": "an alarm is open or the button is held; test when it is idle"}, []
            seconds = _seconds(args, TEST_SECONDS)
            self._timers.start("test", now_ms + seconds * 1000)
            return {"ok": True, "seconds": seconds}, []
        return None, []

    def press(self, now_ms: int) -> "list[Effect]":
        """Take a press as the one of an armed user test; no effects: none is armed, so it is an alarm."""
        # Whoever presses again after the test press, or once the window is over, needs help: only one press is ever a test.
        armed = self._timers.running("test", now_ms)
        self._timers.stop(("test",))
        if not armed:
            return []
        self._timers.start("test-shown", now_ms + TEST_SHOWN_MS)
        return [(EMIT, 0, "test.passed", {"by": "user"})]

    def lamp(self, now_ms: int) -> "str | None":
        """The pattern of a lamp that has no alarm to show, None if there is nothing to say."""
        for name, pattern in (("test-shown", "test-passed"), ("test", "test-armed"), ("identify", "identify")):
            if self._timers.running(name, now_ms):
                return pattern
        if self._button.stuck or self._battery.low or self._disk_trouble:
            return "fault"
        return "tamper" if self._tamper.pressed else None

    def _on_battery(self, millivolts: int) -> "list[Effect]":
        if not self._battery.changed(millivolts):
            return []
        data = {"mv": millivolts}
        if self._battery.days() >= 0:
            data["days"] = self._battery.days()
        return [(EMIT, 0, "battery.low" if self._battery.low else "battery.restored", data)]

    def _self_test(self, by: str, now_ms: int) -> "Effect":
        self._self_test_ms = now_ms + self._settings["self_test_h"] * 3_600_000 - SELF_TEST_EARLY_MS
        failed = []
        data: dict[str, object] = {"by": by, "link": self.linked}
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
        if self._disk_trouble:
            failed.append("disk")
        if failed:
            data["failed"] = failed
        return EMIT, 0, "test.failed" if failed else "test.passed", data

    def _of_fitted(self, pin: str, contact: Debouncer, active: str, idle: str) -> str:
        if not contact.seen:
            return "unread" if self._settings[pin] >= 0 else "none"
        return active if contact.pressed else idle


def _told(gestures: "list[tuple[int, int]]", opened: str, closed: str) -> "list[Effect]":
    effects: list[Effect] = []
    for gesture, _at_ms in gestures:
        effects.append((EMIT, 0, opened if gesture == PRESS else closed, {}))
    return effects


def _seconds(args: "Mapping[str, object]", default: int) -> int:
    """The command's ``seconds``, held to 1 to SECONDS_MAX; the default where there is no whole number."""
    seconds = args.get("seconds", default)
    if not isinstance(seconds, int):
        return default
    return max(1, min(SECONDS_MAX, seconds))
