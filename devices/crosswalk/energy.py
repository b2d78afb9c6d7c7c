"""How long the crossing works without sun: a model of what its parts draw, against the battery. Arithmetic, nothing is measured.

``python -m devices.crosswalk.energy`` prints it for the default settings, and for a crossing with everything fitted.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from devices.crosswalk.activation import lit_ms
from devices.crosswalk.patterns import BASES, cycle_ms
from devices.crosswalk.settings import completed

CALLS_A_DAY = 300
"""Activations, each of the default length; a busy crossing of a school has about as many."""
NIGHT_PART = 0.6
"""Of the calls: the dark half of a winter's day, when lamps are dimmed."""

# Milliwatts, from the makers' data sheets or typical figures of them.
CONTROLLER_MW = 750  # Raspberry Pi Zero 2 W, radio off, 0.15 A at 5 V, at the load of the agent
UPLINK_MW = 500  # LTE Cat 1 modem, registered, a message a minute
CHARGER_MW = 130  # 10 mA at 12.8 V
PARTS_MW = {
    "tracker_port": 600,  # LD2450: 120 mA at 5 V
    "presence_port": 400,  # LD2410: 80 mA at 5 V
    "speed_port": 2200,  # OPS243-A: 440 mA at 5 V
    "io_port": 240,  # Modbus module without a relay on: 20 mA at 12 V
    "farside_port": 150,  # radio that listens
}
LAMP_MW = 10_000  # one lamp while it is on
RELAY_MW = 400  # its coil, while the beacon is lit
FLOOD_MW = 20_000
CONVERSION = 0.9  # of the 5 V regulator
USABLE = 0.8  # of the battery, so that it lives
COLD = 0.7  # of that at -20 degrees, LiFePO4


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """The account of a day. ``days`` without sun at 20 degrees, ``days_cold`` at -20."""

    standing_wh: float
    lit_wh: float
    days: float
    days_cold: float


def budget(settings: Mapping[str, Any], calls_a_day: int = CALLS_A_DAY) -> Budget:
    """The account for completed settings."""
    standing_mw = float(CONTROLLER_MW + UPLINK_MW + sum(mw for name, mw in PARTS_MW.items() if settings[name]))
    standing_mw = standing_mw / CONVERSION + CHARGER_MW
    pattern = BASES[settings["pattern"]]
    on_ms = sum(duration_ms * (bool(left) + bool(right)) for duration_ms, left, right in pattern)
    dimmed = 1 - NIGHT_PART * (1 - settings["night_percent"] / 100)
    lit_mw = LAMP_MW * on_ms / cycle_ms(pattern) * dimmed + RELAY_MW
    if settings["flood_pin"] >= 0:
        lit_mw += FLOOD_MW * NIGHT_PART
    lit_h = calls_a_day * lit_ms(settings) / 3_600_000
    standing_wh, lit_wh = standing_mw * 24 / 1000, lit_mw * lit_h / 1000
    days = settings["battery_wh"] * USABLE / (standing_wh + lit_wh)
    return Budget(standing_wh, lit_wh, days, days * COLD)


def report(name: str, settings: Mapping[str, object]) -> str:
    """One line about a crossing."""
    day = budget(completed(settings))
    return (
        f"{name}: {day.standing_wh:.1f} Wh a day standing + {day.lit_wh:.1f} Wh lit ({CALLS_A_DAY} calls) = "
        f"{day.days:.1f} days without sun, {day.days_cold:.1f} at -20 degrees"
    )


FULL = {
    "presence_port": "presence",
    "speed_port": "speed",
    "charger_port": "charger",
    "io_port": "io",
    "farside_port": "far",
    "flood_pin": 22,
}

if __name__ == "__main__":
    print(report("default settings", {}))  # noqa: T201  this is the command's output
    print(report("everything fitted", FULL))  # noqa: T201
