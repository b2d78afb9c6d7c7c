"""Who a board is: the key it signs with, its certificates, the centers it believes, and the TLS side of its connection.

One key in flash does both, signing and TLS. Where a secure element is fitted, that signs; the key in flash is then for the connection
only, since MicroPython's TLS wants the private key itself, and each of the two has a certificate of its own.
"""

import errno
import time

from agent.errors import HardwareError
from devices.firmware import comb, curve, dial
from devices.firmware.keys import BoardKeyError
from devices.firmware.options import SECURE_ELEMENT
from devices.firmware.softkey import SoftKey
from devices.firmware.trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from devices.firmware.keys import Signer
    from devices.firmware.watchdog import Watchdog

KEYS = "/keys"
HERTZ = 100_000
_URI = 0x86
_MAX_BYTES = 2048


class Identity:
    """One board's identity, read and checked.

    Args:
        name: the device's name, which its certificates have to bear.
        element: where the secure element is, None without one.
        watchdog: waits longer while tables are made, and is fed between steps.

    Attributes:
        signer: of events and presence.
        chain: the signer's certificates, DER.
        trust: the centers' keys.
        tls: for `dial`.

    Raises:
        BoardKeyError, LinkError: keys or certificates are missing, damaged or do not belong together.
        HardwareError: the secure element's pins are not to be had.
        OSError: flash cannot be read, or is full.
    """

    def __init__(self, name: str, element: "dict[str, int] | None", watchdog: "Watchdog") -> None:
        generator = comb.make_sure(KEYS + "/g.comb", curve.G[0], curve.G[1])
        watchdog.feed()
        key = SoftKey.load(KEYS + "/device.key", generator)
        self.signer: "Signer" = key
        self.trust = Trust(KEYS, generator, watchdog.patiently)
        while self.trust.prepare():
            watchdog.feed()
        issuer = _read("issuer.der")
        self.chain = [_certificate("device.der", name, key), issuer]
        self.tls = dial.context(_read("root.der"), self.chain, key.private_der())
        if SECURE_ELEMENT and element is not None:
            self.signer = _chip(element, watchdog.feed)
            self.chain = [_certificate("element.der", name, self.signer), issuer]


def _chip(element: "dict[str, int]", feed: "Callable[[], object]") -> "Any":
    from machine import I2C, Pin  # noqa: PLC0415  where there is an element

    from devices.firmware.atecc608 import Atecc608  # noqa: PLC0415

    def pause(ms: int) -> None:
        """A chip that hangs is waited for longer than the watchdog waits for the board."""
        feed()
        time.sleep_ms(ms)  # type: ignore[attr-defined]  # MicroPython's own

    try:
        bus = I2C(0, scl=Pin(element["scl"]), sda=Pin(element["sda"]), freq=HERTZ)
    except ValueError as error:
        raise HardwareError("secure_element: %s; choose other pins" % error)
    return Atecc608(bus, pause, element["slot"], address=element["address"])


def _certificate(file: str, name: str, signer: "Signer") -> bytes:
    """This key's certificate, which has to be this device's. Whether it is true is for those to judge who are shown it."""
    der = _read(file)
    uri = b"urn:dabyl:device:" + name.encode()
    if bytes((_URI, len(uri))) + uri not in der:
        raise BoardKeyError("%s is not a certificate of %s: enrol this board again" % (file, name))
    if signer.public_der not in der:
        raise BoardKeyError("%s is the certificate of another key: enrol this board again" % file)
    return der


def _read(file: str) -> bytes:
    try:
        with open(KEYS + "/" + file, "rb") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        raise BoardKeyError("no %s/%s: enrol this board" % (KEYS, file))
