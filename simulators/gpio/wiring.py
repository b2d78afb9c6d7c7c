"""What is wired to a board's pins, and what the board knows about each: plain records, no I/O, no behaviour."""

import collections
import dataclasses

from simulators.gpio import records
from simulators.gpio.records import HIGH, LOW, OPEN

HISTORY = 100_000  # output changes kept for each pin


@dataclasses.dataclass(frozen=True, slots=True)
class Contact:
    """A mechanical contact between a pin and one side of the supply.

    Args:
        closed: what the pin is connected to while the contact is closed, `LOW` or `HIGH`.
        opened: what it is connected to while open; `OPEN` for a plain contact, the other side for a driven signal (mains sense).
        rest: 1 if nobody touching it means closed (a tamper switch in a shut enclosure), else 0.
    """

    closed: int = LOW
    opened: int = OPEN
    rest: int = 0


BUTTON = Contact()
TAMPER = Contact(rest=1)
MAINS = Contact(closed=LOW, opened=HIGH, rest=1)  # optocoupler: conducts to ground while there is mains


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """What an output pin does since `since_ns` (CLOCK_MONOTONIC): a steady duty of 0 or 1, or PWM where `frequency_hz` is not None."""

    duty: float
    frequency_hz: float | None
    since_ns: int

    @property
    def lit(self) -> bool:
        """Whether a lamp at this output gives any light."""
        return self.duty > 0


@dataclasses.dataclass(slots=True)
class PinState:
    """All that the board knows about one pin."""

    contact: Contact
    closed: int
    drive: int
    level: int = 0
    pull: int = records.PULL_NONE
    function: str | None = None
    stuck: bool = False
    cut: bool = False
    wired_to: int | None = None
    movement: object = None  # the latest movement of the contact; the bounce of an earlier one is over
    output: Output | None = None
    history: collections.deque[Output] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=HISTORY))
