"""The serial port of a board, with the real mpremote at its other end."""

import asyncio
import os
import pathlib
import random
import shutil
import sys
import textwrap

import pytest

from simulators.board.board import Board
from simulators.board.life import HARD_RESET, PWRON_RESET, SOFT_RESET, WDT_RESET
from simulators.board.serial import SerialPort
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
FIRMWARE = pathlib.Path(__file__).parents[3] / "devices/firmware"


async def mpremote(port: SerialPort, *arguments: str) -> str:
    """What mpremote prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mpremote", "connect", port.path, *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said
    return said.decode()


def test_mpremote_runs_code_and_handles_files(firmware: Firmware, tmp_path: pathlib.Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(40_000))
    back = tmp_path / "back.bin"

    async def scenario() -> None:
        async with Board(firmware("print('up')")) as board, SerialPort(board) as port:
            assert await mpremote(port, "exec", "print(6 * 7)") == "42\n"
            assert (
                await mpremote(port, "eval", "__import__('machine').unique_id()")
                == "b'\\xa0\\xb1\\xc2\\xd3\\xe4\\xf5'\n"
            )
            await mpremote(port, "fs", "mkdir", "lib", "+", "fs", "cp", os.fspath(big), ":lib/big.bin")
            assert (await mpremote(port, "fs", "ls", "lib")).split() == ["ls", ":lib", "40000", "big.bin"]
            assert "big.bin" in await mpremote(port, "fs", "tree")
            await mpremote(port, "fs", "cp", ":lib/big.bin", os.fspath(back))
            assert back.read_bytes() == big.read_bytes()
            await mpremote(port, "fs", "rm", ":lib/big.bin")
            assert "big.bin" not in await mpremote(port, "fs", "tree")
            await board.power_cut()
            await board.printed("up")
            assert (await mpremote(port, "fs", "cat", ":main.py")) == "print('up')"

    asyncio.run(scenario())


def test_mpremote_interrupts_resets_and_deploys(firmware: Firmware, tmp_path: pathlib.Path) -> None:
    newer = tmp_path / "main.py"
    newer.write_text("print('newer')\n")

    async def scenario() -> None:
        main = "print('begins')\nn = 0\nwhile True:\n    n += 1\n"
        async with Board(firmware(main)) as board, SerialPort(board) as port:
            await board.printed("begins")
            assert int(await mpremote(port, "resume", "exec", "print(n)")) > 0  # Ctrl-C, no reset
            assert len(board.boots) == 1
            await board.power_cut()
            await board.printed("begins")
            await mpremote(port, "soft-reset")
            assert board.boots[-1].cause == SOFT_RESET
            assert "begins" not in "".join(
                board.console.of_boot(len(board.boots))
            )  # from raw mode main.py is not started
            await mpremote(port, "fs", "cp", os.fspath(newer), ":main.py", "+", "reset")
            await board.until(lambda: board.boots[-1].cause == HARD_RESET, 20, "the reset")
            await board.printed("newer")

    asyncio.run(scenario())


AT_WORK = """
import machine, time

def main(slots):
    watchdog = machine.WDT(timeout=400)
    slots.healthy()
    print("at work", machine.reset_cause())
    while True:
        time.sleep_ms(10)
        watchdog.feed()
