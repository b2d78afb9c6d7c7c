"""The beacon's two lamps on simulated time, as the player's thread on hardware plays them."""

import math

from devices.crosswalk.beacon import NS, step_at
from devices.crosswalk.patterns import OFF, Beacon, beacon_patterns, cycle_ms


class SteppedBeacon:
    """Plays one crossing's patterns by name. ``due_ms`` is when the duties change next."""

    def __init__(self, base: str, night_percent: int) -> None:
        self._patterns = beacon_patterns(base, night_percent)
        self._pattern: Beacon = self._patterns[OFF]
        self._began_ms = 0
        self.name = OFF
        self.due_ms = math.inf

    def play(self, name: str, now_ms: int) -> None:
        """Play a pattern from its beginning; one that takes over from another of the same length goes on in its time."""
        pattern = self._patterns[name]
        if cycle_ms(pattern) != cycle_ms(self._pattern):
            self._began_ms = now_ms
        self.name, self._pattern, self.due_ms = name, pattern, now_ms

    def step(self, now_ms: int) -> tuple[float, float]:
        """The duties of left and right lamp, 0 to 1."""
        (left, right), left_ns = step_at(self._pattern, (now_ms - self._began_ms) * NS)
        self.due_ms = math.inf if left_ns is None else now_ms + left_ns // NS
        return left / 100, right / 100
