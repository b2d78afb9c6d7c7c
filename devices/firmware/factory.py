"""The factory reset by hand: with the enclosure open, the button is held from power-on for ten seconds.

Only who has opened the enclosure can do it, so a board without an enclosure switch is reset over its serial console; and only at power-on,
so nobody does it in pressing. A board that owes an alarm to the center is not reset, for nothing else could deliver it. Whoever lets go
earlier, or is refused, has pressed the button.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.firmware.hardware import Hardware
    from devices.firmware.schedule import Schedule

HOLD_MS = 10_000
SHOWN_MS = 3000
STEP_MS = 20
FOLDERS = ("journal", "keys")
CONFIG = "/device.json"


def asked(hardware: "Hardware", schedule: "Schedule", feed: "Callable[[], object]") -> bool:
    """Whether a factory reset is asked for; waits for it as long as it may be, with the lamp flashing."""
    began_ms = schedule.now_ms()
    if _held(hardware):
        hardware.woken = "button"
        hardware.output("lamp", "identify", began_ms)
        while _held(hardware):
            if schedule.now_ms() - began_ms >= HOLD_MS:
                return True
            _wait(hardware, schedule, feed)
    return False


def show(hardware: "Hardware", pattern: str, schedule: "Schedule", feed: "Callable[[], object]") -> None:
    """Show what comes of it."""
    until_ms = schedule.now_ms() + SHOWN_MS
    hardware.output("lamp", pattern, schedule.now_ms())
    while schedule.now_ms() < until_ms:
        _wait(hardware, schedule, feed)


def erase() -> None:
    """Remove journal, keys and configuration, this last: a power cut in between leaves a board with which it can be done again.

    Raises:
        OSError: flash fails.
    """
    for folder in FOLDERS:
        if folder in os.listdir("/"):
            for name in os.listdir(folder):
                os.remove("/%s/%s" % (folder, name))
    os.remove(CONFIG)


def _held(hardware: "Hardware") -> bool:
    levels = hardware.read()
    return levels["button"] > 0 and levels.get("tamper", 0) > 0


def _wait(hardware: "Hardware", schedule: "Schedule", feed: "Callable[[], object]") -> None:
    feed()
    hardware.step(schedule.now_ms())
    time.sleep_ms(STEP_MS)  # type: ignore[attr-defined]  # MicroPython's own
