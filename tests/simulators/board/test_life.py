"""Why a board starts, what it remembers then, and what ends it."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from simulators.board.board import Board
from simulators.board.errors import BoardError, BoardStateError
from simulators.board.life import (
    DEEPSLEEP_RESET,
    HARD_RESET,
    PWRON_RESET,
    SOFT_RESET,
    TIMER_WAKE,
)
from simulators.gpio import physics
from simulators.gpio.records import LOW, OPEN
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
ROOT = pathlib.Path(__file__).parents[3]
HOUR_MS = 3_600_000

KEEPER = """
    import machine, esp32, os
    from machine import Pin
    rtc = machine.RTC()
    kept = esp32.NVS("kept")
    loose = esp32.NVS("loose")
    def number(nvs):
        try:
            return nvs.get_i32("n")
        except OSError as error:
            return error.errno
    print("memory", rtc.memory(), "kept", number(kept), "loose", number(loose), "cause", machine.reset_cause(), machine.wake_reason())
    rtc.memory(b"memory")
    kept.set_i32("n", 7)
    kept.commit()
    loose.set_i32("n", 8)
    Pin(2, Pin.OUT, value=1)
    {then}
"""


def test_what_lives_through_which_reset(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        lines = []
        go = "Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda p: machine.reset(), Pin.IRQ_FALLING); print('armed')"
        async with Board(firmware(KEEPER.format(then=go))) as board:
            await board.printed("armed")
            lines.append(await board.printed("memory"))
            await board.press(4, 5, bounce=physics.CLEAN)
            await board.booted(2)
            lines.append(await board.printed("memory"))
            await board.printed("armed")
            board.type(b"\x04")  # Ctrl-D
            await board.booted(3)
            lines.append(await board.printed("memory"))
            await board.printed("armed")
            await board.power_cut()
            lines.append(await board.printed("memory"))
            assert [boot.cause for boot in board.boots] == [PWRON_RESET, HARD_RESET, SOFT_RESET, PWRON_RESET]
        return lines

    first, reset, soft, cut = asyncio.run(scenario())
    assert first == "memory b'' kept -4354 loose -4354 cause 1 0"
    assert reset == "memory b'memory' kept 7 loose -4354 cause 2 0"
    assert soft == "memory b'memory' kept 7 loose -4354 cause 5 0"
    assert cut == "memory b'' kept 7 loose -4354 cause 1 0"


def test_deep_sleep_ends_with_its_time_and_keeps_its_memory(firmware: Firmware) -> None:
    async def scenario() -> str:
        async with Board(firmware(KEEPER.format(then=f"machine.deepsleep({HOUR_MS})"))) as board:
            await board.printed("memory")
            left_ms = await board.asleep()
            assert left_ms is not None
            assert HOUR_MS - 20_000 < left_ms <= HOUR_MS
            lamp = board.output(2)
            assert lamp is not None
            assert not lamp.lit  # no pin drives anything in deep sleep
            board.skip(HOUR_MS - 30_000)
            assert board.state == "asleep"
            board.skip(30_000)
            boot = await board.booted(2)
            assert (boot.cause, boot.wake) == (DEEPSLEEP_RESET, TIMER_WAKE)
            return await board.printed("memory")

    assert asyncio.run(scenario()) == "memory b'memory' kept 7 loose -4354 cause 4 4"


def test_a_brown_out_resets_again_and_again(firmware: Firmware) -> None:
    async def scenario() -> list[int]:
        async with Board(firmware("print('up')")) as board:
            await board.brown_out(times=3, up_ms=5)
            await board.printed("up")
            return [boot.cause for boot in board.boots]

    assert asyncio.run(scenario()) == [PWRON_RESET] * 4


def test_an_interpreter_that_dies_is_told_as_a_crash(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("import os\nprint('up')\nos.system('kill -9 $PPID')")) as board:
            with pytest.raises(BoardError, match=r"crashed(.|\n)*up"):
                await board.booted(2)
            await board.power_on()
            assert len(board.boots) == 2

    asyncio.run(scenario())


def test_what_needs_a_running_or_a_sleeping_board_says_so(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('up')")) as board:
            with pytest.raises(BoardStateError, match="running"):
                board.skip(1)
            await board.power_off()
            assert board.state == "off"
            with pytest.raises(BoardStateError, match="off"):
                board.hang()
            await board.press(4, 1, bounce=physics.CLEAN)  # nobody feels it
            await board.power_on()
            await board.power_on()
            assert len(board.boots) == 2

    asyncio.run(scenario())


def test_a_board_that_takes_nothing_is_told_of_before_memory_runs_full(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware("print('up')")) as board:
            await board.printed("up")
            board.hang()

            def wiggle() -> None:
                for number in range(400_000):
                    board.set_pin(4, LOW if number % 2 else OPEN)

            with pytest.raises(BoardStateError, match="hangs"):
                wiggle()

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_board_outlives_its_host(firmware: Firmware, number: signal.Signals) -> None:
    folder = firmware("print('up')\nwhile True:\n    pass")
    host = (
        "import asyncio, pathlib, sys\n"
        "from simulators.board.board import Board\n"
        "async def main():\n"
        "    async with Board(pathlib.Path(sys.argv[1])) as board:\n"
        "        await board.printed('up')\n"
        "        print(board._life.run.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        ["/usr/bin/nohup", sys.executable, "-c", host, os.fspath(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(number)
        process.wait(20)
    deadline = time.monotonic() + 10
    while (
        pathlib.Path(f"/proc/{pid}/cmdline").exists()
        and b"sim_start" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    ):
        assert time.monotonic() < deadline, "the board's process lives on"
        time.sleep(0.01)


def test_closing_ends_the_process_and_the_files(firmware: Firmware) -> None:
    async def scenario() -> tuple[int, pathlib.Path]:
        async with Board(firmware("print('up')")) as board:
            run = board._life.run
            assert run is not None
            pid, path = run.pid, board.flash.path
            assert path.exists()
        await board.close()
        return pid, path

    pid, path = asyncio.run(scenario())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not path.parent.exists()
