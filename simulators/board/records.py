"""The records between a board's process and the host, on two socket pairs that the process inherits.

A record is 20 bytes, little-endian, followed by as many bytes of payload as it says (at most 65,535). The first pair carries what happens,
each way in order; the second carries a question of the board and the host's answer, one at a time. Times are microseconds of
`CLOCK_MONOTONIC`, which both sides share. `device/sim_bus.py` is the other side of this table.

========= ====== ============== ===================== ========================= ============================================
kind      sender number         value                 extra                     payload
========= ====== ============== ===================== ========================= ============================================
SETUP     host                                                                  JSON: everything that the board finds at start
DRIVE     host   GPIO           what drives the pin
ADC       host   GPIO           millivolts
AIR       host                                                                  JSON: the access points
FIRE      host   timer
FAULTS    host                                                                  JSON: what goes wrong with the flash
PING      host   1 at rest      any number            (answered at once, or when the firmware's loop has nothing more to do)
INPUT     board  GPIO           pull
OUTPUT    board  GPIO           duty 0…65535          frequency in Hz, 0 steady
WATCHDOG  board  0 arm, 1 feed  timeout in ms
TIMER     board  timer          period in ms, 0 stop  0 once, 1 again and again
HALT      board  why            0                     ms of deep sleep          JSON: what ends the deep sleep
RTC       board                                                                 the memory that deep sleep keeps
CLOCK     board                                                                 decimal: real-time clock minus `CLOCK_MONOTONIC`, us
FLASH     board  operation      block                 bytes
PONG      board  PING's         PING's value
UP        board  reset cause    free heap
CTRL_C    board                                                                 (type it once more: it came within an operation)
JOIN      board  1 by DHCP                                                      (an access point took it in; 0 with an address of its own)
I2C       board  address        bytes to read, -1 no  bus                       bytes to write; answer: value or -errno, bytes read
NVS       board                                                                 JSON: namespace and its values; answered when kept
ROUTE     board                 -                     port                      host name; answer: a port of 127.0.0.1, or 0
========= ====== ============== ===================== ========================= ============================================
"""

import asyncio
import struct
import time
from typing import NamedTuple

RECORD = struct.Struct("<BBHiIq")
PAYLOAD_MAX = 65535

SETUP, DRIVE, ADC, AIR, FIRE, FAULTS, PING = 1, 2, 3, 4, 5, 6, 7
INPUT, OUTPUT, WATCHDOG, TIMER, HALT, RTC, CLOCK, FLASH, PONG, UP, CTRL_C, JOIN = (
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
)
I2C, NVS, ROUTE = 32, 33, 34
PROGRAM, ERASE, FAILURE = 1, 2, 3
RESET, DEEPSLEEP, POWER_CUT, SOFT_RESET = 1, 2, 3, 4


class Record(NamedTuple):
    """One record."""

    kind: int
    number: int
    value: int
    extra: int
    time_us: int
    payload: bytes


def packed(kind: int, number: int = 0, value: int = 0, extra: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a record with the present time."""
    return RECORD.pack(kind, number, len(payload), value, extra, now_us()) + payload


async def received(reader: asyncio.StreamReader) -> Record | None:
    """The next record, or None when the board's process is gone, be it in the middle of one."""
    try:
        kind, number, length, value, extra, time_us = RECORD.unpack(await reader.readexactly(RECORD.size))
        payload = await reader.readexactly(length) if length else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Record(kind, number, value, extra, time_us, payload)


def now_us() -> int:
    """`CLOCK_MONOTONIC` in microseconds."""
    return time.monotonic_ns() // 1000
