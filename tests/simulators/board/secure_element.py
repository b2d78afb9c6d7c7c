"""A simulated secure element in its tests: its clock, a key of its own, and its commands as they stand on the bus."""

import random

from simulators.board.atecc608 import Chip, crc

SCALAR = 0xC0FFEE << 200 | 12345


class Clock:
    """Milliseconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000

    def now_ms(self) -> int:
        return self.now

    def sleep_ms(self, duration: int) -> None:
        self.now += duration


def locked(clock: Clock) -> Chip:
    """A locked chip with a key in slot 0."""
    made = Chip(clock.now_ms, random.Random(1).randbytes)
    made.keys[0] = SCALAR
    return made


def command(opcode: int, param1: int = 0, param2: int = 0, data: bytes = b"") -> bytes:
    group = bytes((7 + len(data), opcode, param1, param2 & 0xFF, param2 >> 8)) + data
    return b"\x03" + group + crc(group)


def woken(chip: Chip, clock: Clock) -> None:
    chip.wake()
    clock.sleep_ms(2)
