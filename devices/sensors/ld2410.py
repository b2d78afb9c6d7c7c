"""HLK-LD2410, a 24 GHz radar that tells whether somebody is there, moving or still: its reports, basic and engineering.

Source: Hi-Link, "HLK-LD2410 serial communication protocol", 2.3: 256000 baud 8N1, ``F4 F3 F2 F1``, length, type (2 basic, 1 engineering),
``AA``, state, distance in cm and energy of what moves, of what is still, detection distance in cm, in engineering mode the numbers of the
last gates, their energies, light and output pin, ``55 00``, ``F8 F7 F6 F5``; no checksum. State is 0 nobody, 1 moving, 2 still, 3 both,
4 to 6 while it measures background noise, when it says nothing about people.
"""

import re
import struct

from devices.sensors import hilink
from devices.sensors.frames import MORE, NONE, FrameDecoder
from devices.sensors.readings import Presence

BAUD = 256_000
HEADER = b"\xf4\xf3\xf2\xf1"
TAIL = b"\xf8\xf7\xf6\xf5"
ENGINEERING = 1
BASIC = 2
BASIC_LENGTH = 13
GATES_MAX = 9
ENGINEERING_MIN = BASIC_LENGTH + 6
ENGINEERING_MAX = BASIC_LENGTH + 4 + 2 * GATES_MAX

_FIRST = re.compile(rb"[\xf4\xfd]")
_REPORT = struct.Struct("<BHBHBH")
_LENGTHS = {BASIC: (BASIC_LENGTH, BASIC_LENGTH), ENGINEERING: (ENGINEERING_MIN, ENGINEERING_MAX)}
_MOVING = 1
_STILL = 2
_MEASURING_NOISE = 4


class Decoder(FrameDecoder):
    """Readings out of the radar's bytes."""

    def __init__(self) -> None:
        super().__init__(_FIRST, measure)

    def feed(self, data: bytes, at_ms: int) -> list[Presence | hilink.Answer]:
        """Take bytes as they come; never raises."""
        found: list[Presence | hilink.Answer] = []
        for frame in self._frames.feed(data):
            if frame[0] == HEADER[0]:
                state, moving_cm, moving_energy, still_cm, still_energy, distance_cm = _REPORT.unpack_from(frame, 8)
                if state < _MEASURING_NOISE:
                    found.append(
                        Presence(
                            at_ms,
                            bool(state & _MOVING),
                            bool(state & _STILL),
                            distance_cm * 10,
                            moving_cm * 10,
                            moving_energy,
                            still_cm * 10,
                            still_energy,
                        )
                    )
            else:
                found.append(hilink.decode(frame))
        return found


def encode(presence: Presence, gates: tuple[bytes, bytes] | None = None) -> bytes:
    """The radar's report; with ``gates``, the energies of moving and still targets by distance, the engineering one.

    Raises:
        ValueError: distances that are not whole cm or beyond 65535 cm, energies beyond 255, or not 1 to 9 gates.
    """
    for name in ("distance_mm", "moving_mm", "still_mm"):
        if getattr(presence, name) % 10:
            raise ValueError(f"{name} {getattr(presence, name)}; the LD2410 reports whole cm")
    state = _MOVING * presence.moving + _STILL * presence.still
    numbers = (
        presence.moving_mm // 10,
        presence.moving_energy,
        presence.still_mm // 10,
        presence.still_energy,
        presence.distance_mm // 10,
    )
    try:
        inside = _REPORT.pack(state, *numbers)
    except struct.error as error:
        raise ValueError(f"{presence} does not fit into a report of the LD2410: {error}") from None
    kind = BASIC
    if gates is not None:
        if not all(1 <= len(one) <= GATES_MAX for one in gates):
            raise ValueError(f"the LD2410 has 1 to {GATES_MAX} gates")
        kind = ENGINEERING
        inside += bytes((len(gates[0]) - 1, len(gates[1]) - 1)) + gates[0] + gates[1] + bytes((0, state > 0))
    inside = bytes((kind, 0xAA)) + inside + b"\x55\x00"
    return HEADER + len(inside).to_bytes(2, "little") + inside + TAIL


def measure(data: bytes, at: int) -> int:
    """The length of the report or answer that begins at ``at``, see ``frames.Measure``."""
    if data[at] != HEADER[0]:
        return hilink.measure(data, at)
    if not HEADER.startswith(data[at : at + 4]):
        return NONE
    if len(data) - at < 8:
        return MORE
    inside = data[at + 4] | data[at + 5] << 8
    kind = data[at + 6]
    least, most = _LENGTHS.get(kind, (0, -1))
    if data[at + 7] != 0xAA or not least <= inside <= most:
        return NONE
    end = at + 6 + inside + 4
    if len(data) < end:
        return MORE
    whole = data.endswith(TAIL, at, end) and data.startswith(b"\x55\x00", end - 6) and data[at + 8] <= 6
    if kind == ENGINEERING:
        whole = whole and inside == ENGINEERING_MIN + data[at + 17] + data[at + 18]
    return end - at if whole else NONE
