"""One zone: its line, its gestures, its alarms. An alarm of one zone is never another's."""

from collections.abc import Mapping
from typing import Any

from agent.effects import EMIT
from devices.common.alarms import AlarmBook
from devices.common.contact import CLEARED, PRESS, STUCK
from devices.panic_button import LEVELS
from devices.panic_button.drill import Drill
from devices.panic_button.gestures import Gestures
from devices.panic_hub import settings as wired
from devices.panic_hub.line import Line
from devices.panic_hub.loop import Bands

Effect = tuple[Any, ...]


class Zone:
    """One zone of a hub with these completed settings."""

    def __init__(self, wiring: wired.Zone, bands: Bands, settings: Mapping[str, Any]) -> None:
        stuck_ms = settings["stuck_s"] * 1000
        self.input = wiring.input
        self.place = wiring.place
        self.line = Line(bands, stuck_ms)
        self.gestures = Gestures(settings["gestures"], stuck_ms)
        self.alarms = AlarmBook(settings["alarm_window_s"] * 1000, LEVELS)
        self._stuck_s = settings["stuck_s"]
        self._told: str | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong with the line or its button, in a word."""
        return self._told or ("stuck" if self.line.stuck else None)

    def presses(self, gestures: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The presses among what the line said, as (level, time)."""
        return [(self.gestures.press(at_ms), at_ms) for gesture, at_ms in gestures if gesture == PRESS]

    def held(self, now_ms: int) -> int:
        """The level that holding the button has reached by now, 0 if none that was not told before."""
        since_ms = self.line.held_since_ms
        return 0 if since_ms is None else self.gestures.hold(now_ms - since_ms)

    def alarm(
        self, level: int, presses: int, at_ms: int, now_ms: int, tamper: bool, drill: Drill
    ) -> tuple[bool, list[Effect]]:
        """A press (or, with 0 presses, a hold) of this time; whether it raised a new alarm, and the effects."""
        data: dict[str, object] = {"age_ms": max(0, now_ms - at_ms), "tamper": tamper}
        return self.alarms.press(now_ms, data, level, drill.covers(at_ms), presses)

    def stuck(self, gestures: list[tuple[int, int]]) -> list[Effect]:
        """Events of a button that does not let go, and of its being free again."""
        effects: list[Effect] = []
        for gesture, _at_ms in gestures:
            if gesture == STUCK:
                effects.append((EMIT, 0, "fault.stuck", {"input": self.input, "held_s": self._stuck_s}))
            elif gesture == CLEARED:
                effects.append((EMIT, 0, "fault.cleared", {"input": self.input}))
        return effects

    def judged(self) -> list[Effect]:
        """The event of a line whose fault has come, is another now, or is over."""
        fault = self.line.fault
        if fault == self._told:
            return []
        self._told = fault
        if fault is None:
            return [(EMIT, 0, "fault.cleared", {"input": self.input})]
        return [(EMIT, 0, "fault.line", {"input": self.input, "state": fault.value, "mv": self.line.mv})]
