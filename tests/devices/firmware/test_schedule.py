"""Turns and times on MicroPython's own event loop, with a clock in the test's hands: no test waits for what is due."""

from collections.abc import Callable

import pytest

from devices.firmware.schedule import Schedule
from tests.devices.firmware.boards import MICROPYTHON

pytestmark = [
    pytest.mark.micropython,
    pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed"),
]

BEGIN = """
import sys
sys.path.append(".frozen")
import asyncio
from devices.firmware.schedule import Schedule

ticks = 1000
schedule = Schedule(lambda: ticks, lambda end, start: end - start)
called = []

async def turns(count):
    for _ in range(count):
        await asyncio.sleep_ms(0)

"""

LATE = """
async def main():
    global ticks
    schedule.at(30, lambda: called.append("late"))
    schedule.at(1000_000, lambda: called.append("early"))
    ticks += 29
    schedule.at(60_000, lambda: called.append("never")).cancel()
    ticks += 1  # so long something else held the loop
    await turns(3)
    print(called)

asyncio.run(main())
"""

EARLY = """
slept = []

async def sleep_ms(ms):
    global ticks
    slept.append(ms)
    ticks += ms - 1 if len(slept) == 3 else ms  # the counter was read just before it moved on

asyncio.sleep_ms, real_sleep = sleep_ms, asyncio.sleep_ms

async def main():
    schedule.at(200_000_000, lambda: called.append(schedule.now_ms()))
    await real_sleep(0)
    await real_sleep(0)
    print(called, slept)

asyncio.run(main())
"""

SOON = """
async def main():
    schedule.soon(lambda: called.append("first"))
    schedule.soon(lambda: called.append("second"))
    print(called)
    await turns(1)
    print(called)

asyncio.run(main())
"""


def test_what_is_due_when_its_turn_comes_waits_no_longer(on_micropython: Callable[[str], str]) -> None:
    assert on_micropython(BEGIN + LATE) == "['late']\n"


def test_nothing_is_called_early_and_no_sleep_is_longer_than_the_counter_bears(
    on_micropython: Callable[[str], str],
) -> None:
    assert on_micropython(BEGIN + EARLY) == "[200000000] [86400000, 86400000, 27200000, 1]\n"


def test_soon_is_the_loops_next_turn(on_micropython: Callable[[str], str]) -> None:
    assert on_micropython(BEGIN + SOON) == "[]\n['first', 'second']\n"


def test_the_milliseconds_go_on_when_the_counter_wraps() -> None:
    period = 1 << 30
    readings = iter([period - 10, period - 1, 5, 5])

    def difference(end: int, start: int) -> int:
        return (end - start + period // 2) % period - period // 2

    schedule = Schedule(lambda: next(readings), difference)
    assert schedule.now_ms() == 9
    assert schedule.now_ms() == 15
    assert schedule.then_ms(period - 4) == 6
