"""A simulated ATECC608B on I2C, at the level of bytes: what a master writes and reads, when the chip acknowledges, and when it sleeps.

It has what a signing device uses of the real one: wake token, watchdog, execution times, CRC, configuration zone with locks, and the
commands Info, Read, Nonce (pass-through), GenKey and Sign. Everything else is refused as the chip refuses what it does not know. Faults
are injected by setting the fields named below. Runs on MicroPython too.
"""

import errno

from devices.firmware import curve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = 0x60
_WAKE_MS = 2
_WATCHDOG_MS = 1300
_MOST_HERTZ_TO_WAKE = 133_000
"""A zero byte at this clock holds SDA low for 60 us, tWLO."""
_EXECUTION_MS = {0x30: 5, 0x02: 5, 0x16: 20, 0x40: 115, 0x41: 115}
"""The longest execution times of the fastest clock divider."""
_OK = b"\x00"
_PARSE_ERROR = b"\x03"
_EXECUTION_ERROR = b"\x0f"
_AFTER_WAKE = b"\x11"
_WATCHDOG_NEAR = b"\xee"
_CRC_ERROR = b"\xff"
_UNLOCKED = 0x55
_SLOT_CONFIG = 20
_LOCK_VALUE = 86
_LOCK_CONFIG = 87
_KEY_CONFIG = 96


class Chip:
    """One chip. ``now_ms()`` is the time, ``random(n)`` gives bytes; ``slots`` are those that hold P-256 keys which GenKey may make.

    Attributes to inject faults: ``naks`` (transmissions that it does not acknowledge), ``corrupt_answers`` (answers with a wrong bit),
    ``garbled_commands`` (commands that arrive with a wrong bit), ``stuck`` (busy for ever), ``ecc_faults`` (GenKey or Sign miscalculate).
    """

    def __init__(
        self,
        now_ms: "Callable[[], int]",
        random: "Callable[[int], bytes]",
        serial: bytes = b"\x01\x23\x5a\x10\x42\x99\x07\x31\xee",
        slots: "tuple[int, ...]" = (0,),
        locked: bool = True,
    ) -> None:
        self._now_ms = now_ms
        self._random = random
        self.config = bytearray(128)
        self.config[:4] = serial[:4]
        self.config[4:8] = b"\x00\x00\x60\x03"
        self.config[8:13] = serial[4:]
        self.config[_LOCK_VALUE] = self.config[_LOCK_CONFIG] = 0 if locked else _UNLOCKED
        for slot in range(16):
            # WriteConfig lets GenKey make keys, IsSecret, ReadKey allows signatures; KeyConfig: private, P-256, lockable.
            self._put(_SLOT_CONFIG, slot, b"\x83\x20" if slot in slots else b"\x0f\x0f")
            self._put(_KEY_CONFIG, slot, b"\x33\x00" if slot in slots else b"\x3c\x00")
        self.keys: dict[int, int] = {}
        self.commands: list[int] = []
        """Opcodes of what it executed."""
        self.naks = 0
        self.corrupt_answers = 0
        self.garbled_commands = 0
        self.ecc_faults = 0
        self.stuck = False
        self.power_cycle()

    def power_cycle(self) -> None:
        """Supply away and back: asleep, nothing in RAM."""
        self._woken: int | None = None
        self._ready = 0
        self._digest: bytes | None = None
        self._input = b""
        self._output = b""
        self._at = 0

    def asleep(self) -> bool:
        """True if it takes nothing but a wake pulse. The watchdog puts it to sleep whatever it does, and clears its RAM."""
        if self._woken is not None and self._now_ms() - self._woken >= _WATCHDOG_MS:
            self.power_cycle()
        return self._woken is None

    def wake(self) -> None:
        """SDA was low for 60 us or longer."""
        if self.asleep():
            self._woken = self._now_ms()
            self._ready = self._woken + _WAKE_MS
            self._answer(_AFTER_WAKE)

    def write(self, data: bytes) -> None:
        """A transmission to the chip: word address, and for a command the group.

        Raises:
            OSError: ENODEV: it does not acknowledge.
        """
        self._acknowledge()
        word = data[:1]
        if word == b"\x00":
            self._at = 0
        elif word == b"\x01":
            self.power_cycle()
        elif word == b"\x02":
            self._woken = None
        elif word == b"\x03":
            self._input += data[1:]
            if self._input and len(self._input) >= self._input[0]:
                group = self._input[: self._input[0]]
                self._input = b""
                self._command(group)

    def read(self, size: int) -> bytes:
        """What the chip sends next; past its answer the bus reads as ones.

        Raises:
            OSError: ENODEV: asleep, busy, or in the middle of a command.
        """
        self._acknowledge()
        if self._input:
            raise OSError(errno.ENODEV)
        sent = self._output[self._at : self._at + size]
        self._at += len(sent)
        return sent + b"\xff" * (size - len(sent))

    def _acknowledge(self) -> None:
        if self.asleep() or self.stuck or self._now_ms() < self._ready:
            raise OSError(errno.ENODEV)
        if self.naks:
            self.naks -= 1
            raise OSError(errno.ENODEV)

    def _command(self, group: bytes) -> None:
        if self.garbled_commands:
            self.garbled_commands -= 1
            group = group[:1] + bytes((group[1] ^ 0x08,)) + group[2:]
        if len(group) < 7 or crc(group[:-2]) != group[-2:]:
            self._answer(_CRC_ERROR)
            return
        opcode = group[1]
        takes = _EXECUTION_MS.get(opcode, 1)
        assert self._woken is not None
        if self._now_ms() + takes >= self._woken + _WATCHDOG_MS:
            self._answer(_WATCHDOG_NEAR)
            return
        self._ready = self._now_ms() + takes
        self.commands.append(opcode)
        self._answer(self._executed(opcode, group[2], group[3] | group[4] << 8, group[5:-2]))

    def _executed(self, opcode: int, mode: int, param2: int, data: bytes) -> bytes:
        if opcode == 0x30 and mode == 0:
            return bytes(self.config[4:8])
        if opcode == 0x02 and mode in {0, 0x80}:
            size, at = (32, param2 * 4) if mode else (4, param2 * 4)
            return bytes(self.config[at : at + size]) if at + size <= len(self.config) else _PARSE_ERROR
        if opcode == 0x16 and mode == 0x43 and len(data) == 32:
            if self.config[_LOCK_CONFIG] == _UNLOCKED:
                return _EXECUTION_ERROR
            self._digest = data
            return _OK
        if opcode == 0x40 and mode in {0, 0x04} and param2 < 16:
            return self._made_key(param2, bool(mode))
        if opcode == 0x41 and mode == 0xA0 and param2 < 16:
            return self._signature(param2)
        return _PARSE_ERROR

    def _made_key(self, slot: int, new: bool) -> bytes:
        if self.config[_LOCK_CONFIG] == _UNLOCKED or not self._is_key(slot):
            return _EXECUTION_ERROR
        if new:
            if not self.config[_SLOT_CONFIG + 2 * slot + 1] & 0x20:
                return _EXECUTION_ERROR
            self.keys[slot] = self._number()
        if slot not in self.keys:
            return _EXECUTION_ERROR
        if self._faulty():
            return b"\x05"
        x, y = _times(self.keys[slot])
        return x.to_bytes(32, "big") + y.to_bytes(32, "big")

    def _signature(self, slot: int) -> bytes:
        digest = self._digest
        self._digest = None
        unlocked = _UNLOCKED in (self.config[_LOCK_CONFIG], self.config[_LOCK_VALUE])
        if unlocked or digest is None or slot not in self.keys or not self._is_key(slot):
            return _EXECUTION_ERROR
        if self._faulty():
            return b"\x05"
        nonce = self._number()
        r = _times(nonce)[0] % curve.N
        s = curve.inverse(nonce, curve.N) * (int.from_bytes(digest, "big") + r * self.keys[slot]) % curve.N
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _faulty(self) -> bool:
        if self.ecc_faults:
            self.ecc_faults -= 1
            return True
        return False

    def _number(self) -> int:
        while True:
            number = int.from_bytes(self._random(32), "big")
            if 0 < number < curve.N:
                return number

    def _is_key(self, slot: int) -> bool:
        return self.config[_KEY_CONFIG + 2 * slot] & 0x1D == 0x11

    def _put(self, where: int, slot: int, value: bytes) -> None:
        self.config[where + 2 * slot : where + 2 * slot + 2] = value

    def _answer(self, data: bytes) -> None:
        group = bytes((len(data) + 3,)) + data
        group += crc(group)
        if self.corrupt_answers and data != _AFTER_WAKE:
            self.corrupt_answers -= 1
            group = group[:1] + bytes((group[1] ^ 0x20,)) + group[2:]
        self._output = group
        self._at = 0


