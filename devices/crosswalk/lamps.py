"""Whether each lamp does what the beacon's pattern says, by its current.

Nothing here needs to know the pattern's phase: every pattern lights each lamp, and darkens it, at least once in ``CYCLE_MAX_MS``. So
while the beacon flashes, a lamp without a current in its band for ``LATE_MS`` is ``dead``, one without a moment of darkness is
``stuck-on``; while it is dark, a lamp with current is ``stuck-on``. Too much current is ``short``, and the lamp is let go until the next
activation tries it again; the other side flashes on in any case. All within a second, if each lamp is sampled every 400 ms while it is
dark, and without a gap while it flashes. The time of a gap does not count: a flash of 50 ms falls between samples that are farther apart,
again and again if they keep step with it, and a sound lamp would be called dead. Without samples nothing is judged: that is a fault of the
sensor.
"""

from collections.abc import Mapping
from typing import Any

NAMES = ("left", "right")
CYCLE_MAX_MS = 850
LATE_MS = 900
GAP_MS = 60
"""From sample to sample; more is a gap. A single flash may hide in less, the four of a cycle do not."""
SHORT_SAMPLES = 2
"""Inrush of a cold lamp driver lasts less than one sample."""
SETTLE_MS = 500
"""After the beacon went dark: driver and supply relay have let go."""
STUCK_DARK_MS = 400
HEALED_MS = 4000
"""So long must it be right, with the beacon as it was when the fault was found (lit or dark), for the fault to be over."""

DEAD = "dead"
STUCK_ON = "stuck-on"
SHORT = "short"


class Lamp:
    """One lamp. ``settings`` are completed ones."""

    def __init__(self, settings: Mapping[str, Any], gap_ms: int) -> None:
        self._gap_ms = gap_ms
        self._least_ma = settings["lamp_min_ma"]
        self._most_ma = settings["lamp_max_ma"]
        self._off_ma = settings["lamp_off_ma"]
        self._night_percent = settings["night_percent"]
        self.fault: str | None = None
        self.ma = 0
        """The highest current since the beacon was lit or went dark."""
        self._found_lit = False
        self._let_go = False
        self._lit = False
        self._since_at_ms: int | None = None
        self._right_at_ms: int | None = None
        self._low_at_ms: int | None = None
        self._sampled_at_ms: int | None = None
        self._well_at_ms: int | None = None
        self._over = 0

    @property
    def usable(self) -> bool:
        """Whether it may be driven."""
        return not self._let_go

    def light(self, lit: bool, now_ms: int) -> None:
        """The beacon is lit, or dark, from now on; a shorted lamp gets another try."""
        self._lit = lit
        self._since_at_ms = self._right_at_ms = self._low_at_ms = self._sampled_at_ms = now_ms
        self._well_at_ms = None
        self._over = self.ma = 0
        if lit:
            self._let_go = False

    def sample(self, ma: int, night: bool, now_ms: int) -> None:
        """Take a current."""
        if self._since_at_ms is None:
            self.light(False, now_ms)
        self._skip_gap(now_ms)
        self.ma = max(self.ma, ma)
        if ma <= self._off_ma:
            self._low_at_ms = now_ms
        self._over = min(self._over + 1, SHORT_SAMPLES) if ma > self._most_ma else 0
        least_ma = self._least_ma * self._night_percent // 100 if night else self._least_ma
        if max(least_ma, self._off_ma + 1) <= ma <= self._most_ma:
            self._right_at_ms = now_ms
        wrong = self._wrong(now_ms)
        if wrong is not None:
            self.fault = wrong
            self._found_lit = self._lit
            self._let_go = wrong == SHORT
            self._well_at_ms = None
        elif self._well_at_ms is None:
            self._well_at_ms = now_ms
        elif now_ms >= self._well_at_ms + HEALED_MS and self._lit == self._found_lit:
            self.fault = None

    def _skip_gap(self, now_ms: int) -> None:
        assert self._sampled_at_ms is not None
        assert self._right_at_ms is not None
        assert self._low_at_ms is not None
        since_ms, self._sampled_at_ms = now_ms - self._sampled_at_ms, now_ms
        if self._lit and since_ms > self._gap_ms:
            self._right_at_ms += since_ms
            self._low_at_ms += since_ms
            if self._well_at_ms is not None:
                self._well_at_ms += since_ms

    def _wrong(self, now_ms: int) -> str | None:
        assert self._since_at_ms is not None
        assert self._right_at_ms is not None
        assert self._low_at_ms is not None
        if self._over >= SHORT_SAMPLES:
            return SHORT
        if not self._lit:
            settled_at_ms = max(self._low_at_ms, self._since_at_ms + SETTLE_MS)
            return STUCK_ON if now_ms >= settled_at_ms + STUCK_DARK_MS else None
        if self._let_go:
            return SHORT  # it is not driven: its darkness says nothing
        if now_ms >= self._low_at_ms + LATE_MS:
            return STUCK_ON
        return DEAD if now_ms >= self._right_at_ms + LATE_MS else None


class Lamps:
    """Both lamps of a beacon. ``gap_ms`` is how far apart samples may be."""

    def __init__(self, settings: Mapping[str, Any], gap_ms: int = GAP_MS) -> None:
        self._lamps = {name: Lamp(settings, gap_ms) for name in NAMES}

    @property
    def usable(self) -> tuple[bool, bool]:
        """Which may be driven: left, right."""
        return self._lamps["left"].usable, self._lamps["right"].usable

    def light(self, lit: bool, now_ms: int) -> None:
        """The beacon is lit, or dark, from now on."""
        for lamp in self._lamps.values():
            lamp.light(lit, now_ms)

    def sample(self, name: str, ma: int, night: bool, now_ms: int) -> None:
        """Take a lamp's current; an unknown name changes nothing."""
        if name in self._lamps:
            self._lamps[name].sample(ma, night, now_ms)

    def faults(self) -> dict[str, tuple[str, int]]:
        """Lamp -> what is wrong with it, and the current that says so."""
        return {name: (lamp.fault, lamp.ma) for name, lamp in self._lamps.items() if lamp.fault is not None}
