"""A board's time. It has none at a cold start, and TLS wants one: dates of certificates are then judged by the latest time that is known.

The real-time clock is set from the time floor at the start, and from each signed receipt that is newer. Events do not believe it: to them
the time is *unset* until a receipt tells it, and *holdover* from then on (see ``agent.clock``).
"""

import time

import machine

from agent.clock import Clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SET_AGAIN_MS = 3_600_000
"""How far a receipt's time must lie ahead of the last one that was noted."""


class BoardClock(Clock):
    """``now_ms`` is monotonic; ``floor_ms`` the latest time known; ``on_floor(at_ms)`` is called with one worth remembering."""

    def __init__(self, now_ms: "Callable[[], int]", floor_ms: int, on_floor: "Callable[[int], None]") -> None:
        super().__init__(now_ms, _unknown, _never, floor_ms)
        self._on_floor = on_floor
        self._noted_ms = self.floor_ms
        if rtc_ms() < self.floor_ms:
            _set_rtc(self.floor_ms)

    def told(self, at_ms: int) -> None:
        """A signed receipt says that it is ``at_ms``."""
        super().told(at_ms)
        if at_ms >= self._noted_ms + SET_AGAIN_MS:
            self._noted_ms = at_ms
            _set_rtc(at_ms)
            self._on_floor(at_ms)


def _unknown() -> int:
    return 0


def _never() -> bool:
    return False


def rtc_ms() -> int:
    """The real-time clock in milliseconds since 1970 UTC; its own epoch is 1970 or 2000, as the port likes."""
    return (int(time.time()) + (946_684_800 if time.gmtime(0)[0] == 2000 else 0)) * 1000


def _set_rtc(at_ms: int) -> None:
    seconds = at_ms // 1000 - (946_684_800 if time.gmtime(0)[0] == 2000 else 0)
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
