"""The records on the socket between a simulated board and the pins inside the agent, and the electrical rule both sides share.

A record is 16 bytes, little-endian, whatever its kind, so both sides read by count and never by search. This module imports only
`struct` and does no I/O.

======== ============ ======================== ================================================== ====================
kind     sender       pin                      value, extra                                       time_ns
======== ============ ======================== ================================================== ====================
GREETING board        version of this format   number of pins                                     board's clock
DRIVE    board        GPIO number              what is connected to the pin now (`LOW` … )        instant of the change
READY    board        0                        0                                                  board's clock
INPUT    agent        GPIO number              pull (`PULL_NONE` …)                               agent's clock
OUTPUT   agent        GPIO number              duty 0…65535; extra: frequency in mHz, 0 = steady  agent's clock
======== ============ ======================== ================================================== ====================

After a connection the board sends GREETING, one DRIVE for every pin, READY, and from then on each change as it happens. Times are
nanoseconds of `CLOCK_MONOTONIC`, the clock with which the kernel stamps edges; both sides run on one machine.
"""

import struct

VERSION = 1
PINS = 28  # GPIO0 … GPIO27, the 40-pin header of every Raspberry Pi since the B+

RECORD = struct.Struct("<BBHIq")

GREETING = 1
DRIVE = 2
READY = 3
INPUT = 16
OUTPUT = 17

LOW = 0  # connected to ground
HIGH = 1  # connected to 3.3 V
OPEN = 2  # connected to nothing
WEAK_LOW = 3  # noise on an open wire: moves a floating input, not one with a pull resistor
WEAK_HIGH = 4

PULL_NONE = 0
PULL_UP = 1
PULL_DOWN = 2

PULLS = {"floating": PULL_NONE, "up": PULL_UP, "down": PULL_DOWN}

FULL_DUTY = 65535


def level_of(drive: int, pull: int, before: int) -> int:
    """The logic level of an input.

    Args:
        drive: what is connected to the pin, `LOW` … `WEAK_HIGH`.
        pull: the input's own resistor, `PULL_NONE` … `PULL_DOWN`.
        before: the level until now; a floating input keeps it, for its capacitance does.
    """
    if drive in (LOW, HIGH):
        return drive
    if pull != PULL_NONE:
        return 1 if pull == PULL_UP else 0
    if drive == OPEN:
        return before
    return 1 if drive == WEAK_HIGH else 0