"""


def test_mpremote_has_time_on_a_board_at_work_whose_watchdog_cannot_be_stopped(tmp_path: pathlib.Path) -> None:
    flash = tmp_path / "flash"
    shutil.copytree(FIRMWARE / "root", flash)
    shutil.copy(FIRMWARE / "slots.py", flash)
    (flash / "a/devices/firmware").mkdir(parents=True)
    (flash / "a/devices/firmware/start.py").write_text(AT_WORK)
    (flash / "a/manifest.json").write_text("{}")

    async def scenario() -> None:
        async with Board(flash) as board, SerialPort(board) as port:
            await board.printed("at work")
            await mpremote(port, "resume", "exec", "import time; time.sleep_ms(800)")  # Ctrl-C
            assert len(board.boots) == 1
            # Whatever time the watchdog had: after a soft reset for the prompt alone, boot.py gives more.
            await mpremote(port, "resume", "exec", "import machine; machine.WDT(timeout=4000)")
            await mpremote(port, "exec", "import time; time.sleep_ms(4500)")
            assert [boot.cause for boot in board.boots] == [PWRON_RESET, SOFT_RESET]
            await mpremote(port, "reset")
            await board.printed(f"at work {HARD_RESET}")
            board.hang()
            await board.printed(f"at work {WDT_RESET}")

    asyncio.run(scenario())


INTERRUPTED = """
    seen = told = 0
    while True:
        try:
            while True:
                whole = work()
                if told < seen:
                    told = seen
                    print("interrupted", told, whole)
        except KeyboardInterrupt:
            seen += 1
"""


async def interrupted(board: Board, times: int) -> None:
    """Type Ctrl-C so often, at any moment of the board's work: each comes once, and the work goes on."""
    seeded = random.Random(5)
    for number in range(1, times + 1):
        await asyncio.sleep(seeded.random() / 300)
        board.type(b"\x03")
        board.set_pin(4, number % 2)  # interrupts, at the same time
        await board.printed(f"interrupted {number} ")
    await board.taken()
    assert [line.split()[0] for line in board.console.of_boot(1)] == ["up", *["interrupted"] * times]
    assert "False" not in board.console.tail()


def test_ctrl_c_in_the_middle_of_flash_writes_does_no_harm(firmware: Firmware) -> None:
    main = """
        from machine import Pin
        edges = n = 0
        def edge(pin):
            global edges
            edges += 1
        pin = Pin(4, Pin.IN)
        pin.irq(edge)
        def work():
            global n
            n += 1
            with open("file", "w") as file:
                file.write("%06d" % n * 100)
            with open("file") as file:
                return len(file.read()) == 600
        print("up")
    """

    async def scenario() -> None:
        async with Board(firmware(textwrap.dedent(main) + textwrap.dedent(INTERRUPTED))) as board:
            await board.printed("up")
            await interrupted(board, 60)

    asyncio.run(scenario())


class Register:
    """A chip that answers with what was written to it last."""

    def __init__(self) -> None:
        self.content = b""

    def writeto(self, _address: int, data: bytes) -> int:
        self.content = bytes(data)
        return len(data)

    def readfrom(self, _address: int, size: int) -> bytes:
        return self.content * (size // 2)


def test_ctrl_c_in_the_middle_of_a_transfer_leaves_no_answer_for_the_next(firmware: Firmware) -> None:
    main = """
        from machine import I2C, Pin
        bus = I2C(0, scl=Pin(22), sda=Pin(21))
        n = 0
        def work():
            global n
            n = (n + 1) % 60000
            number = bytes((n >> 8, n & 255))
            bus.writeto(8, number)
            return bus.readfrom(8, 200) == number * 100
        print("up")
    """

    async def scenario() -> None:
        async with Board(
            firmware(textwrap.dedent(main) + textwrap.dedent(INTERRUPTED)), buses={0: Register()}
        ) as board:
            await board.printed("up")
            await interrupted(board, 60)

    asyncio.run(scenario())


def test_what_nobody_reads_is_bounded_and_the_newest_stays(firmware: Firmware) -> None:
    async def scenario() -> bytes:
        main = "for n in range(4000):\n    print('line', n, 'x' * 40)\nprint('last line')"
        async with Board(firmware(main)) as board, SerialPort(board) as port:
            await board.printed("last line")
            assert len(port._unread) <= 65536
            descriptor = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            heard = b""
            try:
                while b"last line" not in heard:
                    await asyncio.sleep(0.01)
                    try:
                        heard += os.read(descriptor, 65536)
                    except BlockingIOError:
                        continue
            finally:
                os.close(descriptor)
            return heard

    heard = asyncio.run(scenario())
    assert b"line 3999 " in heard
    assert len(heard) < 100_000
