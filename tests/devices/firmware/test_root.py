"""What lies at the root of a board's flash, on a board."""

import asyncio
import pathlib
import shutil

import pytest

from simulators.board.board import Board

pytestmark = pytest.mark.micropython
FIRMWARE = pathlib.Path(__file__).parents[3] / "devices/firmware"
TOO_BIG = "bytes(1 << 40)"


@pytest.mark.parametrize("copy", ["half", "three starts have failed"])
def test_the_frozen_firmware_is_started_where_a_copy_cannot_be(tmp_path: pathlib.Path, copy: str) -> None:
    """``/lib`` stands for the image: a board looks there, too, after what ``main.py`` puts first."""
    flash = tmp_path / "flash"
    shutil.copytree(FIRMWARE / "root", flash)
    shutil.copy(FIRMWARE / "slots.py", flash)
    for place, code in (
        ("a", TOO_BIG),
        ("lib", "def main(slots):\n    print('frozen at work')\n    slots.healthy()\n"),
    ):
        (flash / place / "devices/firmware").mkdir(parents=True)
        (flash / place / "devices/firmware/start.py").write_text(code)
    if copy != "half":
        (flash / "a/manifest.json").write_text('{"files": {}}')
        (flash / "starts").write_text("3")

    async def scenario() -> None:
        async with Board(flash) as board:
            await board.printed("frozen at work")
            assert "MemoryError" not in board.console.tail()

    asyncio.run(scenario())


def test_what_is_loaded_is_put_together_in_the_heap_and_work_goes_on_as_ever(tmp_path: pathlib.Path) -> None:
    """Garbage of 128 KB must not lie between what stays, nor may what comes later stop for a collection every few kilobytes."""
    flash = tmp_path / "flash"
    shutil.copytree(FIRMWARE / "root", flash)
    shutil.copy(FIRMWARE / "slots.py", flash)
    (flash / "a/devices/firmware").mkdir(parents=True)
    (flash / "a/manifest.json").write_text('{"files": {}}')
    waste = "before = gc.mem_alloc()\nfor _ in range(2048):\n    bytes(64)\nmade = gc.mem_alloc() - before\n"
    (flash / "a/devices/firmware/start.py").write_text(
        f"import gc\n{waste}def main(slots):\n    print('garbage', made < 16384, 'then', gc.threshold())\n    slots.healthy()\n"
    )

    async def scenario() -> None:
        async with Board(flash) as board:
            await board.printed("garbage True then -1")

    asyncio.run(scenario())
