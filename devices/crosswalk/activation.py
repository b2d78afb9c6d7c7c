"""When the beacon is lit, and for how long.

Guarantees: from each call on it is lit for the time that somebody needs to cross, never for less; a call while it is lit starts that time
anew; without calls it ends, at most ``lit_max_s`` after the last one. Nothing shortens it.
"""

from collections.abc import Mapping
from typing import Any


def needed_ms(settings: Mapping[str, Any]) -> int:
    """The time to cross: length over walking speed, and what is added to it, rounded up."""
    walk_ms = -(-settings["crossing_mm"] * 1000 // settings["walk_mm_s"])
    return int(walk_ms + settings["clear_s"] * 1000)


def lit_ms(settings: Mapping[str, Any]) -> int:
    """How long the beacon is lit after a call. (That the upper clamp cuts nothing off is checked with the settings.)"""
    return int(min(max(needed_ms(settings), settings["lit_min_s"] * 1000), settings["lit_max_s"] * 1000))


class Activation:
    """The beacon's time. ``lit_ms`` is that of one call."""

    def __init__(self, lit_ms: int) -> None:
        self._lit_ms = lit_ms
        self.since_at_ms: int | None = None
        """Since when it is lit, None: it is dark."""
        self.until_at_ms: int | None = None

    @property
    def lit(self) -> bool:
        """Whether it is lit."""
        return self.until_at_ms is not None

    def call(self, now_ms: int) -> bool:
        """Somebody wants to cross, or is crossing. Returns whether it was dark."""
        dark = self.until_at_ms is None
        if dark:
            self.since_at_ms = now_ms
        self.until_at_ms = max(self.until_at_ms or 0, now_ms + self._lit_ms)
        return dark

    def ended(self, now_ms: int) -> int | None:
        """How long it was lit, if its time is over now; it is dark then."""
        if self.until_at_ms is None or self.since_at_ms is None or now_ms < self.until_at_ms:
            return None
        lasted_ms = now_ms - self.since_at_ms
        self.since_at_ms = self.until_at_ms = None
        return lasted_ms
