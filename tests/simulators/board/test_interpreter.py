"""The MicroPython that boards run on, and how another one takes its place."""

import asyncio
import pathlib
import sys

import pytest

from simulators.board.board import Board
from simulators.board.errors import BoardError
from simulators.board.run import PROGRAM
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython
MAIN = """
    import time
    from machine import Pin
    lamp = Pin(2, Pin.OUT)
    Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda pin: lamp.value(not pin.value()))
    print("ready")
    while True:
        time.sleep_ms(10)
"""


def test_a_program_that_the_environment_names_runs_the_board(
    firmware: Firmware, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, started = tmp_path / "micropython", tmp_path / "started"
    wheel = pathlib.Path(sys.executable).with_name("micropython")
    program.write_text(f'#!/bin/sh\necho "$1 $2" >>{started}\nexec "{wheel}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv(PROGRAM, str(program))

    async def scenario() -> int:
        async with Board(firmware(MAIN)) as board:
            await board.printed("ready")
            board.type(b"\x03")  # does nothing there
            await board.hold(4)
            await board.output_becomes(2, lambda output: output.lit)
            await board.power_cut()
            await board.printed("ready")
            return len(board.boots)

    assert asyncio.run(scenario()) == 2
    lines = started.read_text().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("-X heapsize=") for line in lines)


def test_a_program_that_is_not_there_is_said_at_once(
    firmware: Firmware, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRAM, str(tmp_path / "nothing"))

    async def scenario() -> None:
        async with Board(firmware(MAIN)):
            pass

    with pytest.raises(BoardError, match=f"{PROGRAM} names .*nothing, which is no program"):
        asyncio.run(scenario())
