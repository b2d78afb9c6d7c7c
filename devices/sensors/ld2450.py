"""HLK-LD2450, a 24 GHz radar that tracks up to three people: its reports and the few commands that matter.

Source: Hi-Link, "HLK-LD2450 serial port communication protocol", 2.3: 256000 baud 8N1, ten reports a second of 30 bytes, ``AA FF 03 00``,
three targets, ``55 CC``, no checksum. A target is x, y, speed, distance gate in mm, mm, cm/s, mm; the first three are 15 bits and a sign
bit that is *set for positive* numbers. A target that is all zeros is none. That speeds above zero lead away is told by the ESPHome project
(component ``ld2450``), not by Hi-Link.
"""

import re
import struct
from collections.abc import Sequence

from devices.sensors import hilink
from devices.sensors.frames import MORE, NONE, FrameDecoder
from devices.sensors.readings import Target, Targets

BAUD = 256_000
HEADER = b"\xaa\xff\x03\x00"
TAIL = b"\x55\xcc"
LENGTH = 30
TARGETS_MAX = 3
MULTI_TARGET = hilink.configuration(hilink.command(0x0090))

_FIRST = re.compile(rb"[\xaa\xfd]")
_SLOT = struct.Struct("<4H")
_NOBODY = (0, 0, 0, 0)
_POSITIVE = 0x8000
_LARGEST = 0x7FFF


class Decoder(FrameDecoder):
    """Readings out of the radar's bytes."""

    def __init__(self) -> None:
        super().__init__(_FIRST, measure)

    def feed(self, data: bytes, at_ms: int) -> list[Targets | hilink.Answer]:
        """Take bytes as they come; never raises."""
        return [
            Targets(at_ms, _targets(frame)) if frame[0] == HEADER[0] else hilink.decode(frame)
            for frame in self._frames.feed(data)
        ]


def encode(targets: Sequence[Target]) -> bytes:
    """The radar's report of these targets.

    Raises:
        ValueError: more than three of them, or a number that the report cannot hold: x, y to 32767 mm, speeds in whole cm/s.
    """
    if len(targets) > TARGETS_MAX:
        raise ValueError(f"{len(targets)} targets; the LD2450 reports at most {TARGETS_MAX}")
    slots = b""
    for one in targets:
        if one.speed_mm_s % 10:
            raise ValueError(f"speed_mm_s {one.speed_mm_s}; the LD2450 reports whole cm/s")
        if not 0 <= one.gate_mm <= 0xFFFF:
            raise ValueError(f"gate_mm {one.gate_mm} is not within 0 and 65535")
        slots += _SLOT.pack(_encoded(one.x_mm), _encoded(one.y_mm), _encoded(one.speed_mm_s // 10), one.gate_mm)
    return HEADER + slots.ljust(TARGETS_MAX * _SLOT.size, b"\x00") + TAIL


def measure(data: bytes, at: int) -> int:
    """The length of the report or answer that begins at ``at``, see ``frames.Measure``."""
    if data[at] != HEADER[0]:
        return hilink.measure(data, at)
    if len(data) - at < LENGTH:
        return MORE if HEADER.startswith(data[at : at + 4]) else NONE
    return LENGTH if data.startswith(HEADER, at) and data.startswith(TAIL, at + LENGTH - 2) else NONE


def _targets(frame: bytes) -> tuple[Target, ...]:
    targets = []
    for slot in _SLOT.iter_unpack(frame[4:-2]):
        if slot != _NOBODY:
            x, y, speed, gate_mm = slot
            targets.append(
                Target(
                    x - _POSITIVE if x >= _POSITIVE else -x,
                    y - _POSITIVE if y >= _POSITIVE else -y,
                    (speed - _POSITIVE if speed >= _POSITIVE else -speed) * 10,
                    gate_mm,
                )
            )
    return tuple(targets)


def _encoded(number: int) -> int:
    """Zero has two forms; the one with the bit set keeps a target at the origin from being none."""
    if abs(number) > _LARGEST:
        raise ValueError(f"{number} does not fit into the LD2450's 15 bits")
    return number + _POSITIVE if number >= 0 else -number
