"""Waiting for streams on the simulated board: what is ready, and that a loop's turn costs no wait."""

import asyncio

import pytest

from simulators.board.board import Board
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
    import io, select
    from machine import Pin

    class Flag(io.IOBase):
        set = 0
        def ioctl(self, request, argument):
            return argument & self.set if request == 3 else -1

    def edge(pin):
        flag.set = select.POLLIN

    flag = Flag()
    polling = select.poll()
    polling.register(flag, select.POLLIN)
    Pin(4, Pin.IN, Pin.PULL_UP).irq(edge, Pin.IRQ_FALLING)
    for wait in (polling.ipoll, polling.poll):
        flag.set = 0
        print("waiting")
        print("woken by", [stream is flag for stream, _ in wait(20000)])
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


def test_who_waits_is_woken_by_a_handler(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        async with Board(firmware(WAITING)) as board:
            for count in (1, 2):
                await board.until(lambda n=count: board.console.of_boot(1).count("waiting") == n, 20, "the wait")  # type: ignore[misc]
                await board.press(4, 5, bounce=physics.CLEAN)
            await board.printed("over")
            return board.console.of_boot(1)

    assert asyncio.run(scenario())[:5] == ["waiting", "woken by [True]"] * 2 + ["over"]


def test_a_turn_of_the_loop_does_not_wait(firmware: Firmware) -> None:
    async def scenario() -> str:
        async with Board(firmware(TURNS)) as board:
            return await board.printed("more turns")

    assert asyncio.run(scenario()).endswith("True")
