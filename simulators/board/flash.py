"""A board's flash from outside: the image file, its wear, and what is to go wrong with it."""

import asyncio
import collections
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Literal

from simulators.board import records
from simulators.board.errors import BoardError

BLOCK_BYTES = 4096
MODULES = pathlib.Path(__file__).parent / "device"
FACTORY_S = 60
Tear = Literal["none", "old", "random"]


class Flash:
    """NOR flash of 4 KB blocks under LittleFS, in a file that is, at every moment, what a power cut would leave.

    Args:
        path: the image; made, all erased, if there is none.
        blocks: of a new image.
        send: takes a record's bytes to the running board, and drops them if none runs.

    Attributes:
        erases: block -> how often it was erased by the board: its wear.
        programmed_bytes: what the board wrote in all.
        operations: erases and writes in all.
    """

    def __init__(self, path: pathlib.Path, blocks: int, send: Callable[[bytes], None]) -> None:
        self.path = path.absolute()
        self._send = send
        self._faults: dict[str, object] = {}
        self.erases: collections.Counter[int] = collections.Counter()
        self.programmed_bytes = 0
        self.operations = 0
        if not path.exists():
            with path.open("wb") as image:
                for _ in range(blocks):
                    image.write(b"\xff" * BLOCK_BYTES)

    @property
    def faults(self) -> dict[str, object]:
        """What is planned, as the board is told at its start."""
        return self._faults

    def cut_after(self, operations: int, tear: Tear = "old", *, seed: int = 1) -> None:
        """The power goes during an operation on the flash, and comes back at once.

        Args:
            operations: so many erases and writes from now on are still whole.
            tear: what the next one leaves of its block beyond a random point: what was there ("old"), rubbish ("random"), or no trace of
                the cut, which then falls between two operations ("none").
            seed: of the point and the rubbish.
        """
        self._plan({"cut_after": operations, "tear": tear, "seed": seed})

    def fail(self, count: int, *, after: int = 0) -> None:
        """The board's driver reports EIO for `count` operations, beginning `after` operations from now."""
        self._plan({"fail_after": after, "fail_count": count})

    def wear_out(self, *blocks: int) -> None:
        """These blocks can be neither erased nor written any more: EIO each time."""
        self._plan({"bad_blocks": list(blocks)})

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        self._plan({"cut_after": -1, "fail_after": 0, "fail_count": 0, "bad_blocks": []})

    def changed(self, record: records.Record) -> None:
        """Take note of an operation that the board tells of, and of what is left of the plan."""
        self.operations += 1
        if record.number == records.FAILURE:
            self._count("fail_count")
            return
        if record.number == records.ERASE:
            self.erases[record.value] += 1
        else:
            self.programmed_bytes += record.extra
        self._count("fail_after")
        self._count("cut_after")

    def power_lost(self) -> None:
        """A planned cut has happened; what else is planned stays."""
        self._faults["cut_after"] = -1

    async def install(self, folder: pathlib.Path) -> None:
        """Copy a folder's files into the image, as a factory does. No wear, no faults.

        Raises:
            BoardError: the folder is not there, or does not fit.
        """
        process = await asyncio.create_subprocess_exec(
            *interpreter(),
            os.fspath(MODULES / "sim_factory.py"),
            os.fspath(MODULES),
            os.fspath(self.path),
            os.path.abspath(folder),  # noqa: ASYNC240, PTH100  no file is touched
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), FACTORY_S)
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode:
            raise BoardError(
                f"cannot copy {folder} into the flash of the board: {said.decode(errors='replace')[-500:]}"
            )

    def _count(self, name: str) -> None:
        left = self._faults.get(name, 0)
        if isinstance(left, int) and left > 0:
            self._faults[name] = left - 1

    def _plan(self, faults: dict[str, object]) -> None:
        self._faults.update(faults)
        self._send(records.packed(records.FAULTS, payload=json.dumps(faults).encode()))


def interpreter() -> list[str]:
    """The command line of the MicroPython unix port of this installation."""
    return [
        sys.executable,
        "-I",
        "-c",
        "import sys; from micropython_unix import run_main; sys.exit(run_main(sys.argv))",
    ]
