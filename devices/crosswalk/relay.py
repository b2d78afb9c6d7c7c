"""The relay in the lamps' supply: armed again and again while the logic is alive, dark by itself when it is not.

The relay's own hardware opens it ``PULSE_MS`` after the last pulse (a Modbus module's timed coil, or a retriggerable monoflop). Whatever
stops this process - a kill, a hang, a crashed board, a cut line - the lamps are dark within a second, with nobody's help.
"""

PULSE_MS = 700
"""How long a pulse holds the relay: seven steps of 100 ms, the unit of Modbus relay modules."""
PERIOD_MS = 250
"""From pulse to pulse: one may be lost, and the lamps stay lit."""


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
