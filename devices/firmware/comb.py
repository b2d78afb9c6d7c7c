"""Multiples of fixed points by a comb whose table lies in a file: 16 KB of flash a point, 64 bytes of RAM.

Signed comb of 8 teeth and 32 columns in two blocks: an odd scalar is a sum of 256 terms +2^i or -2^i, and a table holds the sums that a
column can have with a positive last tooth. So every multiplication is 16 doublings and 32 additions, whatever the scalar: no digit is
zero. The table is made on the board when it is first needed, about as long as 20 signatures take, and made again if its checksum does
not fit.
"""

import errno
import os
from hashlib import sha256

from devices.firmware.curve import INFINITY, N, P, add, affine, affines, double

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from devices.firmware.curve import Affine, Point

TEETH = 8
COLUMNS = 32
BLOCKS = 2
POINTS = 1 << (TEETH - 1)
"""Of a block. The next block's are these times 2^(COLUMNS / BLOCKS)."""
POINT_SIZE = 64
TABLE_SIZE = BLOCKS * POINTS * POINT_SIZE + 32
"""Bytes of a table's file: its points, and SHA-256 over the fixed point and them."""
_BLOCK_COLUMNS = COLUMNS // BLOCKS
_ALL_ONES = (1 << (TEETH * COLUMNS)) - 1
_AT_ONCE = 16
# Every 8th byte's half of an 8 x 8 bit matrix that changes place when the matrix is turned (Warren, Hacker's Delight, section 7-3).
_TURN_1 = int.from_bytes(b"\xaa\x00\xaa\x00\xaa\x00\xaa\x00" * 4, "little")
_TURN_2 = int.from_bytes(b"\xcc\xcc\x00\x00\xcc\xcc\x00\x00" * 4, "little")
_TURN_4 = int.from_bytes(b"\xf0\xf0\xf0\xf0\x00\x00\x00\x00" * 4, "little")


def make_sure(path: str, x: int, y: int) -> str:
    """``path``, where now the table of this point on the curve lies: it is made if it is missing or damaged.

    Raises:
        OSError: the table cannot be written, or not be read back.
    """
    if not _whole(path, x, y):
        fresh = path + ".new"
        with open(fresh, "wb") as out:
            _write(out, x, y)
        os.rename(fresh, path)
        if not _whole(path, x, y):
            raise OSError(errno.EIO)
    return path


def multiply(terms: "tuple[tuple[str, int], ...]") -> "Point":
    """The sum of points times scalars (0 to N-1), given as (path of the point's table, scalar). The doublings are shared.

    Raises:
        OSError: a table cannot be read.
    """
    coded: "list[tuple[BinaryIO, bytes]]" = []
    try:
        for path, scalar in terms:
            coded.append((open(path, "rb"), _columns(scalar)))
        return _sum(coded)
    finally:
        for file, _ in coded:
            file.close()


def _sum(coded: "list[tuple[BinaryIO, bytes]]") -> "Point":
    buffer = bytearray(POINT_SIZE)
    view = memoryview(buffer)
    half = POINT_SIZE >> 1
    point = INFINITY
    step = _BLOCK_COLUMNS
    while step:
        step -= 1
        point = double(point)
        for file, codes in coded:
            for block in range(BLOCKS):
                code = codes[block * _BLOCK_COLUMNS + step]
                positive = code >= POINTS
                file.seek((block * POINTS + (code - POINTS if positive else POINTS - 1 - code)) * POINT_SIZE)
                if file.readinto(buffer) != POINT_SIZE:  # type: ignore[attr-defined]  # every binary file has it
                    raise OSError(errno.EIO)
                y = int.from_bytes(view[half:], "big")
                point = add(point, int.from_bytes(view[:half], "big"), y if positive else P - y)
    return point


def _columns(scalar: int) -> bytes:
    """For each column one byte: bit t is set where the term of tooth t is positive. An even scalar is taken as scalar - N, which is odd."""
    signs = ((scalar if scalar & 1 else scalar - N) + _ALL_ONES >> 1).to_bytes(COLUMNS, "little")
    rows = int.from_bytes(bytes([signs[4 * tooth + at] for at in range(4) for tooth in range(TEETH)]), "little")
    turn = (rows ^ rows >> 7) & _TURN_1
    rows ^= turn ^ turn << 7
    turn = (rows ^ rows >> 14) & _TURN_2
    rows ^= turn ^ turn << 14
    turn = (rows ^ rows >> 28) & _TURN_4
    rows ^= turn ^ turn << 28
    return rows.to_bytes(COLUMNS, "little")


def _whole(path: str, x: int, y: int) -> bool:
    """True if all of the table is there, and it is this point's."""
    digest = sha256(_bytes(x, y))
    buffer = bytearray(POINT_SIZE)
    try:
        with open(path, "rb") as file:
            for _ in range(BLOCKS * POINTS):
                if file.readinto(buffer) != POINT_SIZE:
                    return False
                digest.update(buffer)
            return file.read(33) == digest.digest()
    except OSError:
        return False


def _write(out: "BinaryIO", x: int, y: int) -> None:
    digest = sha256(_bytes(x, y))
    for _ in range(BLOCKS):
        _write_block(out, digest, x, y)
        x, y = affine(_doubled((x, y, 1), _BLOCK_COLUMNS))
    out.write(digest.digest())


def _write_block(out: "BinaryIO", digest: "Any", x: int, y: int) -> None:
    """The points in order, each from the one before: counting up turns one tooth to plus, and all teeth below it to minus."""
    steps: "list[Affine]" = []
    rest = INFINITY
    while True:
        gap = add((rest[0], P - rest[1], rest[2]), x, y)
        if len(steps) == TEETH - 1:
            break
        steps.append(affine(double(gap)))
        rest = add(rest, x, y)
        x, y = affine(_doubled((x, y, 1), COLUMNS))
    points: "list[Point]" = []
    for index in range(POINTS):
        if index:
            turned = 0
            while not index >> turned & 1:
                turned += 1
            gap = add(gap, steps[turned][0], steps[turned][1])
        points.append(gap)
        if len(points) == _AT_ONCE:
            for x, y in affines(points):
                data = _bytes(x, y)
                digest.update(data)
                out.write(data)
            points = []


def _doubled(point: "Point", times: int) -> "Point":
    for _ in range(times):
        point = double(point)
    return point


def _bytes(x: int, y: int) -> bytes:
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")
