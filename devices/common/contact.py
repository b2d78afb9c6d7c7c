"""Presses out of a bouncing contact: raw levels with their times in, presses, releases and stuck reports out.

Guarantees: contact that adds up to the debounce time is one press, however it bounces; a single closure shorter than the debounce time
is none; a press right after another counts once the contact was open for the debounce time between them; a lost edge heals with the
next sample of the level; a press is counted even if its edges arrive late and after a tick. It keeps no clock, starts no timer, and
never waits for a contact to be quiet. Runs on MicroPython and CPython alike.

How the contact time is reckoned (the same both ways, so for releases too). Time on the new level is *evidence*. A return to the old
level that is shorter than half the debounce time is bounce: it counts as evidence as well, but bounce never makes up more than half of
the sum, so that a train of needle pulses is nothing. Longer returns count nothing, and evidence is forgotten after a return of twice
the debounce time (towards a press: hammering on a bad contact must still count) or once the debounce time (towards a release).

Times are milliseconds that never wrap; a board with wrapping ticks extends them first. A tick with a time later than that of an edge
not yet handed in may take a closure for longer than it was by that much, so hand in edges before ticks.
"""

PRESS = 1
RELEASE = 2
STUCK = 3
CLEARED = 4


class Debouncer:
    """One contact. ``debounce_ms`` 0 lets the first edge act; ``stuck_ms`` None never reports stuck.

    Each method that moves time returns a list of ``(gesture, at_ms)``, oldest first. The time of a press is that of its first contact,
    the time of a release that of its first opening.
    """

    def __init__(self, debounce_ms: int, stuck_ms: "int | None" = None) -> None:
        self._debounce_ms = debounce_ms
        self._stuck_ms = stuck_ms
        self._raw = 0
        self._since_ms = 0  # the raw level's last change
        self._before_ms = 0  # the change before that one
        self._settled = 0  # the level that stands
        self._gathering = False  # the raw level has left the settled one, or did so a moment ago
        self._first_ms = 0  # when it first did
        self._evidence_ms = 0  # finished stretches on the other level
        self._bounce_ms = 0  # short returns in between
        self._pressed_ms = 0
        self._stuck = False
        self._seen = False

    @property
    def pressed(self) -> bool:
        """Whether the contact counts as closed."""
        return self._settled == 1

    @property
    def held_since_ms(self) -> "int | None":
        """The first contact of the press that lasts, None while the contact is open, be it for a moment."""
        return self._pressed_ms if self._settled and self._raw else None

    @property
    def stuck(self) -> bool:
        """Whether the present press was reported as stuck."""
        return self._stuck

    @property
    def seen(self) -> bool:
        """Whether a level was ever handed in."""
        return self._seen

    def level(self, level: int, at_ms: int) -> "list[tuple[int, int]]":
        """Take a raw level (1 closed) at a time: an edge, or a sample, which heals lost edges. The same level again changes nothing."""
        if not self._seen:
            self._seen = True
            self._since_ms = at_ms
            self._before_ms = at_ms
        if level == self._raw:
            if at_ms < self._since_ms:  # a sample had told the change before its edge came in: the edge knows better
                earlier_ms = max(at_ms, self._before_ms)
                if self._first_ms == self._since_ms:
                    self._first_ms = earlier_ms
                self._since_ms = earlier_ms
            return self._settle(at_ms)
        at_ms = max(at_ms, self._since_ms)
        gestures = self._settle(at_ms)
        stretch_ms = at_ms - self._since_ms
        if self._raw != self._settled:
            self._evidence_ms += stretch_ms
        elif not self._gathering or stretch_ms >= self._forget_ms():
            self._gathering = True
            self._first_ms = at_ms
            self._evidence_ms = 0
            self._bounce_ms = 0
        elif stretch_ms * 2 < self._debounce_ms:
            self._bounce_ms += stretch_ms
        self._raw = level
        self._before_ms = self._since_ms
        self._since_ms = at_ms
        gestures.extend(self._settle(at_ms))
        return gestures

    def tick(self, now_ms: int) -> "list[tuple[int, int]]":
        """Let time pass to ``now_ms``."""
        return self._settle(now_ms)

    def next_tick_ms(self) -> "int | None":
        """When a tick could bring a gesture, None if only an edge can."""
        if self._raw != self._settled:
            return self._due_ms()
        if self._settled and not self._stuck and self._stuck_ms is not None:
            return self._pressed_ms + self._stuck_ms
        return None

    def _forget_ms(self) -> int:
        return self._debounce_ms if self._settled else 2 * self._debounce_ms

    def _due_ms(self) -> int:
        needed_ms = max((self._debounce_ms + 1) // 2, self._debounce_ms - self._bounce_ms)
        return max(self._since_ms, self._since_ms + needed_ms - self._evidence_ms)

    def _settle(self, now_ms: int) -> "list[tuple[int, int]]":
        gestures = []
        if self._raw != self._settled and now_ms >= self._due_ms():
            self._settled = self._raw
            self._gathering = False
            if self._settled:
                self._pressed_ms = self._first_ms
                gestures.append((PRESS, self._first_ms))
            else:
                gestures.append((RELEASE, self._first_ms))
                if self._stuck:
                    self._stuck = False
                    gestures.append((CLEARED, self._first_ms))
        if (
            self._settled
            and self._raw
            and not self._stuck
            and self._stuck_ms is not None
            and now_ms - self._pressed_ms >= self._stuck_ms
        ):
            self._stuck = True
            gestures.append((STUCK, self._pressed_ms + self._stuck_ms))
        return gestures
