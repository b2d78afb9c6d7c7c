"""A board's time. It has none at a cold start, and TLS wants one: dates of certificates are then judged by the latest time that is known.

The real-time clock is set from the time floor at the start, which is not before the board's own certificate was made (a broker's that is
newer than the firmware is believed then), and from each signed receipt that is newer. Events do not believe it: to them
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


def since_ms(certificate: bytes) -> int:
    """From when on a certificate is valid, in milliseconds since 1970 UTC; 0 where its dates are not two of the usual form."""
    at = certificate.find(b"\x30\x1e\x17\x0d") + 4  # SEQUENCE of UTCTime, UTCTime
    if at < 4:
        return 0
    try:
        parts = [int(certificate[n : n + 2]) for n in range(at, at + 12, 2)]
        return _since_1970(time.mktime((2000 + parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], 0, 0)))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return 0


def rtc_ms() -> int:
    """The real-time clock in milliseconds since 1970 UTC; its own epoch is 1970 or 2000, as the port likes."""
    return _since_1970(time.time())


def _since_1970(seconds: float) -> int:
    return (int(seconds) + (946_684_800 if time.gmtime(0)[0] == 2000 else 0)) * 1000


def _set_rtc(at_ms: int) -> None:
    seconds = at_ms // 1000 - (946_684_800 if time.gmtime(0)[0] == 2000 else 0)
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
