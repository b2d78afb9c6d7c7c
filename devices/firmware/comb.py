"""Multiples of fixed points by a comb whose table lies in a file: 8 KB of flash a point, 64 bytes of RAM.

Signed comb of 8 teeth, 32 columns: an odd scalar is a sum of 256 terms +2^i or -2^i, and a table holds the sums that one column can
have with a positive last tooth. So every multiplication is 32 doublings and 32 additions, whatever the scalar: no digit is zero.
The table is made on the board when it is first needed, which takes about 250 doublings and 140 inversions, and made again if its
checksum does not fit.
"""

import errno
import os
from hashlib import sha256

from devices.firmware.curve import INFINITY, N, P, add, affine, double

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from devices.firmware.curve import Affine, Point

TEETH = 8
COLUMNS = 32
POINTS = 1 << (TEETH - 1)
POINT_SIZE = 64
TABLE_SIZE = POINTS * POINT_SIZE + 32
"""Bytes of a table's file: its points, and SHA-256 over the fixed point and them."""
_ALL_ONES = (1 << (TEETH * COLUMNS)) - 1


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
    column = COLUMNS
    while column:
        column -= 1
        point = double(point)
        for file, codes in coded:
            code = codes[column]
            positive = code >= POINTS
            file.seek((code - POINTS if positive else POINTS - 1 - code) * POINT_SIZE)
            if file.readinto(buffer) != POINT_SIZE:  # type: ignore[attr-defined]  # every binary file has it
                raise OSError(errno.EIO)
            y = int.from_bytes(view[half:], "big")
            point = add(point, int.from_bytes(view[:half], "big"), y if positive else P - y)
    return point


def _columns(scalar: int) -> bytes:
    """For each column one byte: bit t is set where the term of tooth t is positive. An even scalar is taken as scalar - N, which is odd."""
    signs = ((scalar if scalar & 1 else scalar - N) + _ALL_ONES >> 1).to_bytes(TEETH * COLUMNS // 8, "little")
    codes = bytearray(COLUMNS)
    column = 0
    while column < COLUMNS:
        code = 0
        at = column >> 3
        shift = column & 7
        tooth = 0
        while tooth < TEETH:
            code |= (signs[at] >> shift & 1) << tooth
            at += COLUMNS >> 3
            tooth += 1
        codes[column] = code
        column += 1
    return bytes(codes)


def _whole(path: str, x: int, y: int) -> bool:
    """True if all of the table is there, and it is this point's."""
    digest = sha256(_bytes(x, y))
    buffer = bytearray(POINT_SIZE)
    try:
        with open(path, "rb") as file:
            for _ in range(POINTS):
                if file.readinto(buffer) != POINT_SIZE:
                    return False
                digest.update(buffer)
            return file.read(33) == digest.digest()
    except OSError:
        return False


def _write(out: "BinaryIO", x: int, y: int) -> None:
    """The table's points in order, each from the one before: counting up turns one tooth to plus, and all teeth below it to minus."""
    steps: "list[Affine]" = []
    rest: "Point" = INFINITY
    tooth = (x, y)
    while True:
        gap = add((rest[0], P - rest[1], rest[2]), tooth[0], tooth[1])
        if len(steps) == TEETH - 1:
            break
        steps.append(affine(double(gap)))
        rest = add(rest, tooth[0], tooth[1])
        power: "Point" = (tooth[0], tooth[1], 1)
        for _ in range(COLUMNS):
            power = double(power)
        tooth = affine(power)
    digest = sha256(_bytes(x, y))
    index = 0
    while True:
        point = affine(gap)
        data = _bytes(point[0], point[1])
        digest.update(data)
        out.write(data)
        index += 1
        if index == POINTS:
            break
        turned = 0
        while not index >> turned & 1:
            turned += 1
        gap = add((point[0], point[1], 1), steps[turned][0], steps[turned][1])
    out.write(digest.digest())


def _bytes(x: int, y: int) -> bytes:
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")
