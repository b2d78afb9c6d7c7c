"""From power to work: what ``main.py`` calls, with the watchdog armed before anything that can hang.

What goes wrong at the start (no configuration, no key) is said on the serial console, shown on the lamp and looked at again after a
while, without a reset: nothing is lost by it, and a board that restarts for ever helps nobody. See docs/devices/firmware.md for the lamp.
A part of the firmware that cannot be loaded is a defect: then the other copy has its turn.
"""

import asyncio
import gc
import time

from devices.firmware import config
from devices.firmware.faults import FAULTS, fault_of
from devices.firmware.log import SerialLog
from devices.firmware.options import SLEEPS
from devices.firmware.schedule import Schedule
from devices.firmware.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from devices.firmware.app import Board
    from devices.firmware.slots import Slots

AGAIN_MS = 60_000
CONFIG = "/device.json"


def main(slots: "Slots") -> None:
    """Work until the power goes. Whatever this raises is a defect, and a reason to start again."""
    watchdog = Watchdog(slots.watchdog_ms)
    schedule = Schedule(time.ticks_ms, time.ticks_diff)  # type: ignore[attr-defined]  # MicroPython's own
    log = SerialLog(schedule.now_ms)
    board: "Board | None" = None
    while board is None:
        try:
            board = _board(config.read(CONFIG), schedule, log, slots, watchdog)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            log.error("this board cannot work", fault=fault, reason=error)  # noqa: TRY400  a sentence, not a traceback
            slots.healthy()  # the firmware is well; it is the board that lacks something
            slots.blink(FAULTS[fault], AGAIN_MS, watchdog.feed)
    gc.collect()
    asyncio.run(board.run())


def _board(settings: config.Config, *parts: "Any") -> "Board":
    if SLEEPS and settings.device["sleeps"]:
        from devices.firmware.badge import Badge  # noqa: PLC0415  takes room where it is not needed

        return Badge(settings, *parts)
    from devices.firmware.app import Board  # noqa: PLC0415  not before the configuration is there

    return Board(settings, *parts)
