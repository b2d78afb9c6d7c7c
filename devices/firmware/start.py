"""From power to work: what ``main.py`` calls, with the watchdog armed before anything that can hang.

What goes wrong at the start (no configuration, no key) is said on the serial console, shown on the lamp and looked at again after a
while, without a reset: nothing is lost by it, and a board that restarts for ever helps nobody. See docs/devices/firmware.md for the lamp.
"""

import asyncio
import gc
import time

import machine

from agent.link.errors import LinkError
from devices.firmware import config
from devices.firmware.keys import BoardKeyError
from devices.firmware.log import SerialLog
from devices.firmware.schedule import Schedule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from devices.firmware.slots import Slots

WATCHDOG_MS = 8000
"""Longer than the longest step of a start: making one table of a key."""
AGAIN_MS = 60_000
CONFIG = "/device.json"


def main(slots: "Slots") -> None:
    """Work until the power goes. Whatever this raises is a defect, and a reason to start again."""
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    schedule = Schedule(time.ticks_ms, time.ticks_diff)  # type: ignore[attr-defined]  # MicroPython's own
    log = SerialLog(schedule.now_ms)
    board = None
    while board is None:
        try:
            settings = config.read(CONFIG)
            from devices.firmware.app import Board  # noqa: PLC0415  not before the configuration is there

            board = Board(settings, schedule, log, slots, watchdog)
        except (config.ConfigError, BoardKeyError, LinkError, ImportError, ValueError, OSError) as error:
            log.error("this board cannot work", reason=error)  # noqa: TRY400  a sentence, not a traceback
            slots.healthy()  # the firmware is well; it is the board that lacks something
            _wait(schedule, watchdog)
    gc.collect()
    asyncio.run(board.run())


def _wait(schedule: Schedule, watchdog: "Any") -> None:
    until_ms = schedule.now_ms() + AGAIN_MS
    while schedule.now_ms() < until_ms:
        watchdog.feed()
        time.sleep_ms(200)  # type: ignore[attr-defined]  # MicroPython's own
