"""Waiting for streams on the simulated board: what is ready, that a loop's turn costs no wait, and when firmware has come to rest."""

import asyncio

import pytest

from simulators.board.board import Board
from simulators.errors import HardwareTimeoutError
from simulators.gpio import physics
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython

READY = """
    import io, select

    class Flag(io.IOBase):
        set = 0
        def ioctl(self, request, argument):
            return argument & self.set if request == 3 else -1

    flag, other = Flag(), Flag()
    polling = select.poll()
    polling.register(flag, select.POLLIN | select.POLLOUT)
    polling.register(other, select.POLLIN)
    print("nothing", polling.poll(0), list(polling.ipoll(0)))
    flag.set = select.POLLIN
    other.set = select.POLLOUT
    print("ready", polling.poll(0) == [(flag, select.POLLIN)], list(polling.ipoll(0)) == [(flag, select.POLLIN)])
    polling.unregister(flag)
    print("unregistered", polling.poll(0))
    other.set = select.POLLIN
    print("once", len(list(polling.ipoll(0, 1))), len(list(polling.ipoll(0))))
    polling.modify(other, select.POLLIN)
    print("again", len(polling.poll(0)))
"""

WAITING = """
    import select, sys
    from machine import Pin

    polling = select.poll()
    polling.register(sys.stdin, select.POLLIN)
    Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda pin: print("edge"), Pin.IRQ_FALLING)
    for wait in (polling.ipoll, polling.poll):
        print("waiting")
        print("woken", len(list(wait(20000))))
        sys.stdin.read(1)
    print("over")
"""

TURNS = """
    import asyncio

    turns = 0

    async def turn():
        global turns
        while True:
            await asyncio.sleep_ms(0)
            turns += 1

    async def main():
        asyncio.create_task(turn())
        await asyncio.sleep_ms(200)
        print("more turns than milliseconds:", turns > 200)

    asyncio.run(main())
"""

DEBOUNCED = """
    import asyncio, time
    from machine import Pin

    flag = asyncio.ThreadSafeFlag()
    Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda pin: flag.set(), Pin.IRQ_FALLING)

    async def write():
        while True:
            await flag.wait()
            time.sleep_ms(100)
            await asyncio.sleep_ms(100)
            time.sleep_ms(200)
            await asyncio.sleep_ms(0)
            time.sleep_ms(200)
            print("written")

    async def main():
        asyncio.create_task(write())
        print("works")
        while True:
            await asyncio.sleep_ms(50)

    asyncio.run(main())
"""

HELD = """
    import asyncio, time
    from machine import Pin

    edges = told = 0

    def edge(pin):
        global edges
        edges += 1

    Pin(4, Pin.IN, Pin.PULL_UP).irq(edge)

    async def main():
        global told
        before = time.ticks_ms()
        while True:
            await asyncio.sleep_ms(1)
            now = time.ticks_ms()
            if edges != told:
                print("seen at once" if time.ticks_diff(now, before) >= 50 else "seen late", edges)
                told = edges
            before = now

    print("works")
    asyncio.run(main())
"""
HOLDS = 25


def test_polls_tell_what_is_ready_and_nothing_else(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        async with Board(firmware(READY)) as board:
            await board.printed("again")
            return board.console.of_boot(1)

    assert asyncio.run(scenario())[:5] == [
        "nothing [] []",
        "ready True True",
        "unregistered []",
        "once 1 0",
        "again 1",
    ]


def test_who_waits_for_a_stream_serves_interrupts_meanwhile(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        async with Board(firmware(WAITING)) as board:
            for count in (1, 2):
                await said(board, "waiting", count)
                await board.press(4, 5, bounce=physics.CLEAN)
                await said(board, "edge", count)
                board.type(b"x")
            await board.printed("over")
            return board.console.of_boot(1)

    assert asyncio.run(scenario())[:7] == ["waiting", "edge", "woken 1"] * 2 + ["over"]


async def said(board: Board, line: str, count: int) -> None:
    await board.until(lambda: board.console.of_boot(1).count(line) >= count, 10, f"{line} for the {count}th time")


def test_a_turn_of_the_loop_does_not_wait(firmware: Firmware) -> None:
    async def scenario() -> str:
        async with Board(firmware(TURNS)) as board:
            return await board.printed("more turns")

    assert asyncio.run(scenario()).endswith("True")


def test_firmware_is_at_rest_when_it_has_done_what_a_press_called_for(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware(DEBOUNCED)) as board:
            await board.printed("works")
            for count in range(1, 6):
                await asyncio.sleep(count * 0.013)  # in another moment of its loop each time
                await board.press(4, 5, bounce=physics.CLEAN)
                await board.at_rest()
                assert board.console.of_boot(1).count("written") == count

    asyncio.run(scenario())


def test_firmware_that_never_waits_is_never_at_rest(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('works')\nwhile True: pass")) as board:
            await board.printed("works")
            await board.taken()
            with pytest.raises(HardwareTimeoutError, match="for the firmware to come to rest"):
                await board.at_rest(0.5)

    asyncio.run(scenario())


def test_what_comes_while_the_processor_is_held_is_handled_before_anything_else(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        async with Board(firmware(HELD)) as board:
            await board.printed("works")
            for count in range(1, HOLDS + 1):
                board.hang()
                await board.press(4, 20, bounce=physics.CLEAN)
                await asyncio.sleep(0.05)
                board.go_on()
                await board.printed(f" {2 * count}")
            return board.console.of_boot(1)

    assert asyncio.run(scenario())[1:] == [f"seen at once {2 * count}" for count in range(1, HOLDS + 1)]
