"""Whether it is night, from the solar panel's voltage or a twilight switch. On doubt it is day, and the beacon bright."""

from devices.common.contact import Debouncer

NIGHT_BY = ("panel", "contact", "never")
DWELL_MS = 60_000
"""Headlights and a passing cloud are over by then."""
NIGHT_MV = 3000
DAY_MV = 6000
"""A 12 V panel's open voltage is below 3 V under street lamps and above 6 V well before sunrise."""


class Daylight:
    """Day or night by one source, of ``NIGHT_BY``."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._dark = Debouncer(DWELL_MS)

    @property
    def night(self) -> bool:
        """Whether it is night."""
        return self._dark.pressed

    def panel(self, millivolts: int, now_ms: int) -> None:
        """Take the panel's voltage."""
        if self._source == "panel" and (millivolts < NIGHT_MV or millivolts > DAY_MV):
            self._dark.level(int(millivolts < NIGHT_MV), now_ms)

    def panel_unknown(self) -> None:
        """The charger says nothing any more."""
        if self._source == "panel":
            self._dark = Debouncer(DWELL_MS)

    def contact(self, level: int, now_ms: int) -> None:
        """Take the twilight switch, 1 is dark."""
        if self._source == "contact":
            self._dark.level(1 if level else 0, now_ms)

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        self._dark.tick(now_ms)

    def next_tick_ms(self) -> int | None:
        """When it could change by itself."""
        return self._dark.next_tick_ms()