class Bus:
    """The bus with this chip as a driver sees it, in the words of ``machine.I2C``."""

    def __init__(self, chip: Chip, address: int = ADDRESS, hertz: int = 100_000) -> None:
        self._chip = chip
        self._address = address
        self._wakes = hertz <= _MOST_HERTZ_TO_WAKE

    def writeto(self, address: int, data: bytes) -> int:
        """Bytes acknowledged. OSError(ENODEV) if nobody is there."""
        if address == 0 and self._wakes:
            self._chip.wake()
        if address != self._address:
            raise OSError(errno.ENODEV)
        self._chip.write(bytes(data))
        return len(data)

    def readfrom(self, address: int, size: int) -> bytes:
        """``size`` bytes. OSError(ENODEV) if nobody is there."""
        if address != self._address:
            raise OSError(errno.ENODEV)
        return self._chip.read(size)


def crc(data: bytes) -> bytes:
    """CRC-16 of the data sheet, here by the polynomial's mirror image: shifted out to the right, and the bits turned round at the end."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    turned = 0
    for bit in range(16):
        turned = turned << 1 | value >> bit & 1
    return bytes((turned & 0xFF, turned >> 8))


def _times(scalar: int) -> "tuple[int, int]":
    """The base point times ``scalar``, by plain doubling and adding."""
    point = curve.INFINITY
    for bit in range(255, -1, -1):
        point = curve.double(point)
        if scalar >> bit & 1:
            point = curve.add(point, curve.G[0], curve.G[1])
    return curve.affine(point)
