"""What Hi-Link's radars (LD2410, LD2450) have in common: commands to them, and their answers.

Source: Hi-Link, "HLK-LD2450 serial port communication protocol" and "HLK-LD2410 serial communication protocol", chapter 2: all numbers are
little-endian; a command is ``FD FC FB FA``, a length, a command word, its value, ``04 03 02 01``; the answer has the word with bit 8 set
and a status, 0 for done. A radar obeys only between "enable configuration" and "end configuration", and says nothing else meanwhile.
"""

import dataclasses

from devices.sensors.frames import MORE, NONE

COMMAND_HEADER = b"\xfd\xfc\xfb\xfa"
COMMAND_TAIL = b"\x04\x03\x02\x01"
ENABLE_CONFIGURATION = 0x00FF
END_CONFIGURATION = 0x00FE
ANSWERED = 0x0100
LENGTH_MAX = 64
"""Of what stands between length and tail: the buffer size that the radars themselves tell."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A radar's answer to a command; ``value`` is what follows the status."""

    command: int
    done: bool
    value: bytes


def command(word: int, value: bytes = b"") -> bytes:
    """The bytes of one command. Raises ValueError for a value that is too long."""
    return _framed(word.to_bytes(2, "little") + value)


def configuration(*commands: bytes) -> bytes:
    """The bytes that make a radar obey these commands and go back to work."""
    return command(ENABLE_CONFIGURATION, b"\x01\x00") + b"".join(commands) + command(END_CONFIGURATION)


def encode(answer: Answer) -> bytes:
    """The bytes with which a radar answers. Raises ValueError for a value that is too long."""
    status = b"\x00\x00" if answer.done else b"\x01\x00"
    return _framed((answer.command | ANSWERED).to_bytes(2, "little") + status + answer.value)


def decode(frame: bytes) -> Answer:
    """The answer in a frame that ``measure`` found valid."""
    word = int.from_bytes(frame[6:8], "little")
    return Answer(word & ~ANSWERED, frame[8:10] == b"\x00\x00", frame[10:-4])


def measure(data: bytes, at: int) -> int:
    """The length of the answer that begins at ``at``, see ``frames.Measure``."""
    if len(data) - at < 6:
        return MORE if COMMAND_HEADER.startswith(data[at : at + 4]) else NONE
    if not data.startswith(COMMAND_HEADER, at):
        return NONE
    inside = data[at + 4] | data[at + 5] << 8
    if not 4 <= inside <= LENGTH_MAX:
        return NONE
    end = at + 6 + inside + 4
    if len(data) < end:
        return MORE
    return end - at if data[at + 7] == ANSWERED >> 8 and data.endswith(COMMAND_TAIL, at, end) else NONE


def _framed(inside: bytes) -> bytes:
    if len(inside) > LENGTH_MAX:
        raise ValueError(f"a command or answer of {len(inside)} bytes; a radar takes {LENGTH_MAX}")
    return COMMAND_HEADER + len(inside).to_bytes(2, "little") + inside + COMMAND_TAIL
