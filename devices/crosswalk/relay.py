"""The relay in the lamps' supply: armed again and again while the logic is alive, dark by itself when it is not; and the proof that it is.

The relay's own hardware opens it ``PULSE_MS`` after the last pulse (a Modbus module's timed coil, or a retriggerable monoflop). Whatever
stops this process - a kill, a hang, a crashed board, a cut line - the lamps are dark within a second, with nobody's help.

A contact that has welded takes all that away, and nothing shows it: the lamps are dark as long as their drivers are. So after each
activation, when the relay must have opened, the drivers are on for a moment without supply. A current then is a welded contact.
"""

PULSE_MS = 700
"""How long a pulse holds the relay: seven steps of 100 ms, the unit of Modbus relay modules."""
PERIOD_MS = 250
"""From pulse to pulse: one may be lost, and the lamps stay lit."""
PROOF_AFTER_MS = 1000
"""From the beacon's end to the proof: the last pulse is over, even if the order to open was lost."""
PROOF_MS = 300
"""Ten samples of each lamp."""
PROOF_SAMPLES = 4
"""Fewer prove nothing."""
WELDED_SAMPLES = 2
"""With a current."""

WELDED = "welded"


class SupplyRelay:
    """What to tell the relay."""

    def __init__(self) -> None:
        self.due_at_ms: int | None = None
        """When the next pulse is due, None while the supply is off."""

    def hold(self, on: bool, now_ms: int) -> list[str]:
        """What to tell it now for the supply to be on, or off."""
        if not on:
            was_on, self.due_at_ms = self.due_at_ms is not None, None
            return ["off"] if was_on else []
        if self.due_at_ms is not None and now_ms < self.due_at_ms:
            return []
        self.due_at_ms = now_ms + PERIOD_MS
        return ["pulse"]


class Proof:
    """Whether the relay's contact opens. ``off_ma`` is the most current of a lamp that is off.

    Lamps stay dark in it; those behind a welded contact light up for its duration.
    """

    def __init__(self, off_ma: int) -> None:
        self._off_ma = off_ma
        self._with = self._without = 0
        self._sampled = False
        self.welded = False
        self.running = False
        """Whether the drivers are to be run now."""
        self.due_at_ms: int | None = None
        """When it begins or ends, None if nothing is to be proven."""

    def light(self, lit: bool, now_ms: int) -> None:
        """The beacon is lit, or dark, from now on. Where no current was seen while it was lit, nothing can be proven."""
        self.running = False
        self.due_at_ms = now_ms + PROOF_AFTER_MS if self._sampled and not lit else None
        self._sampled = False

    def sample(self, ma: int) -> None:
        """Take a lamp's current, which counts while it runs."""
        self._sampled = True
        if not self.running:
            return
        if ma > self._off_ma:
            self._with = min(self._with + 1, WELDED_SAMPLES)
        else:
            self._without = min(self._without + 1, PROOF_SAMPLES)
        self.welded = self.welded or self._with >= WELDED_SAMPLES

    def ended(self, now_ms: int) -> bool:
        """Begin or end it if that is due; whether it is over now."""
        if self.due_at_ms is None or now_ms < self.due_at_ms:
            return False
        over = self.running
        if over and self._without >= PROOF_SAMPLES:
            self.welded = self._with >= WELDED_SAMPLES
        self._with = self._without = 0
        self.running = not over
        self.due_at_ms = None if over else now_ms + PROOF_MS
        return over
