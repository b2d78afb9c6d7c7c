"""The firmware at work, on MicroPython with a machine that does nothing."""

from pathlib import Path

import pytest

from tests.devices.firmware.boards import MICROPYTHON
from tests.devices.firmware.conftest import printed

pytestmark = pytest.mark.micropython
HEAP = "640K"
"""A board's, and what compiling all of the firmware takes."""

WATCHED = """
import asyncio, sys

class Nothing:
    def __getattr__(self, name):
        return None

for name in ("machine", "network", "esp32"):
    sys.modules[name] = Nothing()

from devices.firmware import app

class Bare(app.Board):
    def __init__(self):
        pass

class Part:
    pass

class Over(Exception):
    pass

fed = []
board = Bare()
board._schedule = Part()
board._schedule.now_ms = lambda: 0
board._started_ms = 0
board._watchdog = Part()
board._watchdog.feed = lambda: fed.append(board._link.behind_ms)
board._link = Part()
behind_ms = [0, app.STUCK_MS - 1, app.STUCK_MS, 10 * app.STUCK_MS, 0]

async def look():
    if not behind_ms:
        raise Over
    board._link.behind_ms = behind_ms.pop(0)

board._link.behind_ms = 1
board._look = look
try:
    asyncio.run(board._watch())
except Over:
    print(fed, app.STUCK_MS)
"""


def test_the_watchdog_is_not_fed_while_the_link_makes_no_progress(tmp_path: Path) -> None:
    said = printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], WATCHED, tmp_path / "board")
    assert said == "[1, 0, 59999, 0] 60000\n"
