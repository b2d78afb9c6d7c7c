"""How many people and vehicles came by, hour by hour. Sums only: who or what it was is not known here and cannot be told.

The sums are kept outside once a minute, if they have changed, so that a restart loses a minute of them at most. An hour that a restart
cut short is told as far as it was kept; a new one begins with the start. Hours have numbers that count up: one that was told just before
the controller died may be told a second time, with the same number.
"""

import json
from typing import Any

HOUR_MS = 3_600_000
KEPT_EVERY_MS = 60_000
"""A memory card wears out by being written to: this is a minute's worth, and less where nobody comes."""
KEPT_MAX = 1024
"""Bytes of kept sums."""
BIN_KMH = 10
BINS = 12
"""The last one takes all that is faster."""
NUMBERS = ("pedestrians", "presses", "activations", "violations")
KEYS = {"period", "period_s", *NUMBERS, "lit_s", "approaches", "speeds", "bin_kmh"}
NUMBER_MAX = 2**53


class Counts:
    """The sums of the present hour, which begins at the start and not on the clock."""

    def __init__(self, now_ms: int) -> None:
        self._period = 0
        self._began_at_ms = self._keeps_at_ms = now_ms
        self._changed = True
        self._lit_ms = 0
        self._numbers: dict[str, int] = {}
        self._speeds: list[int] = []
        self._begin(now_ms)

    @property
    def due_at_ms(self) -> int:
        """When the hour is over, or the sums are to be kept."""
        return min(self._began_at_ms + HOUR_MS, self._keeps_at_ms)

    def add(self, name: str, number: int = 1) -> None:
        """Count one or more of ``NUMBERS``."""
        self._numbers[name] += number
        self._changed = True

    def lit(self, lasted_ms: int) -> None:
        """The beacon was lit that long."""
        self._lit_ms += lasted_ms
        self._changed = True

    def approach(self, top_mm_s: int) -> None:
        """A vehicle came, at most that fast."""
        kmh = top_mm_s * 36 // 10_000
        self._speeds[min(kmh // BIN_KMH, BINS - 1)] += 1
        self._changed = True

    def hour(self, now_ms: int) -> dict[str, Any] | None:
        """The sums of an hour that is over; the next one begins."""
        if now_ms < self._began_at_ms + HOUR_MS:
            return None
        data = self._data(now_ms)
        self._begin(now_ms)
        return data

    def to_keep(self, now_ms: int) -> str | None:
        """The sums as text for ``resume``, if they are to be kept now."""
        if now_ms < self._keeps_at_ms:
            return None
        self._keeps_at_ms = now_ms + KEPT_EVERY_MS
        changed, self._changed = self._changed, False
        return json.dumps(self._data(now_ms)) if changed else None

    def resume(self, kept: str) -> dict[str, Any] | None:
        """Take what an earlier run has kept; the sums to be told of it. Damaged ones are none."""
        data = _checked(kept)
        if data is None:
            return None
        self._period = data["period"] + 1
        return data if any(data[name] for name in (*NUMBERS, "lit_s", "approaches")) else None

    def _begin(self, now_ms: int) -> None:
        self._period += 1
        self._began_at_ms = now_ms
        self._keeps_at_ms = now_ms + KEPT_EVERY_MS
        self._changed = True  # so that what is kept of the hour before, which is told, is kept no longer than a minute
        self._lit_ms = 0
        self._numbers = dict.fromkeys(NUMBERS, 0)
        self._speeds = [0] * BINS

    def _data(self, now_ms: int) -> dict[str, Any]:
        return {
            "period": self._period,
            "period_s": (now_ms - self._began_at_ms) // 1000,
            **self._numbers,
            "lit_s": self._lit_ms // 1000,
            "approaches": sum(self._speeds),
            "speeds": self._speeds,
            "bin_kmh": BIN_KMH,
        }


def _checked(kept: str) -> dict[str, Any] | None:
    """What ``Counts.to_keep`` gave; None if it cannot be that."""
    try:
        data = json.loads(kept)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.keys() != KEYS:
        return None
    speeds = data["speeds"]
    if not isinstance(speeds, list) or len(speeds) != BINS:
        return None
    numbers = [value for name, value in data.items() if name != "speeds"] + speeds
    fit = all(type(number) is int and 0 <= number <= NUMBER_MAX for number in numbers)
    return data if fit else None
