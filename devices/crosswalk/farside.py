"""The unit on the far side of the road, over a link of its own: told what to do, believed only by what it says it does.

It flashes for one and a half seconds after each order and is dark by itself afterwards, so orders are repeated while the beacon is lit.
An order that is not obeyed is repeated fast; without any answer for a second the link is ``lost``, which stops nothing on this side. Its
answers are states, not acknowledgements of orders: a late or doubled one does no harm. One that answers and does not obey says itself
that it is ``ill``.
"""

OFF = "off"
LOST, ILL = "lost", "ill"
RETRY_MS = 100
"""A far-side order and its answer take about 50 ms on such a link."""
TRIES = 10
KEEP_MS = 500
"""From order to order while it flashes: two may be lost."""
HOLD_MS = 1500
"""How long the far unit (``devices.crosswalk.far_unit``) obeys an order to flash."""
POLL_MS = 30_000
"""From order to order while it is dark: so a lost link is known within 31 s."""


class FarSide:
    """What is wanted of the far unit, and what it says."""

    def __init__(self, now_ms: int) -> None:
        self.lost = False
        self.lit = False
        """Whether it says that it flashes."""
        self._well = True
        self._wanted = OFF
        self._tries = 0
        self._due_at_ms = now_ms

    @property
    def due_at_ms(self) -> int:
        """When the next order is due."""
        return self._due_at_ms

    @property
    def fault(self) -> str | None:
        """What is in fault about it, None if nothing is."""
        return LOST if self.lost else None if self._well else ILL

    def want(self, pattern: str, now_ms: int) -> list[str]:
        """The orders that are due now, if the far unit is to do ``pattern``."""
        if pattern != self._wanted:
            self._wanted = pattern
            self._tries = 0
        elif now_ms < self._due_at_ms:
            return []
        if self._tries >= TRIES:
            self.lost = self._well = True
            self.lit = False
        self._tries = min(self._tries + 1, TRIES)
        self._due_at_ms = now_ms + (self._calm_ms() if self.lost else RETRY_MS)
        return [pattern]

    def says(self, flashing: bool, now_ms: int) -> None:
        """The far unit says what it does."""
        self.lost = False
        self.lit = flashing
        self._tries = 0
        if flashing == (self._wanted != OFF):
            self._due_at_ms = now_ms + self._calm_ms()

    def well(self, well: bool) -> None:
        """The far unit says whether it is well."""
        self._well = well

    def _calm_ms(self) -> int:
        return POLL_MS if self._wanted == OFF else KEEP_MS
