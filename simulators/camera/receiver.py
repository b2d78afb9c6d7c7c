"""A satellite receiver on a serial line: NMEA once a second at true pace, from somebody who walks."""

import math
import pathlib
import threading
import time

from devices.sensors.gnss import encode_nmea
from devices.sensors.readings import Fix
from simulators.lines.pty import Pty

PLACE_E7 = (432_389_000, 768_897_000)
WALK_MM_S = 1400
CIRCLE_M = 60
MM_PER_E7 = 11.132
"""A ten-millionth of a degree on a meridian."""
NO_FIX = b"$GNRMC,,V,,,,,,,,,,N*4D\r\n"


class Receiver:
    """One receiver, speaking through the terminal at ``path`` between ``start`` and ``close``.

    Attributes:
        sees: whether it sees satellites; without, it says that it has no fix.
    """

    def __init__(self, path: pathlib.Path, every_s: float = 1.0) -> None:
        self.sees = True
        self._pty = Pty(path)
        self._every_s = every_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gnss receiver", daemon=True)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def close(self) -> None:
        """Fall silent; the plug is pulled."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pty.unplug()

    def _run(self) -> None:
        began = time.monotonic()
        number = 0
        while not self._closed.wait(max(0.0, began + number * self._every_s - time.monotonic())):
            walked_m = (time.monotonic() - began) * WALK_MM_S / 1000
            self._pty.write(encode_nmea(position(walked_m, time.time_ns() // 1_000_000)) if self.sees else NO_FIX)
            number += 1


def position(walked_m: float, unix_ms: int) -> Fix:
    """Where somebody is who has walked so far on the circle."""
    angle = walked_m / CIRCLE_M
    north_mm, east_mm = CIRCLE_M * 1000 * math.sin(angle), CIRCLE_M * 1000 * (1 - math.cos(angle))
    latitude = PLACE_E7[0] + round(north_mm / MM_PER_E7)
    longitude = PLACE_E7[1] + round(east_mm / MM_PER_E7 / math.cos(math.radians(PLACE_E7[0] / 1e7)))
    return Fix(0, latitude, longitude, unix_ms, None, WALK_MM_S)
