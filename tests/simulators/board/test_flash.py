"""The flash of a board: wear, faults, and what a power cut leaves."""

import asyncio
import os
import pathlib

import pytest

from simulators.board.board import Board
from simulators.board.errors import BoardError
from simulators.board.flash import BLOCK_BYTES, Flash, Tear
from simulators.gpio import physics
from simulators.gpio.records import LOW
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython

WRITER = """
    import os
    try:
        with open("kept") as file:
            old = file.read()
    except OSError:
        old = "nothing"
    print("kept", old[-6:], os.listdir("/"))
    number = int(old) if old[-1].isdigit() else 0
    while number < {last}:
        number += 1
        with open("new", "w") as file:
            file.write("%0{width}d" % number)
        os.rename("new", "kept")
        print("wrote", number)
    print("done")
"""


def settled(board: Board, boots: int) -> int:
    """The last number that the firmware said it had kept, in the first so many boots."""
    lines = [line for number in range(1, boots + 1) for line in board.console.of_boot(number)]
    return max((int(line.split()[1]) for line in lines if line.startswith("wrote")), default=0)


def test_what_was_written_outlives_the_power_and_the_wear_is_counted(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware(WRITER.format(last=3, width=6000))) as board:
            await board.printed("done")
            await board.taken()
            flash = board.flash
            assert flash.programmed_bytes > 3 * 6000
            assert 3 * 2 <= flash.erases.total() <= 40
            assert flash.operations > flash.erases.total()
            erased = flash.erases.total()
            await board.power_cut()
            assert (await board.printed("kept")) == "kept 000003 ['kept', 'main.py']"
            await board.printed("done")
            await board.taken()
            assert flash.erases.total() == erased  # reading wears nothing

    asyncio.run(scenario())


def test_what_the_factory_writes_is_no_wear(firmware: Firmware, tmp_path: pathlib.Path) -> None:
    flash = Flash(tmp_path / "flash", 512, lambda _record: None)
    blank = flash.path.read_bytes()
    asyncio.run(flash.install(firmware("")))
    assert flash.path.read_bytes() != blank
    assert not flash.erases


def test_wear_is_counted_to_the_byte(firmware: Firmware) -> None:
    main = """
        from flashbdev import bdev
        for _ in range(3):
            bdev.ioctl(6, 7)
        bdev.writeblocks(7, bytes(100), 32)
        bdev.writeblocks(9, bytes(8192))
        found = bytearray(200)
        bdev.readblocks(7, found, 0)
        print("done", bdev.ioctl(4, 0), bdev.ioctl(5, 0), found.count(b"\\xff"), found.find(b"\\0"))
    """

    async def scenario() -> tuple[dict[int, int], int, int]:
        async with Board(firmware(main)) as board:
            assert await board.printed("done") == "done 512 4096 100 32"
            await board.taken()
            return dict(board.flash.erases), board.flash.programmed_bytes, board.flash.operations

    assert asyncio.run(scenario()) == ({7: 3, 9: 1, 10: 1}, 100 + 8192, 7)


@pytest.mark.parametrize("tear", ["none", "old", "random"])
def test_a_cut_at_every_operation_leaves_the_old_or_the_new_content(firmware: Firmware, tear: Tear) -> None:
    async def scenario() -> int:
        cuts = 0
        async with Board(firmware(WRITER.format(last=10_000, width=700))) as board:
            for number in range(26):
                boots = len(board.boots)
                board.flash.cut_after(number % 13, tear, seed=number)
                await board.booted(boots + 1)
                kept = settled(board, boots)
                line = await board.printed("kept")
                if kept:  # what was said last may not have reached the console
                    assert kept <= int(line.split()[1]) <= kept + 4, line
                cuts += 1
            assert [boot.cause for boot in board.boots] == [1] * 27
        return cuts

    assert asyncio.run(scenario()) == 26


@pytest.mark.parametrize("operation", ["erase", "write"])
def test_a_torn_operation_leaves_a_part_of_the_new_and_the_rest_old_or_rubbish(
    firmware: Firmware, operation: str
) -> None:
    main = """
        import os
        from flashbdev import bdev
        from machine import Pin
        if "filled" not in os.listdir():
            bdev.writeblocks(500, b"\\x55" * 4096, 0)
            open("filled", "w").close()
        Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda pin: bdev.ioctl(6, 500), Pin.IRQ_FALLING)
        Pin(5, Pin.IN, Pin.PULL_UP).irq(lambda pin: bdev.writeblocks(500, b"\\xaa" * 1000, 96), Pin.IRQ_FALLING)
        print("ready")
    """
    old = b"\x55" * BLOCK_BYTES
    new = b"\xff" * BLOCK_BYTES if operation == "erase" else old[:96] + b"\xaa" * 1000 + old[1096:]
    folder = firmware(main)

    async def left(tear: Tear, seed: int) -> bytes:
        async with Board(folder) as board:
            await board.printed("ready")
            board.flash.cut_after(0, tear, seed=seed)
            board.set_pin(4 if operation == "erase" else 5, LOW)
            await board.booted(2)
            assert board.flash.faults["cut_after"] == -1  # once
            return board.flash.path.read_bytes()[500 * BLOCK_BYTES : 501 * BLOCK_BYTES]

    assert asyncio.run(left("none", 1)) == new
    points = set()
    for seed in (1, 2, 3):
        torn = asyncio.run(left("old", seed))
        point = max(at for at in range(BLOCK_BYTES) if at == 0 or torn[at - 1] != old[at - 1])
        assert torn == new[:point] + old[point:]
        points.add(point)
        rubbish = asyncio.run(left("random", seed))
        assert rubbish[:point] == new[:point]
        assert rubbish[point : point + 50] not in (old[point : point + 50], new[point : point + 50])
        assert operation == "erase" or rubbish[1096:] == old[1096:]  # beyond the write nothing is touched
    assert len(points) == 3


