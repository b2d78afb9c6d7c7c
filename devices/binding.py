"""The hardware of kinds that have serial lines beside their pins, on Linux. The one loop steps both."""

from devices.pins import Pins
from devices.sensors.serial_lines import SerialLines


class PinsAndLines:
    """What the bindings of such kinds have in common: pins that are taken, lines that are not open yet."""

    def __init__(self, pins: Pins, lines: SerialLines) -> None:
        self._pins = pins
        self._lines = lines

    def start(self) -> None:
        """Begin to report, every pin's present level first."""
        self._pins.start()
        self._lines.start()

    def read(self) -> dict[str, int]:
        """The present level of each fitted pin."""
        return self._pins.read()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Play a pattern on an output. Raises KeyError for an unknown name or pattern."""
        self._pins.output(name, pattern, now_ms)

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        due = (self._pins.next_step_ms(now_ms), self._lines.next_step_ms(now_ms))
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def step(self, now_ms: int) -> None:
        """Advance the patterns, and take what came over the lines."""
        self._pins.step(now_ms)
        self._lines.step(now_ms)

    def close(self) -> None:
        """Dark and silent; all pins and ports given back. Harmless twice."""
        self._pins.close()
        self._lines.close()
