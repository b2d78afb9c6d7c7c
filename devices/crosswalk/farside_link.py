"""The link between the two sides of a road, a cable or a pair of radio modems: orders one way, states the other. Pure.

One message is one line of text, so that a terminal shows it: ``O ia-21-night*E532`` orders a pattern, ``S 1 0 1 0 1*CB3E`` tells whether
the unit flashes, its button is pressed, somebody is there, somebody is at its kerb, and all is well with it; behind the star the CRC-16 of
Modbus over what is before it. It keeps noise out, not an enemy: radio modems have an encryption of their own, which must be switched on.
"""

import re
from typing import NamedTuple

from pymodbus.framer import FramerRTU

from devices.sensors.frames import MORE, NONE, Frames

BAUD = 9600
LINE_MAX = 48
_WORD = rb"[a-z0-9-]{1,32}"
_ORDER = re.compile(rb"O (" + _WORD + rb")\*([0-9A-F]{4})\n")
_STATE = re.compile(rb"S(?: [01]){5}\*([0-9A-F]{4})\n")


class Order(NamedTuple):
    """Flash like this for ``farside.HOLD_MS``, or be dark."""

    pattern: str


class State(NamedTuple):
    """What the far unit does and sees."""

    flashing: bool
    pressed: bool
    pedestrian: bool
    waiting: bool
    """Somebody is at its kerb, as ``devices.crosswalk.nonyield.Kerb`` has it."""
    well: bool
    """Nothing is in fault there that it knows of."""


def encode(message: Order | State) -> bytes:
    """A message as it is sent."""
    said = (
        f"O {message.pattern}" if isinstance(message, Order) else " ".join(("S", *(str(int(one)) for one in message)))
    )
    data = said.encode()
    return b"%s*%04X\n" % (data, FramerRTU.compute_CRC(data))


class Decoder:
    """Messages out of a stream of bytes; never raises, and keeps less than one line."""

    def __init__(self) -> None:
        self._frames = Frames(re.compile(rb"[OS]"), _measure)

    @property
    def skipped(self) -> int:
        """Bytes so far that were no message."""
        return self._frames.skipped

    def feed(self, data: bytes) -> list[Order | State]:
        """Take bytes as they come."""
        return [_message(frame) for frame in self._frames.feed(data)]


def _measure(data: bytes, at: int) -> int:
    end = data.find(b"\n", at, at + LINE_MAX)
    if end < 0:
        return MORE if len(data) - at < LINE_MAX else NONE
    line = data[at : end + 1]
    found = (_ORDER if line[:1] == b"O" else _STATE).fullmatch(line)
    if not found:
        return NONE
    said, _, crc = line[:-1].rpartition(b"*")
    return len(line) if int(crc, 16) == FramerRTU.compute_CRC(said) else NONE


def _message(frame: bytes) -> Order | State:
    order = _ORDER.fullmatch(frame)
    if order:
        return Order(order[1].decode())
    return State(*(frame[at : at + 1] == b"1" for at in range(2, 12, 2)))
