"""An instrument on a serial line: what it says on the wire at its pace, and everything that can go wrong between it and the controller."""

import enum
import random
from typing import Protocol

from simulators.lines.wire import Wire, misheard

NOISE_MS = 20
"""A babbling line brings its bytes in pieces of so long."""
FALLEN_BAUD = 0.6
"""What a sensor set to another rate speaks at, as a part of the one that is expected."""


class Instrument(Protocol):
    """What hangs on a serial line. Times are milliseconds of the simulation."""

    @property
    def baud(self) -> int:
        """The line's rate."""

    @property
    def due_ms(self) -> float:
        """When it speaks next; infinity if it only answers."""

    def speak(self, now_ms: float) -> bytes:
        """What it begins to send now; called once ``due_ms`` is reached."""

    def hear(self, data: bytes, now_ms: float) -> None:
        """Bytes from the controller have come, the last of them now. Answers come by ``speak``."""


class Fault(enum.StrEnum):
    """What can be wrong with a line."""

    UNPLUGGED = "unplugged"
    SILENT = "silent"
    """No supply, or a broken wire."""
    BABBLING = "babbling"
    """Noise without end: a line that floats, a bad ground."""
    WRONG_BAUD = "wrong-baud"
    FROZEN = "frozen"
    """It repeats the last thing it said."""


class Port:
    """One instrument's line. ``fault`` may be set at any time; None is well."""

    def __init__(self, instrument: Instrument, seed: str) -> None:
        self.instrument = instrument
        self.fault: Fault | None = None
        self._random = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self._from = Wire(instrument.baud)
        self._to = Wire(instrument.baud)
        self._last = b""
        self.spoke_ms = 0.0
        """When the instrument last began to say something."""
        self._noise_ms = 0.0

    @property
    def due_ms(self) -> float:
        """When ``take`` may bring something, or the instrument does something."""
        due = self.instrument.due_ms
        for wire in (self._from, self._to):
            if wire.ready_ms is not None:
                due = min(due, wire.ready_ms)
        return min(due, self._noise_ms) if self.fault == Fault.BABBLING else due

    def write(self, data: bytes, now_ms: float) -> None:
        """The controller sends."""
        if self.fault in (None, Fault.FROZEN):
            self._to.send(data, now_ms)

    def take(self, now_ms: float) -> bytes:
        """What reaches the controller by now."""
        ready_ms = self._to.ready_ms
        if ready_ms is not None and ready_ms <= now_ms:
            self.instrument.hear(self._to.take(now_ms), now_ms)
        while self.instrument.due_ms <= now_ms:
            at_ms = self.instrument.due_ms
            said = self._garbled(self.instrument.speak(at_ms))
            if said:
                self.spoke_ms = at_ms
                self._from.send(said, at_ms)
        if self.fault == Fault.BABBLING:
            self._babble(now_ms)
        return self._from.take(now_ms)

    def _garbled(self, said: bytes) -> bytes:
        if self.fault == Fault.FROZEN:
            self._last = self._last or said
            return self._last if said else b""
        if said:
            self._last = said
        if self.fault == Fault.WRONG_BAUD:
            return misheard(said, int(self.instrument.baud * FALLEN_BAUD), self.instrument.baud)
        return said if self.fault is None else b""

    def _babble(self, now_ms: float) -> None:
        if now_ms - self._noise_ms > 10 * NOISE_MS:
            self._noise_ms = now_ms
        while self._noise_ms <= now_ms:
            self._from.send(self._random.randbytes(self.instrument.baud * NOISE_MS // 10_000), self._noise_ms)
            self._noise_ms += NOISE_MS
