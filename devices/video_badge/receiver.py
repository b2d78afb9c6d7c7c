"""The badge's satellite receiver: its line's happenings become positions and judgements for the logic, and sentences for the recording."""

from collections.abc import Callable
from typing import Any

from devices.pins import monotonic_ms
from devices.sensors.gnss import encode_nmea
from devices.sensors.readings import Fix
from devices.sensors.sensor import MODELS, Sensor
from devices.sensors.serial_line import SerialLine
from devices.video_badge.media import Sentence

NAME = "gnss"


class Receiver:
    """The receiver at a serial device.

    Args:
        port: the device file.
        report: takes (input, value, time_ms), from any thread; None in the place of a value says that ``step`` is wanted.
        take: takes sentences for the recording.
    """

    def __init__(self, port: str, report: Callable[[str, Any, int], None], take: Callable[[Sentence], None]) -> None:
        self._report = report
        self._take = take
        self._woken = False
        self._line = SerialLine(port, MODELS[NAME].baud, self._wake)
        self._sensor = Sensor(NAME, MODELS[NAME], self._line.write, monotonic_ms())

    def start(self) -> None:
        """Open the line, or say that it cannot be opened."""
        self._line.start()

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        return now_ms if self._woken else self._sensor.next_tick_ms()

    def step(self, now_ms: int) -> None:
        """Take what came, do what is due."""
        self._woken = False
        for happening in self._line.take():
            self._tell(self._sensor.take(happening))
        due_ms = self._sensor.next_tick_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._tell(self._sensor.tick(now_ms))

    def close(self) -> None:
        """Give the line back."""
        self._line.close()

    def _wake(self) -> None:
        self._woken = True
        self._report(NAME, None, monotonic_ms())

    def _tell(self, said: Any) -> None:
        for one in said:
            self._report(NAME, one, one.at_ms)
            if isinstance(one, Fix) and one.unix_ms is not None:  # a sentence without a time has no form
                self._take(Sentence(encode_nmea(one), one.at_ms * 1000))
