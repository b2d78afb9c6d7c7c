"""What a plain contact or current says: passive infrared sensors on a pin, contacts on input modules, lamps on analog ones.

A PIR's output is a relay that is closed while all is quiet, so that a cut wire and a dead supply look like somebody, never like nobody.
A lamp's current comes through a transducer with a 4 to 20 mA output:
4 mA is none, 20 mA its full range, and by NAMUR NE 43 less than 3.6 or more than 21 mA is a broken transducer or wire, of which there is no
reading, so that its silence is the fault. A voltage is what a module set to a range in volts has in its input registers, in millivolts.
"""

from collections.abc import Callable, Sequence

from devices.sensors.modbus import Answer
from devices.sensors.readings import Contacts, LampCurrent, Motion, Reading, Voltages
from devices.sensors.watch import Limits

LAMP_LIMITS = Limits(silent_ms=1_000)
LOOP_ZERO_UA = 4_000
LOOP_FULL_UA = 20_000
LOOP_LEAST_UA = 3_600
LOOP_MOST_UA = 21_000


def motion(closed: bool, at_ms: int) -> Motion:
    """A PIR's reading by its contact."""
    return Motion(at_ms, not closed)


def lamp_current(lamp: str, loop_ua: int, full_ma: int, at_ms: int) -> LampCurrent | None:
    """A lamp's current by that of its transducer's loop, None if the transducer is broken; a little below zero is zero."""
    if not LOOP_LEAST_UA <= loop_ua <= LOOP_MOST_UA:
        return None
    span_ua = LOOP_FULL_UA - LOOP_ZERO_UA
    return LampCurrent(at_ms, lamp, max(0, (2 * (loop_ua - LOOP_ZERO_UA) * full_ma + span_ua) // (2 * span_ua)))


def loop_ua(reading: LampCurrent, full_ma: int) -> int:
    """The loop's current at a lamp's. Raises ValueError beyond what a transducer with this range shows."""
    told = LOOP_ZERO_UA + (reading.ma * (LOOP_FULL_UA - LOOP_ZERO_UA) + full_ma // 2) // full_ma
    if not LOOP_ZERO_UA <= told <= LOOP_MOST_UA:
        raise ValueError(f"{reading.ma} mA is beyond a transducer of {full_ma} mA")
    return told


def levels(name: str) -> Callable[[Answer], list[tuple[str, Reading]]]:
    """For ``bus.Poll``: the levels of all inputs asked for, as one reading of this name."""
    return lambda answer: [(name, Contacts(answer.at_ms, answer.bits))]


def voltages(name: str) -> Callable[[Answer], list[tuple[str, Reading]]]:
    """For ``bus.Poll``: all input registers asked for, each in millivolts, as one reading of this name."""
    return lambda answer: [(name, Voltages(answer.at_ms, answer.registers))]


def lamp_currents(lamps: Sequence[str], full_ma: int) -> Callable[[Answer], list[tuple[str, Reading]]]:
    """For ``bus.Poll``: readings of these lamps out of as many registers, each a loop's current in microamperes."""

    def read(answer: Answer) -> list[tuple[str, Reading]]:
        found = [
            lamp_current(lamp, told, full_ma, answer.at_ms) for lamp, told in zip(lamps, answer.registers, strict=False)
        ]
        return [(reading.lamp, reading) for reading in found if reading is not None]

    return read
