"""A pedestrian's push button and what it gives back: presses, long presses, a lamp, a locator tone and a spoken message.

A press always calls; nothing swallows it, not even a test. The message is asked for by a long press too, and says that the lights flash
only
while they do.
"""

from devices.common.contact import PRESS, STUCK, Debouncer
from devices.common.timers import Timers

LONG_MS = 1000
SPOKEN_MS = 7000
""""Yellow lights are flashing", twice."""


class PedestrianButton:
    """One button."""

    def __init__(self, debounce_ms: int, stuck_ms: int) -> None:
        self.contact = Debouncer(debounce_ms, stuck_ms)
        self._long_told = False
        self._called = False
        self._timers = Timers()

    def level(self, value: int, now_ms: int) -> tuple[int, list[int]]:
        """Take the contact's level. Returns presses, and what else the contact reports (stuck, cleared)."""
        return self._sort(self.contact.level(1 if value else 0, now_ms))

    def tick(self, now_ms: int) -> tuple[int, list[int]]:
        """Let time pass; returns as ``level`` does."""
        self._timers.expired(now_ms)
        return self._sort(self.contact.tick(now_ms))

    def next_tick_ms(self) -> int | None:
        """When the next tick is wanted."""
        due = [self.contact.next_tick_ms(), self._timers.next_ms(), self._long_ms()]
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def show(self, flashing: bool, now_ms: int) -> dict[str, str]:
        """What lamp and speech do now; ``flashing`` is whether the lights do."""
        long_ms = self._long_ms()
        if long_ms is not None and now_ms >= long_ms:
            self._long_told = True
            self._speak(now_ms)
        if not flashing:
            self._called = False
            self._timers.stop(("speech",))
        return {
            "button": "called" if self._called else "off",
            "speech": "flashing" if self._timers.running("speech", now_ms) else "off",
        }

    def called(self, now_ms: int) -> None:
        """A press has called."""
        self._called = True
        self._speak(now_ms)

    def _speak(self, now_ms: int) -> None:
        if not self._timers.running("speech", now_ms):
            self._timers.start("speech", now_ms + SPOKEN_MS)

    def _sort(self, gestures: list[tuple[int, int]]) -> tuple[int, list[int]]:
        presses = sum(1 for gesture, _at_ms in gestures if gesture == PRESS)
        if presses or self.contact.held_since_ms is None:
            self._long_told = False
        return presses, [gesture for gesture, _at_ms in gestures if gesture >= STUCK]

    def _long_ms(self) -> int | None:
        since_ms = self.contact.held_since_ms
        return None if since_ms is None or self._long_told else since_ms + LONG_MS
