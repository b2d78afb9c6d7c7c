"""When a battery is to be called low: a plain limit, a days-left model for alkaline cells, and the hysteresis of both.

Guarantees one report a fall and one a rise, never on a single odd reading. It reads no voltage itself. Runs on MicroPython and CPython.

The model: the table gives the share of charge left for the voltage of one cell under the small load of a waiting device, rounded down
from the sloping discharge of alkaline manganese cells, 0.9 V being the end point of IEC 60086-2. Days left are that share of the rated
capacity, four fifths of it usable in the cold, over the average current. Lithium cells (Li-SOCl2) hold their voltage until days before
the end, so no voltage model can see 30 days ahead there: replace them by date.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# millivolts of one cell, per mille of charge left at that voltage or above
CHARGE_LEFT = (
    (1500, 900),
    (1400, 700),
    (1300, 500),
    (1250, 380),
    (1200, 270),
    (1150, 180),
    (1100, 110),
    (1050, 60),
    (1000, 30),
)
LOW_DAYS = 30
RISEN_DAYS = 45
RISEN_MV = 100  # times one part in a thousand of the limit: 10 % above it
READINGS = 3  # as many in a row must agree


def days_left(millivolts: int, cells: int, capacity_mah: int, draw_ua: int) -> int:
    """Return the days a stack of ``cells`` alkaline cells lasts at an average current of ``draw_ua``, rounded down."""
    one_mv = millivolts // cells
    for at_least_mv, per_mille in CHARGE_LEFT:
        if one_mv >= at_least_mv:
            return capacity_mah * per_mille * 4 // 5 // (draw_ua * 24)
    return 0


class Battery:
    """One battery, judged reading by reading. ``low`` is the standing judgement."""

    def __init__(self, settings: "Mapping[str, int]") -> None:
        self._limit_mv = settings["battery_low_mv"]
        self._cells = settings["battery_cells"]
        self._capacity_mah = settings["battery_mah"]
        self._draw_ua = settings["battery_draw_ua"]
        self._in_a_row = 0
        self.low = False
        self.millivolts = 0

    @property
    def fitted(self) -> bool:
        """Whether the settings say anything about a battery."""
        return self._limit_mv > 0 or self._cells > 0

    def days(self) -> int:
        """Days left by the model at the last reading, -1 without a model."""
        if self._cells == 0:
            return -1
        return days_left(self.millivolts, self._cells, self._capacity_mah, self._draw_ua)

    def changed(self, millivolts: int) -> bool:
        """Take a reading; return whether the judgement turned."""
        self.millivolts = millivolts
        if not self.fitted:
            return False
        if self._would_turn():
            self._in_a_row += 1
        else:
            self._in_a_row = 0
        if self._in_a_row < READINGS:
            return False
        self._in_a_row = 0
        self.low = not self.low
        return True

    def _would_turn(self) -> bool:
        days = self.days()
        if not self.low:
            return 0 < self._limit_mv >= self.millivolts or 0 <= days <= LOW_DAYS
        risen_mv = self._limit_mv + self._limit_mv * RISEN_MV // 1000
        return (self._limit_mv == 0 or self.millivolts >= risen_mv) and (self._cells == 0 or days >= RISEN_DAYS)
