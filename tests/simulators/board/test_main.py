"""What a board makes of the files it starts with: boot.py and main.py, their end, their names, their heap."""

import asyncio

import pytest

from simulators.board.board import Board
from simulators.board.life import (
    PWRON_RESET,
    SOFT_RESET,
)
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython


def test_a_main_that_ends_in_an_error_leaves_a_board_that_serves_its_interrupts(firmware: Firmware) -> None:
    main = """
        from machine import Pin
        Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda p: print("edge"), Pin.IRQ_FALLING)
        raise RuntimeError("broken")
    """

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("RuntimeError: broken")
            await board.press(4)
            await board.printed("edge")
            assert len(board.boots) == 1

    asyncio.run(scenario())


def test_sys_exit_is_a_soft_reset_and_boot_runs_before_main(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        main = "import machine, sys\nprint('main', ready)\nif machine.reset_cause() == 1:\n    sys.exit()\n"
        async with Board(firmware(main, boot="ready = 'after boot'")) as board:
            await board.booted(2)
            await board.printed("main")
            assert [boot.cause for boot in board.boots] == [PWRON_RESET, SOFT_RESET]
            return [board.console.of_boot(number)[0] for number in (1, 2)]

    assert asyncio.run(scenario()) == ["main after boot"] * 2


def test_main_finds_nothing_of_the_simulator_in_its_namespace(firmware: Firmware) -> None:
    main = "print('names', sorted(n for n in globals() if not n.startswith('__')))\nimport sys\nprint('path', sys.path)"

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("path")
            return board.console.of_boot(1)[:2]

    assert asyncio.run(scenario()) == ["names ['_run']", "path ['', '.frozen', '/lib']"]


def test_the_heap_is_what_was_asked_for(firmware: Firmware) -> None:
    async def scenario(kb: int) -> int:
        async with Board(firmware("import gc\ngc.collect()\nprint('free', gc.mem_free())"), heap_kb=kb) as board:
            await board.printed("free")
            return board.boots[0].free_heap

    for kb in (110, 220):
        # 8000: a stale word on the C stack may keep what the start has left from being collected
        assert kb * 1024 - 8000 <= asyncio.run(scenario(kb)) <= kb * 1024 + 3000
