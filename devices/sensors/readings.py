"""What sensors say, in one vocabulary whatever the model: small immutable records with whole numbers, and the unit in each name.

``at_ms`` is the monotonic time at which the last byte of the reading arrived, in milliseconds. A sensor's own clock is not believed.
Nothing here says which sensor spoke, except ``Status``: a reading is handed on together with its sensor's name.
"""

import dataclasses
import enum
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """One moving thing in a radar's plane.

    Args:
        x_mm: to the right as seen along the radar's beam, negative to the left.
        y_mm: ahead of the radar.
        speed_mm_s: along the line of sight, negative when it comes nearer.
        gate_mm: depth of the radar's distance cell, a bound on how exact ``y_mm`` is.
    """

    x_mm: int
    y_mm: int
    speed_mm_s: int
    gate_mm: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Targets:
    """All that a tracking radar sees at once, nothing if ``targets`` is empty."""

    at_ms: int
    targets: tuple[Target, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """Whether somebody is there, by a presence radar. Energies are 0 to 100, distances 0 where there is nothing."""

    at_ms: int
    moving: bool
    still: bool
    distance_mm: int
    moving_mm: int = 0
    moving_energy: int = 0
    still_mm: int = 0
    still_energy: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Speed:
    """The speed of one thing on a road; ``mm_s`` is never negative, ``towards`` says whether it approaches the sensor.

    ``magnitude`` is the strength of the echo in thousandths of the sensor's own measure, 0 where it does not say.
    """

    at_ms: int
    mm_s: int
    towards: bool
    magnitude: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Motion:
    """A passive infrared sensor's contact: ``active`` while it sees warmth move."""

    at_ms: int
    active: bool


@dataclasses.dataclass(frozen=True, slots=True)
class LampCurrent:
    """The current through one lamp, by name."""

    at_ms: int
    lamp: str
    ma: int


class ChargeState(enum.StrEnum):
    """What a solar charger is doing."""

    OFF = "off"
    FAULT = "fault"
    BULK = "bulk"
    ABSORPTION = "absorption"
    FLOAT = "float"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class Charge:
    """A solar charger's account. ``battery_ma`` is negative while the battery feeds the load; ``panel_mv`` is None where the charger does
    not say; ``error`` is the charger's number, 0 none.
    """

    at_ms: int
    battery_mv: int
    battery_ma: int
    panel_mv: int | None
    panel_mw: int
    state: ChargeState
    error: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Fix:
    """A position. ``unix_ms`` is the time of the satellites, None if they do not say; ``accuracy_mm`` None where the receiver does not."""

    at_ms: int
    latitude_e7: int
    longitude_e7: int
    unix_ms: int | None
    accuracy_mm: int | None = None
    speed_mm_s: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Contacts:
    """The levels of an input module, first input first, true where current flows."""

    at_ms: int
    active: tuple[bool, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Voltages:
    """The voltages at an analog module's inputs in millivolts, first input first."""

    at_ms: int
    mv: tuple[int, ...]


class Health(enum.StrEnum):
    """The judgement on one sensor."""

    WELL = "well"
    SILENT = "silent"
    """Its line is open, and nothing that makes sense has come for too long."""
    BABBLING = "babbling"
    """Bytes come, but most of them are no readings: noise, another device, or a wrong baud rate."""
    FROZEN = "frozen"
    """It says the same over and over, to the last digit."""
    LOST = "lost"
    """Its line cannot be opened: unplugged, no such device, no right to it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """The judgement on a sensor has changed.

    Args:
        at_ms: when it did.
        sensor: its name.
        state: the new judgement.
        heard: whether it was ever understood since its line was opened. Babbling and never heard: a wrong baud rate, or another device.
    """

    at_ms: int
    sensor: str
    state: Health
    heard: bool = True


Reading = Targets | Presence | Speed | Motion | LampCurrent | Charge | Fix | Contacts | Voltages

Said = tuple[str, Any, int]
"""What comes of a line: an input's name, its value (mostly a reading or a ``Status``), and when it was so."""
