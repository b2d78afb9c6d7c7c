"""The badge's satellite receiver: its line's happenings become positions and judgements for the logic, and sentences for the recording."""

from collections.abc import Callable, Sequence

from devices.sensors.gnss import encode_nmea
from devices.sensors.readings import Fix, Said
from devices.sensors.sensor import MODELS, OneSensor, Sensor
from devices.sensors.serial_line import monotonic_ms
from devices.sensors.serial_lines import Report, SerialLines
from devices.video_badge.media import Sentence

NAME = "gnss"


class Receiver(SerialLines):
    """The receiver at a serial device.

    Args:
        port: the device file.
        report: takes (input, value, time_ms), from any thread; None in the place of a value says that ``step`` is wanted.
        take: takes sentences for the recording.
    """

    def __init__(self, port: str, report: Report, take: Callable[[Sentence], None]) -> None:
        super().__init__(report)
        self._take = take
        line = self.line(NAME, port, MODELS[NAME].baud)
        self.attend(NAME, OneSensor(NAME, Sensor(NAME, MODELS[NAME], line.write, monotonic_ms())))

    def _tell(self, said: Sequence[Said]) -> None:
        for name, value, at_ms in said:
            self._report(name, value, at_ms)
            if isinstance(value, Fix) and value.unix_ms is not None:  # a sentence without a time has no form
                self._take(Sentence(encode_nmea(value), at_ms * 1000))
