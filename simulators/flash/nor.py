"""A NOR flash chip as LittleFS sees it: erased block by block to ones, programmed page by page to zeros, worn by each erase.

The power goes during any operation on a block and tears it. Of a program nothing may be there, all of it, or a beginning and then one
page whose bits are partly programmed; of an erase also any page as it was, erased, or in between. From then on everything fails with EIO
and does nothing, until the same chip has its power back. Programming can only clear bits; a page that is programmed without having been
erased is counted. Runs on MicroPython, below its ``vfs.VfsLfs2``.
"""

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_BYTES = 4096
PAGE_BYTES = 32

_COUNT, _SIZE, _ERASE = 4, 5, 6  # what LittleFS asks of ioctl


class NorFlash:
    """One chip, or the same chip with its power back.

    Args:
        blocks: how many blocks of 4 KB.
        chance: called with n, gives a number from 0 to n - 1.
        before: the chip as it was when its power went.

    Attributes:
        erases: how often each block was erased.
        programmed: bytes programmed.
        operations: erases and programs.
        twice: pages programmed that were not erased.
        cut_at: number of the operation in which the power goes, -1 for never.
        on: it has power.
        failing: each erase and program fails with EIO, and does nothing.
    """

    def __init__(self, blocks: int, chance: "Callable[[int], int]", before: "NorFlash | None" = None) -> None:
        self.erases: array[int] = array("I", bytes(4 * blocks)) if before is None else before.erases
        self.programmed: int = 0 if before is None else before.programmed
        self.operations = 0
        self.twice: int = 0 if before is None else before.twice
        self.cut_at = -1
        self.failing = False
        self._content: bytearray = bytearray(b"\xff" * (blocks * BLOCK_BYTES)) if before is None else before._content  # noqa: SLF001 - the same chip
        self._blocks = blocks
        self._chance = chance
        self.on = True

    def readblocks(self, block: int, buf: "bytearray", offset: int) -> "int | None":
        """Read bytes of a block."""
        if not self.on:
            return -5
        at = block * BLOCK_BYTES + offset
        buf[:] = memoryview(self._content)[at : at + len(buf)]
        return None

    def writeblocks(self, block: int, buf: bytes, offset: int) -> "int | None":
        """Program bytes of a block."""
        if self.failing or not self.on:
            return -5
        at = block * BLOCK_BYTES + offset
        old = self._content[at : at + len(buf)]
        new = bytes(buf)
        if old.count(b"\xff") != len(new):
            self.twice += 1
            new = bytes([one & other for one, other in zip(old, new)])  # noqa: B905 - MicroPython's zip has no strict
        if self._step():
            self._content[at : at + len(new)] = self._torn(bytes(old), new, 3)
            return -5
        self._content[at : at + len(new)] = new
        self.programmed += len(buf)
        return None

    def ioctl(self, op: int, block: int) -> "int | None":
        """Tell the geometry; erase."""
        if op == _COUNT:
            return self._blocks
        if op == _SIZE:
            return BLOCK_BYTES
        if op != _ERASE:
            return 0
        if self.failing or not self.on:
            return -5
        at = block * BLOCK_BYTES
        ones = b"\xff" * BLOCK_BYTES
        if self._step():
            self._content[at : at + BLOCK_BYTES] = self._torn(bytes(self._content[at : at + BLOCK_BYTES]), ones, 4)
            return -5
        self._content[at : at + BLOCK_BYTES] = ones
        self.erases[block] += 1
        return 0

    def _step(self) -> bool:
        """Count an operation; whether the power goes in it."""
        self.operations += 1
        if self.operations == self.cut_at:
            self.on = False
        return not self.on

    def _torn(self, old: bytes, new: bytes, ways: int) -> bytes:
        way = self._chance(ways)
        if way == 0:
            return old
        if way == 1:
            return new
        if way == 2:
            at = self._chance(len(new) // PAGE_BYTES) * PAGE_BYTES
            return new[:at] + self._between(old, new, at) + old[at + PAGE_BYTES :]
        pages = []
        for at in range(0, len(new), PAGE_BYTES):
            whole = (old, new)[self._chance(2)][at : at + PAGE_BYTES]
            pages.append(self._between(old, new, at) if self._chance(3) == 0 else whole)
        return b"".join(pages)

    def _between(self, old: bytes, new: bytes, at: int) -> bytes:
        """A page of which each bit that changes may have changed or not."""
        out = []
        for place in range(at, at + PAGE_BYTES):
            bits = self._chance(256)
            out.append(old[place] & bits | new[place] & ~bits & 255)
        return bytes(out)
