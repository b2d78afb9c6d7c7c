"""A signing key in a file of the board's flash: made here, from the hardware's random source, and never sent anywhere.

Whoever can read the flash has the key, unless flash encryption is on; a board with an `atecc608` gives its key to nobody.
"""

import errno
import os
from hashlib import sha256

from devices.firmware import p256, rfc6979
from devices.firmware.curve import N
from devices.firmware.keys import BoardKeyError, check_pair, kid_of, spki_of_point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

# PKCS#8 (RFC 5208) around ECPrivateKey (RFC 5915) with its public key: head, 32 bytes scalar, middle, point.
_PKCS8_HEAD = (
    b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    b"\x04\x6d\x30\x6b\x02\x01\x01\x04\x20"
)
_PKCS8_MIDDLE = b"\xa1\x44\x03\x42\x00"
_POINT_SIZE = 65
_SCALAR_SIZE = 32
_CHECK_SIZE = 8
_DRAWS = 16


class SoftKey:
    """A signer. ``generator`` is the path of the base point's table (see `comb`)."""

    def __init__(self, scalar: int, generator: str) -> None:
        self._scalar = scalar
        self._generator = generator
        blind = next(rfc6979.numbers(scalar, bytes(32)))
        x, y = p256.public_point(generator, scalar, blind)
        self.public_der = spki_of_point(x, y)
        self.kid = kid_of(self.public_der)

    @classmethod
    def load(cls, path: str, generator: str) -> "Self":
        """Read the key.

        Raises:
            BoardKeyError: the file is missing or damaged.
            OSError: flash cannot be read.
        """
        try:
            with open(path, "rb") as file:
                contents = file.read(_SCALAR_SIZE + _CHECK_SIZE + 1)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            raise BoardKeyError("no key in %s: enrol this board" % path) from None
        scalar = int.from_bytes(contents[:_SCALAR_SIZE], "big")
        if contents != key_file(scalar) or not 0 < scalar < N:
            raise BoardKeyError("the key in %s is damaged: erase the board and enrol it again" % path)
        return cls(scalar, generator)

    @classmethod
    def generate(cls, path: str, generator: str, random: "Callable[[int], bytes]") -> "Self":
        """Make a key, let it prove itself, and keep it in a new file. ``random(n)`` gives n bytes of the hardware's random source.

        Raises:
            BoardKeyError: there is a key already, the random source is broken, or the new key does not verify what it signs.
            OSError: the file or a table cannot be written.
        """
        try:
            os.stat(path)
        except OSError:
            pass
        else:
            raise BoardKeyError(
                "there is a key in %s already: erase it first if this board shall get a new identity" % path
            )
        scalar = _drawn(random)
        key = cls(scalar, generator)
        check_pair(key, generator, path + ".comb")
        with open(path + ".new", "wb") as file:
            file.write(key_file(scalar))
        os.rename(path + ".new", path)
        return cls.load(path, generator)

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over ``data``: 64 bytes ``r || s``, the same for the same data (RFC 6979).

        Raises:
            BoardKeyError: the table of the base point cannot be read now; what was to be signed waits.
        """
        digest = sha256(data).digest()
        try:
            return p256.sign(self._generator, self._scalar, digest, rfc6979.numbers(self._scalar, digest))
        except OSError as error:
            raise BoardKeyError("flash cannot be read for a signature: %s" % error) from None

    def private_der(self) -> bytes:
        """The private key as PKCS#8 DER, which MicroPython's TLS wants. It is for this board's own connection, and nobody else."""
        number = self._scalar.to_bytes(_SCALAR_SIZE, "big")
        return _PKCS8_HEAD + number + _PKCS8_MIDDLE + self.public_der[-_POINT_SIZE:]


def key_file(scalar: int) -> bytes:
    """What the file of a key holds: the number, and a check of it."""
    number = scalar.to_bytes(_SCALAR_SIZE, "big")
    return number + sha256(number).digest()[:_CHECK_SIZE]


def _drawn(random: "Callable[[int], bytes]") -> int:
    """A number from 1 to N-1, each equally likely (FIPS 186-5 appendix A.2.2): what is out of range is drawn again, never reduced."""
    last = random(_SCALAR_SIZE)
    for _ in range(_DRAWS):
        drawn = random(_SCALAR_SIZE)
        scalar = int.from_bytes(drawn, "big")
        if len(drawn) == _SCALAR_SIZE and drawn != last and 0 < scalar < N:
            return scalar
        last = drawn
    raise BoardKeyError("the random source repeats itself or gives nothing usable: replace the board")
