"""What tests of whole boards share."""

import asyncio
import json
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.errors import BoardError
from simulators.board.flash import BLOCK_BYTES
from simulators.board.kinds import Wiring
from simulators.gpio.wiring import Output
from tests.integration.ground import Button, Ground

PATIENCE_S = 60
DARK_NS = 1_500_000_000
"""A lamp that has been dark for so long has ended its pattern of blinks."""
_SIZES = (256, 128, 64, 32, 16, 8, 4, 2, 1)


async def until(reached: Callable[[], object], what: str = "") -> None:
    """Wait for something of which the board itself tells nothing."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():  # noqa: ASYNC110  it happens elsewhere
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited in vain until {what}") from None


async def whole(device: Button) -> None:
    """Wait until the center has the device's chain without a hole: alarms overtake what was before them."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await asyncio.to_thread(device.ground.verdict, device.name))["whole"]:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.2)


def lit(history: Sequence[Output]) -> int:
    """How often a lamp went on."""
    return sum(1 for output in history if output.duty == 1)


async def blinked(board: Board, lamp: int) -> int:
    """How often a lamp blinked before its first rest."""

    def rested() -> bool:
        shown = board.history(lamp)
        return lit(shown) > 0 and not shown[-1].duty and time.monotonic_ns() - shown[-1].since_ns > DARK_NS

    await until(rested, "the lamp has blinked")
    return lit(board.history(lamp))


async def fill(board: Board) -> None:
    """Leave not one free block on a flash."""
    for blocks in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            filler = pathlib.Path(folder, f"filler-{blocks}")
            await asyncio.to_thread(filler.write_bytes, bytes(blocks * BLOCK_BYTES))
            try:
                await board.flash.install(filler.parent)
            except BoardError:
                continue  # not so many are free


def laid_out(
    folder: pathlib.Path,
    bundle: pathlib.Path,
    wiring: Wiring,
    ground: Ground,
    device: Button,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> pathlib.Path:
    """The flash of a board that is to be one of a site's devices; ``change`` is done to its device.json."""
    ground.site.devices[device.name] = device.device
    enrolled(folder, bundle, wiring, ground.site, device.name)
    path = folder / "device.json"
    told = json.loads(path.read_text())
    if change is not None:
        change(told)
    path.write_text(json.dumps(told))
    return folder
