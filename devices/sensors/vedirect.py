"""VE.Direct, the serial port of Victron's solar chargers: text blocks once a second, HEX messages between them.

Source: Victron Energy, "VE.Direct Protocol" and "VE.Direct Protocol FAQ": 19200 baud 8N1; a block is lines of ``CR LF name TAB value``, the
last named ``Checksum`` with one byte that makes the sum of the whole block 0 modulo 256. A HEX message is ``:`` to ``LF``; it may stand
anywhere but in front of the checksum byte, and is no part of the block. ``V`` and ``VPV`` are mV, ``I`` mA, ``PPV`` W.
"""

import re

from devices.sensors.readings import Charge, ChargeState

BAUD = 19_200
BLOCK_MAX = 1024
"""22 lines of at most 8 bytes of name and 33 of value."""
HEX_MAX = 256

_MARK = b"\r\nChecksum\t"
_UP_TO_NOISE = re.compile(rb".*[^\t\r\n -~]", re.DOTALL)
_NUMBER = re.compile(rb"[+-]?[0-9]{1,9}")
_STATES = {
    0: ChargeState.OFF,
    2: ChargeState.FAULT,
    3: ChargeState.BULK,
    4: ChargeState.ABSORPTION,
    5: ChargeState.FLOAT,
}
_STATE_NUMBERS = {state: number for number, state in _STATES.items()}
_OTHER = 247
"""Equalizing, one of the states that make no difference here."""


class Decoder:
    """Readings out of the charger's bytes. ``understood`` counts whole blocks, ``skipped`` the bytes of damaged ones."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._checksum_next = False
        self._in_hex = False
        self._hex_bytes = 0
        self._damaged = False
        self.understood = 0
        self.skipped = 0

    def feed(self, data: bytes, at_ms: int) -> list[Charge]:
        """Take bytes as they come; never raises."""
        found: list[Charge] = []
        while data:
            if self._in_hex:
                data = self._pass_hex(data)
            elif self._checksum_next:
                self._block += data[:1]
                data = data[1:]
                found += self._end_of_block(at_ms)
            else:
                data = self._text(data)
        return found

    def _pass_hex(self, data: bytes) -> bytes:
        end = data.find(b"\n", 0, HEX_MAX - self._hex_bytes)
        taken = min(len(data), HEX_MAX - self._hex_bytes) if end < 0 else end + 1
        self._hex_bytes += taken
        if end < 0 and self._hex_bytes == HEX_MAX:
            self.skipped += HEX_MAX
        self._in_hex = end < 0 and self._hex_bytes < HEX_MAX
        return data[taken:]

    def _text(self, data: bytes) -> bytes:
        """Take text up to a HEX message or a checksum; return the bytes after it."""
        colon = data.find(b":")
        text = data if colon < 0 else data[:colon]
        begin = max(0, len(self._block) - len(_MARK))
        self._block += text
        mark = self._block.find(_MARK, begin)
        beyond = 0
        if mark >= 0:
            beyond = len(self._block) - mark - len(_MARK)
            del self._block[mark + len(_MARK) :]
            self._checksum_next = True
        noise = _UP_TO_NOISE.match(self._block)
        if noise:
            self._give_up(noise.end())
        elif len(self._block) > BLOCK_MAX:
            self._give_up(len(self._block) - len(_MARK))
        if mark >= 0:
            return data[len(text) - beyond :]
        if colon < 0:
            return b""
        self._in_hex = True
        self._hex_bytes = 0
        return data[colon + 1 :]

    def _give_up(self, length: int) -> None:
        """Forget as much of the block; what is left of it will count for nothing."""
        self.skipped += length
        del self._block[:length]
        self._damaged = True

    def _end_of_block(self, at_ms: int) -> list[Charge]:
        block = bytes(self._block)
        self._block.clear()
        self._checksum_next = False
        damaged = self._damaged or sum(block) & 0xFF
        self._damaged = False
        if damaged:
            self.skipped += len(block)
            return []
        self.understood += 1
        fields = dict(line.partition(b"\t")[::2] for line in block[: -len(_MARK) - 1].split(b"\r\n"))
        charge = _charge(fields, at_ms)
        return [] if charge is None else [charge]


def encode(charge: Charge, serial: str = "HQ2132TEST1") -> bytes:
    """The block with which a charger tells this. Raises ValueError for a panel's power that is not in whole watts."""
    if charge.panel_mw % 1000:
        raise ValueError(f"panel_mw {charge.panel_mw}; VE.Direct tells whole watts")
    told = {"PID": "0xA060", "FW": "161", "SER#": serial, "V": charge.battery_mv, "I": charge.battery_ma}
    if charge.panel_mv is not None:
        told["VPV"] = charge.panel_mv
    told |= {"PPV": charge.panel_mw // 1000, "CS": _STATE_NUMBERS.get(charge.state, _OTHER), "ERR": charge.error}
    block = b"".join(f"\r\n{name}\t{value}".encode() for name, value in told.items()) + _MARK
    return block + bytes((-sum(block) & 0xFF,))


def _charge(fields: dict[bytes, bytes], at_ms: int) -> Charge | None:
    """None if the block is whole but not a solar charger's."""
    numbers = {name: _number(fields.get(name)) for name in (b"V", b"I", b"VPV", b"PPV", b"CS", b"ERR")}
    battery_mv, battery_ma, panel_w, state = (numbers[name] for name in (b"V", b"I", b"PPV", b"CS"))
    if battery_mv is None or battery_ma is None or panel_w is None or state is None:
        return None
    return Charge(
        at_ms,
        battery_mv,
        battery_ma,
        numbers[b"VPV"],
        panel_w * 1000,
        _STATES.get(state, ChargeState.OTHER),
        numbers[b"ERR"] or 0,
    )


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None
