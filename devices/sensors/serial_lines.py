"""The serial lines of one device, as its loop sees them.

Each line has its reader thread (``devices.sensors.serial_line``), which wakes the loop and no more: bytes become readings, and orders
bytes, in the loop.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from devices.sensors.readings import Said
from devices.sensors.serial_line import Happening, SerialLine, monotonic_ms

Report = Callable[[str, Any, int], None]


class Speaker(Protocol):
    """What hangs on a line: its happenings in, what it says out."""

    def take(self, happening: Happening) -> Sequence[Said]:
        """What follows from what happened to the line."""

    def tick(self, now_ms: int) -> Sequence[Said]:
        """Let time pass."""

    def next_tick_ms(self) -> int | None:
        """When that is wanted next."""


class SerialLines:
    """Lines by name, and what hangs on them.

    Args:
        report: takes (input, value, time_ms), from any thread; None in the place of a value says that ``step`` is wanted.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._woken: set[str] = set()
        self._lines: dict[str, SerialLine] = {}
        self._speakers: dict[str, Speaker] = {}

    def line(self, name: str, port: str, baud: int, *, prompt: bool = False) -> SerialLine:
        """A line, which ``start`` opens; ``attend`` follows."""

        def wake() -> None:
            self._woken.add(name)
            self._report(name, None, monotonic_ms())

        self._lines[name] = line = SerialLine(port, baud, wake, prompt=prompt)
        return line

    def attend(self, name: str, speaker: Speaker) -> None:
        """This hangs on the line."""
        self._speakers[name] = speaker

    def start(self) -> None:
        """Open all ports, or say that they cannot be opened."""
        for line in self._lines.values():
            line.start()

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        if self._woken:
            return now_ms
        due = [at_ms for one in self._speakers.values() if (at_ms := one.next_tick_ms()) is not None]
        return min(due, default=None)

    def step(self, now_ms: int) -> None:
        """Take what came, do what is due."""
        while self._woken:
            name = self._woken.pop()
            for happening in self._lines[name].take():
                self._tell(self._speakers[name].take(happening))
        for one in self._speakers.values():
            due_ms = one.next_tick_ms()
            if due_ms is not None and due_ms <= now_ms:
                self._tell(one.tick(now_ms))

    def close(self) -> None:
        """Give the ports back."""
        for line in self._lines.values():
            line.close()

    def _tell(self, said: Sequence[Said]) -> None:
        for name, value, at_ms in said:
            self._report(name, value, at_ms)
