"""What a board runs at its prompt while it is enrolled: it makes its key, and signs the request for its certificate.

Sent over the cable, loaded from a folder that is removed again; no part of the firmware. The private key never leaves the board.
"""

import os
from binascii import hexlify

from devices.firmware import comb, curve
from devices.firmware.keys import certificate_request
from devices.firmware.softkey import SoftKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = "/keys"
KEY = KEYS + "/device.key"


def request(device: str, radio: "Any") -> str:
    """The request (PKCS#10, DER, as hex). A key that is there already is used again: whoever was interrupted goes on.

    Args:
        device: its name.
        radio: of `network.WLAN`; switched on, for its noise feeds the hardware's random source.

    Raises:
        BoardKeyError: the key is damaged, or the board cannot make one.
        OSError: flash fails or is full.
    """
    if "keys" not in os.listdir("/"):
        os.mkdir(KEYS)
    generator = comb.make_sure(KEYS + "/g.comb", curve.G[0], curve.G[1])
    if "device.key" in os.listdir(KEYS):
        key = SoftKey.load(KEY, generator)
    else:
        radio.active(True)
        key = SoftKey.generate(KEY, generator, os.urandom)
    return hexlify(certificate_request(key, device)).decode()