def test_a_failed_operation_is_an_error_of_the_driver_and_is_mended(firmware: Firmware) -> None:
    main = """
        import os
        from machine import Pin
        def write(pin):
            try:
                with open("file", "w") as file:
                    file.write("x" * 5000)
                print("written")
            except OSError as error:
                print("error", error.errno)
        Pin(4, Pin.IN, Pin.PULL_UP).irq(write, Pin.IRQ_FALLING)
        print("ready")
    """

    async def scenario() -> list[str]:
        async with Board(firmware(main)) as board:
            await board.printed("ready")
            flash = board.flash

            async def press() -> None:
                await board.press(4, 10, bounce=physics.CLEAN)
                await board.taken()

            flash.fail(1)
            await press()
            await press()
            flash.wear_out(*range(512))
            await press()
            flash.mend()
            await press()
            flash.fail(1, after=1000)
            await press()
            return [line for line in board.console.of_boot(1) if line != "ready"]

    assert asyncio.run(scenario()) == ["error 5", "written", "error 5", "written", "written"]


def test_what_is_planned_outlives_a_reset_and_counts_on(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware(WRITER.format(last=1, width=5000))) as board:
            await board.printed("done")
            await board.taken()
            board.flash.cut_after(10_000)
            board.flash.fail(3, after=20)
            await board.power_cut()
            await board.printed("done")
            assert board.flash.faults["cut_after"] == 10_000
            board.flash.mend()
            mended = dict(board.flash.faults)
            assert (mended["cut_after"], mended["fail_count"]) == (-1, 0)

    asyncio.run(scenario())


def test_a_cut_is_planned_from_now_on_in_operations(firmware: Firmware) -> None:
    async def scenario() -> int:
        async with Board() as board:
            await board.flash.install(firmware(WRITER.format(last=50, width=5000)))
            before = board.flash.operations
            board.flash.cut_after(25, "none")
            await board.power_cut()
            await board.booted(3)
            return board.flash.operations - before

    # a few more may have happened since the start after the cut
    assert asyncio.run(scenario()) >= 26


def test_a_folder_that_is_missing_or_too_big_is_refused(firmware: Firmware, tmp_path: pathlib.Path) -> None:
    async def scenario(folder: pathlib.Path, blocks: int) -> None:
        async with Board(folder, flash_blocks=blocks):
            pass

    with pytest.raises(BoardError, match="nowhere"):
        asyncio.run(scenario(tmp_path / "nowhere", 512))
    folder = firmware("pass")
    (folder / "big").write_bytes(os.urandom(100_000))
    with pytest.raises(BoardError, match="OSError: 28"):
        asyncio.run(scenario(folder, 16))


def test_folders_are_copied_whole_and_an_image_is_kept(firmware: Firmware, tmp_path: pathlib.Path) -> None:
    folder = firmware("import os, lib.one\nprint('found', lib.one.text, os.listdir('/'), os.listdir('/lib'))")
    (folder / "lib").mkdir()
    (folder / "lib" / "one.py").write_text("text = 'one'")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")

    async def scenario(source: pathlib.Path | None) -> str:
        async with Board(source, flash=tmp_path / "image") as board:
            return await board.printed("found")

    found = "found one ['lib', 'main.py'] ['one.py']"
    assert asyncio.run(scenario(folder)) == found
    assert asyncio.run(scenario(None)) == found
    assert (tmp_path / "image").stat().st_size == 512 * BLOCK_BYTES
    (folder / "main.py").write_text("print('found', 'newer')")
    assert asyncio.run(scenario(folder)) == "found newer"


def test_an_empty_board_has_a_prompt_and_an_empty_file_system() -> None:
    async def scenario() -> None:
        async with Board(flash_blocks=64) as board:
            board.type(b"import os\r\nprint('blocks', os.statvfs('/')[2], os.listdir())\r\n")
            await board.printed("blocks 64 []")

    asyncio.run(scenario())


def test_a_new_image_is_erased(tmp_path: pathlib.Path) -> None:
    Flash(tmp_path / "image", 3, lambda _data: None)
    assert (tmp_path / "image").read_bytes() == b"\xff" * 3 * BLOCK_BYTES
