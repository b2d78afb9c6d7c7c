"""Bytes between a firmware and the chips on its buses."""

import asyncio
import errno

import pytest

from simulators.board.board import Board
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython


class Memory:
    """A 256-byte memory at one address; it acknowledges nothing else."""

    def __init__(self) -> None:
        self.content = bytearray(range(256))
        self.at = 0
        self.broken = False

    def writeto(self, address: int, data: bytes) -> int:
        self._acknowledge(address)
        if data:
            self.at = data[0]
            self.content[self.at : self.at + len(data) - 1] = data[1:]
        return len(data)

    def readfrom(self, address: int, size: int) -> bytes:
        self._acknowledge(address)
        return bytes(self.content[self.at : self.at + size])

    def _acknowledge(self, address: int) -> None:
        if address != 0x50:
            raise OSError(errno.ENODEV)
        if self.broken:
            raise OSError(errno.ETIMEDOUT)


def test_all_ways_of_writing_and_reading(firmware: Firmware) -> None:
    main = """
        from machine import I2C, Pin, SoftI2C
        bus = I2C(0, scl=Pin(22), sda=Pin(21), freq=100000)
        soft = SoftI2C(scl=Pin(22), sda=Pin(21))
        print("scan", bus.scan(), I2C(1).scan())
        print("wrote", bus.writeto(0x50, b"\\x10abc"), bus.writevto(0x50, (b"\\x20", bytearray(b"de"))))
        bus.writeto_mem(0x50, 0x30, b"fgh")
        bus.writeto(0x50, b"\\x10")
        print("read", bus.readfrom(0x50, 3), soft.readfrom_mem(0x50, 0x20, 2), bus.readfrom_mem(0x50, 0x30, 3))
        into = bytearray(2)
        bus.readfrom_mem_into(0x50, 0x11, into)
        print("into", into)
        bus.writeto(0x50, b"\\x05")
        bus.readfrom_into(0x50, into)
        print("then", into)
        try:
            bus.readfrom(0x51, 1)
        except OSError as error:
            print("error", error.errno)
        Pin(4, Pin.IN, Pin.PULL_UP).irq(lambda pin: bus.readfrom(0x50, 1), Pin.IRQ_FALLING)
        print("ready")
    """

    async def scenario() -> list[str]:
        memory = Memory()
        async with Board(firmware(main), buses={0: memory}) as board:
            await board.printed("ready")
            await board.taken()
            memory.broken = True
            board.set_pin(4, 0)
            await board.printed("OSError: [Errno 110] ETIMEDOUT")
            assert memory.content[0x10:0x13] == b"abc"
            return board.console.of_boot(1)[:7]

    assert asyncio.run(scenario()) == [
        "scan [80] []",
        "wrote 4 3",
        "read b'abc' b'de' b'fgh'",
        "into bytearray(b'bc')",
        r"then bytearray(b'\x05\x06')",
        "error 19",
        "ready",
    ]
