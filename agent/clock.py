"""What time it is, and how far that can be trusted.

A device may wake in 1970. Then a press is still sent at once, with clock quality 0, and dated later by the center from ``up``. Quality:

* 2 *synchronised*: the system's clock agrees with a signed receipt, or the system says that it is synchronised.
* 1 *holdover*: carried on by the monotonic clock from the last signed receipt, or by the system's clock without a recent check.
* 0 *unset*: the system's clock lies before the time floor, and no receipt has arrived.

The time floor is the latest of the build's time and the last time saved; no true time lies below it. All times are milliseconds.
"""

from agent.wire.event import CLOCK_HOLDOVER, CLOCK_SYNCHRONISED, CLOCK_UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BUILT_MS = 1_790_000_000_000
"""A time that lies before every true time: September 2026, when this was written."""
AGREE_MS = 5000
"""A system clock this near to a receipt's time (which is late by the network's delay) is taken as synchronised."""
FRESH_MS = 24 * 3600 * 1000
"""How long an agreement counts."""


class Clock:
    """The device's time. ``monotonic`` and ``system`` return milliseconds; ``synchronised`` is the system's own word."""

    def __init__(
        self,
        monotonic: "Callable[[], int]",
        system: "Callable[[], int]",
        synchronised: "Callable[[], bool]",
        floor_ms: int = 0,
    ) -> None:
        self._monotonic = monotonic
        self._system = system
        self._synchronised = synchronised
        self.floor_ms = max(BUILT_MS, floor_ms)
        self._start = monotonic()
        self._told: tuple[int, int] | None = None

    def up(self) -> int:
        """Milliseconds since the agent's start, which is what a boot means here."""
        return self._monotonic() - self._start

    def now(self) -> tuple[int, int]:
        """(milliseconds since 1970 UTC, quality)."""
        system = self._system()
        if system >= self.floor_ms:
            if self._synchronised():
                return system, CLOCK_SYNCHRONISED
            told = self._from_receipt()
            if told is not None and abs(told - system) > AGREE_MS:
                return told, CLOCK_HOLDOVER  # it never agreed, or was set to another time since
            return system, CLOCK_SYNCHRONISED if self._fresh() else CLOCK_HOLDOVER
        told = self._from_receipt()
        if told is not None:
            return told, CLOCK_HOLDOVER
        return max(0, system), CLOCK_UNSET

    def known(self) -> int | None:
        """The time to judge a command's age by, or None if the device knows none."""
        at, quality = self.now()
        return None if quality == CLOCK_UNSET else at

    def told(self, at_ms: int) -> None:
        """A signed receipt, newer than any before, says that it is ``at_ms``."""
        if at_ms < self.floor_ms:
            return
        self._told = (at_ms, self._monotonic())

    def _fresh(self) -> bool:
        return self._told is not None and self._monotonic() - self._told[1] < FRESH_MS

    def _from_receipt(self) -> int | None:
        if self._told is None:
            return None
        at, then = self._told
        return at + self._monotonic() - then
