"""One supervised line: samples of its voltage in; presses, releases and faults out.

Guarantees: two samples in a row that read as pressed are one press, one is none (a spike, or the way from normal to a short); only what
reads as pressed is ever a press; a button that reads as pressed is one, whatever was wrong with the line before; a line that is wrong for
``FAULT_MS``, all the time or again and again, has a fault, which is over when nothing was wrong for ``WELL_MS``. Pure; it decides at
samples alone, for between them nobody knows.
"""

from devices.common.contact import CLEARED, PRESS, RELEASE, STUCK
from devices.panic_hub.loop import FAULTS, Bands, State

LOOKS = 2
"""Samples in a row that make a press, and a release."""
FAULT_MS = 1_000
CALM_MS = 1_000
"""Wrong again within so long is still the same trouble."""
CHANGE_MS = 5_000
"""A line in fault that is wrong in another way for so long is told anew."""
WELL_MS = 10_000


class Line:
    """One line; ``stuck_ms`` as in `devices.common.contact`."""

    def __init__(self, bands: Bands, stuck_ms: int) -> None:
        self._bands = bands
        self._stuck_ms = stuck_ms
        self.pressed = False
        self.stuck = False
        self.fault: State | None = None
        self.mv: int | None = None
        """The last sample; None: nothing is known."""
        self._state = State.NORMAL
        self._looks = 0  # in a row that read otherwise than what stands
        self._first_ms = 0  # the first of them
        self._pressed_ms = 0
        self._wrong_ms: int | None = None  # since when something is wrong, now or a moment ago
        self._last_wrong_ms = 0
        self._changed_ms = 0  # since when the state is what it is

    @property
    def held_since_ms(self) -> int | None:
        """When the press that lasts began, None without one."""
        return self._pressed_ms if self.pressed and self._state == State.PRESSED else None

    def still(self, mv: int) -> bool:
        """Whether a sample would change nothing: the line is at rest, was so before, and nothing is under way."""
        at_rest = not self.pressed and self._looks == 0 and self._wrong_ms is None and self.mv is not None
        return at_rest and self._bands.state(mv) == State.NORMAL

    def sample(self, mv: int, at_ms: int) -> list[tuple[int, int]]:
        """Take a voltage; returns (gesture, time) as `devices.common.contact` has them."""
        state = self._bands.state(mv)
        if self.mv is None:
            self._last_wrong_ms = at_ms  # nobody knows what it was like meanwhile
        if self.mv is None or state != self._state:
            self._changed_ms = at_ms
        self.mv = mv
        self._state = state
        self._judge(state, at_ms)
        return self._contact(state == State.PRESSED, at_ms)

    def lost(self, at_ms: int) -> list[tuple[int, int]]:
        """No samples come any more: what was held counts as let go."""
        self.mv = None
        self._looks = 0
        if self.fault is None:
            self._wrong_ms = None
        return self._release(at_ms) if self.pressed else []

    def _contact(self, closed: bool, at_ms: int) -> list[tuple[int, int]]:
        if closed == self.pressed:
            self._looks = 0
            if closed and not self.stuck and at_ms - self._pressed_ms >= self._stuck_ms:
                self.stuck = True
                return [(STUCK, at_ms)]
            return []
        if self._looks == 0:
            self._first_ms = at_ms
        self._looks += 1
        if self._looks < LOOKS:
            return []
        self._looks = 0
        if not closed:
            return self._release(self._first_ms)
        self.pressed = True
        self._pressed_ms = self._first_ms
        return [(PRESS, self._first_ms)]

    def _release(self, at_ms: int) -> list[tuple[int, int]]:
        self.pressed = False
        if not self.stuck:
            return [(RELEASE, at_ms)]
        self.stuck = False
        return [(RELEASE, at_ms), (CLEARED, at_ms)]

    def _judge(self, state: State, at_ms: int) -> None:
        if state in FAULTS:
            if self._wrong_ms is None:
                self._wrong_ms = at_ms
            self._last_wrong_ms = at_ms
            fresh = self.fault is None
            if at_ms - (self._wrong_ms if fresh else self._changed_ms) >= (FAULT_MS if fresh else CHANGE_MS):
                self.fault = state
        elif at_ms - self._last_wrong_ms >= (CALM_MS if self.fault is None else WELL_MS):
            self._wrong_ms = self.fault = None
