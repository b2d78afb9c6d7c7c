"""A signing key in an ATECC608A or B secure element on I2C, which made the key and never gives it out.

What goes over the bus is from Microchip's public data sheets (DS40001977, DS40002239): groups of count, packet and CRC-16, a wake pulse,
one answer a command. The chip falls asleep 1.3 s after it woke, whatever it does, so every task here is a short session of its own: wake,
one or two commands, sleep. A session that fails on the bus is repeated from its start. The bus has to run at 100 kHz at most, or the chip
does not wake. Configuring and locking a chip is done once, by the tools of its maker: it cannot be undone.
"""

import errno
from hashlib import sha256

from devices.firmware.keys import BoardKeyError, kid_of, point_of_spki, spki_of_point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Command = tuple[int, int, int, bytes, int]

    class I2C(Protocol):
        """What is used of ``machine.I2C``."""

        def writeto(self, address: int, data: bytes) -> object:
            """OSError if nobody acknowledges."""

        def readfrom(self, address: int, size: int) -> bytes:
            """OSError if nobody acknowledges."""


ADDRESS = 0x60
_WAKE_MS = 2
"""tWHI, 1.5 ms: from the wake pulse to the first transmission."""
_POLL_MS = 5
_BUSY_MS = 700
"""The longest command that we give, GenKey with the slowest clock divider, takes 653 ms."""
_PAUSES_MS = (5, 5, 1300)
"""Before each repetition. The last outlasts the chip's watchdog: a chip that a reset of the board left busy or awake is asleep then."""

_WORD_SLEEP = b"\x01"
_WORD_COMMAND = b"\x03"
_AWAKE = b"\x04\x11\x33\x43"

# Opcode, parameters, data, bytes that a successful answer has.
_INFO_REVISION = (0x30, 0, 0, b"", 4)
_READ_FIRST_BLOCK = (0x02, 0x80, 0, b"", 32)
_READ_LOCKS = (0x02, 0, 0x15, b"", 4)
_FAMILY = 0x60
_UNLOCKED = 0x55
_GENKEY = 0x40
_GENKEY_NEW = 0x04
_GENKEY_PUBLIC = 0x00
_NONCE = 0x16
_NONCE_TO_DIGEST_BUFFER = 0x43
_SIGN = 0x41
_SIGN_DIGEST_BUFFER = 0xA0
_SILENT = "the secure element does not answer: check its wiring and supply, and that I2C runs at 100 kHz"
_REFUSALS = {0x03: "malformed command", 0x07: "self test failed", 0x0F: "not allowed by the chip's configuration"}


class Atecc608:
    """A signer; ``serial`` is the chip's own number, 9 bytes.

    Args:
        i2c: the bus.
        sleep_ms: waits so long.
        slot: where the key is.
        new: let the chip make a new key there; the one before is gone for ever.
        address: the chip's, 7 bits.

    Raises:
        BoardKeyError: no such chip there, it is not locked, or it has no key in the slot and may not make one.
    """

    def __init__(
        self, i2c: "I2C", sleep_ms: "Callable[[int], object]", slot: int = 0, new: bool = False, address: int = ADDRESS
    ) -> None:
        self._i2c = i2c
        self._sleep_ms = sleep_ms
        self._slot = slot
        self._address = address
        if self._session(_INFO_REVISION)[2] != _FAMILY:
            raise BoardKeyError("the chip at I2C address %d is no ATECC608" % address)
        block = self._session(_READ_FIRST_BLOCK)
        self.serial = block[:4] + block[8:13]
        locks = self._session(_READ_LOCKS)
        if _UNLOCKED in (locks[2], locks[3]):
            raise BoardKeyError(
                "the secure element is not configured and locked: do that with its maker's tool, then enrol this board"
            )
        point = self._session((_GENKEY, _GENKEY_NEW if new else _GENKEY_PUBLIC, slot, b"", 64))
        self.public_der = spki_of_point(int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big"))
        point_of_spki(self.public_der)
        self.kid = kid_of(self.public_der)

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over ``data``: 64 bytes ``r || s``.

        Raises:
            BoardKeyError: the chip does not answer, or refuses.
        """
        return self._session(
            (_NONCE, _NONCE_TO_DIGEST_BUFFER, 0, sha256(data).digest(), 1),
            (_SIGN, _SIGN_DIGEST_BUFFER, self._slot, b"", 64),
        )

    def _session(self, *commands: "Command") -> bytes:
        """The answer to the last command."""
        answer = b""
        attempt = 0
        while True:
            try:
                self._wake()
                for command in commands:
                    answer = self._answer(*command)
            except OSError:
                if attempt == len(_PAUSES_MS):
                    raise BoardKeyError(_SILENT) from None
            else:
                return answer
            finally:
                self._rest()
            self._sleep_ms(_PAUSES_MS[attempt])
            attempt += 1

    def _wake(self) -> None:
        try:
            self._i2c.writeto(0, b"\x00")  # holds SDA low for more than tWLO, 60 us; nobody acknowledges
        except OSError:
            pass
        self._sleep_ms(_WAKE_MS)
        if self._i2c.readfrom(self._address, 4) != _AWAKE:
            raise OSError(errno.EIO)

    def _rest(self) -> None:
        try:
            self._i2c.writeto(self._address, _WORD_SLEEP)
        except OSError:
            pass

    def _answer(self, opcode: int, param1: int, param2: int, data: bytes, size: int) -> bytes:
        packet = bytes((7 + len(data), opcode, param1, param2 & 0xFF, param2 >> 8)) + data
        self._i2c.writeto(self._address, _WORD_COMMAND + packet + crc16(packet))
        group = self._polled(size + 3)
        count = group[0]
        if crc16(group[: count - 2]) != group[count - 2 : count]:
            raise OSError(errno.EIO)
        answer = group[1 : count - 2]
        if len(answer) == 1 and answer[0] in _REFUSALS:
            raise BoardKeyError("the secure element refuses command 0x%02x: %s" % (opcode, _REFUSALS[answer[0]]))
        if len(answer) != size or (size == 1 and answer[0]):
            raise OSError(errno.EIO)
        return answer

    def _polled(self, size: int) -> bytes:
        waited = 0
        while True:
            self._sleep_ms(_POLL_MS)
            waited += _POLL_MS
            try:
                return self._i2c.readfrom(self._address, size)  # past the group's end the bus reads as ones
            except OSError:
                if waited >= _BUSY_MS:
                    raise


def crc16(data: bytes) -> bytes:
    """The chip's CRC: polynomial 0x8005, bits in from the lowest, no inversion; low byte first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            if (byte >> bit & 1) != crc >> 15:
                crc = (crc << 1 ^ 0x8005) & 0xFFFF
            else:
                crc = crc << 1 & 0xFFFF
    return bytes((crc & 0xFF, crc >> 8))
