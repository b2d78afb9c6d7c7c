"""How many people and vehicles came by, hour by hour. Sums only: who or what it was is not known here and cannot be told."""

HOUR_MS = 3_600_000
BIN_KMH = 10
BINS = 12
"""The last one takes all that is faster."""


class Counts:
    """The sums of the present hour, which begins at the start and not on the clock."""

    def __init__(self, now_ms: int) -> None:
        self._began_at_ms = now_ms
        self._lit_ms = 0
        self._numbers = {"pedestrians": 0, "presses": 0, "activations": 0, "violations": 0}
        self._speeds = [0] * BINS

    @property
    def due_at_ms(self) -> int:
        """When the hour is over."""
        return self._began_at_ms + HOUR_MS

    def add(self, name: str, number: int = 1) -> None:
        """Count ``pedestrians``, ``presses``, ``activations`` or ``violations``."""
        self._numbers[name] += number

    def lit(self, lasted_ms: int) -> None:
        """The beacon was lit that long."""
        self._lit_ms += lasted_ms

    def approach(self, top_mm_s: int) -> None:
        """A vehicle came, at most that fast."""
        kmh = top_mm_s * 36 // 10_000
        self._speeds[min(kmh // BIN_KMH, BINS - 1)] += 1

    def hour(self, now_ms: int) -> dict[str, object] | None:
        """The sums of an hour that is over; the next one begins."""
        if now_ms < self.due_at_ms:
            return None
        data: dict[str, object] = {
            "period_s": (now_ms - self._began_at_ms) // 1000,
            **self._numbers,
            "lit_s": self._lit_ms // 1000,
            "approaches": sum(self._speeds),
            "speeds": self._speeds,
            "bin_kmh": BIN_KMH,
        }
        self.__init__(now_ms)  # type: ignore[misc]  # everything begins anew
        return data
