"""The beacon's lamps: what current they draw, sound or not, and what the transducer on an analog module makes of it. Pure.

A lamp gets current while its supply is closed and its driver is on; dimming is PWM at 200 Hz, which the transducer averages. Rated 700 mA
at 12 V, as LED beacons of 8 W are. A transducer of the fast kind follows within some ten milliseconds; with the usual 250 ms nobody could
watch flashes of 50 ms.
"""

import enum
import math

from devices.sensors.contacts import loop_ua
from devices.sensors.readings import LampCurrent

RATED_MA = 700
TRANSDUCER_MA = 2000
"""Its full range, at 20 mA of the loop."""
RISE_MS = 8.0
"""Time constant of driver and transducer together."""
DEGRADED = 0.3
"""Of its current left to a lamp most of whose LED strings are broken."""
SHORT_MA = 2100


class LampFault(enum.StrEnum):
    """What can be wrong with a lamp."""

    BROKEN = "broken"
    STUCK_ON = "stuck-on"
    """Its driver has fused: it is lit whenever there is supply."""
    DEGRADED = "degraded"
    SHORT = "short"


class Lamp:
    """One lamp on its driver. ``fault`` may be set at any time; None is well."""

    def __init__(self) -> None:
        self.fault: LampFault | None = None
        self.measured = True
        """Whether its transducer's loop is whole."""
        self._duty = 0.0
        self._supplied = False
        self._from_ma = 0.0
        self._since_ms = 0.0

    def drive(self, duty: float, now_ms: float) -> None:
        """The driver's input, 0 to 1."""
        self._turn(now_ms)
        self._duty = duty

    def supply(self, on: bool, now_ms: float) -> None:
        """The relay in its supply."""
        self._turn(now_ms)
        self._supplied = on

    @property
    def lit(self) -> bool:
        """Whether it gives light."""
        return self._wanted_ma() > 0 and self.fault != LampFault.SHORT

    def ma(self, now_ms: float) -> float:
        """Its current as the transducer shows it."""
        wanted = self._wanted_ma()
        return wanted + (self._from_ma - wanted) * math.exp(-max(0.0, now_ms - self._since_ms) / RISE_MS)

    def loop_ua(self, now_ms: float) -> int:
        """The transducer's loop in microamperes, as an analog module's register has it."""
        if not self.measured:
            return 0
        return loop_ua(LampCurrent(0, "", round(self.ma(now_ms))), TRANSDUCER_MA)

    def _turn(self, now_ms: float) -> None:
        self._from_ma, self._since_ms = self.ma(now_ms), now_ms

    def _wanted_ma(self) -> float:
        if not self._supplied or self.fault == LampFault.BROKEN:
            return 0.0
        duty = 1.0 if self.fault == LampFault.STUCK_ON else self._duty
        if self.fault == LampFault.SHORT:
            return SHORT_MA if duty else 0.0
        return RATED_MA * duty * (DEGRADED if self.fault == LampFault.DEGRADED else 1.0)
