"""Claims: what stands on a label and lets one board ask for its certificate, once and not for long.

A code has 80 random bits: nobody guesses it, however often he may try, and its plain digest in the file gives nothing away. The first
key that shows the code has it for itself: the same key may ask again, for its answer may have been lost on the way; another one may not.
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlencode

from provisioning.inventory.errors import ClaimError
from provisioning.inventory.inventory import Inventory, advance, needed
from provisioning.inventory.record import CLAIMED

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that reads like a digit."""
LENGTH = 16
VALID_MS = 14 * 86_400_000
VALID_MAX_MS = 90 * 86_400_000
_LOOKS_LIKE = str.maketrans("OIL", "011", " -")


def make(inventory: Inventory, name: str, now_ms: int, valid_ms: int = VALID_MS) -> str:
    """A new claim for a device, as groups of four letters. One that was made before does not count any more. It is told only now.

    Raises:
        UnknownDeviceError: no such device.
        StateError: the device is revoked.
        ClaimError: the device's board is not known, or the claim would last too long.
    """
    if not 60_000 <= valid_ms <= VALID_MAX_MS:
        raise ClaimError("claim-time")
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    with inventory.database.change() as connection:
        device = needed(connection, name)
        if not device.serial:
            raise ClaimError("claim-no-board", device=name)
        advance(connection, device, CLAIMED, now_ms)
        connection.execute(
            "INSERT OR REPLACE INTO claims (name, digest, serial, expires_ms) VALUES (?, ?, ?, ?)",
            (name, _digest(code), device.serial, now_ms + valid_ms),
        )
    return "-".join(code[at : at + 4] for at in range(0, LENGTH, 4))


def redeem(inventory: Inventory, name: str, code: str, serial: str, kid: bytes, now_ms: int) -> None:
    """Take a claim for the key ``kid`` of the board ``serial``; from then on it is this key's alone.

    Raises:
        ClaimError: no such claim, or it is expired, for another board, or another key's. Who does not have the code does not learn which.
    """
    with inventory.database.change() as connection:
        row = connection.execute(
            "SELECT digest, serial, expires_ms, kid FROM claims WHERE name = ?", (name,)
        ).fetchone()
        digest, board, expires_ms, owner = row or (bytes(32), "", 0, None)
        # Both sides are digests: how long comparing takes says nothing of the code, and nothing of whether the name exists.
        if not hmac.compare_digest(_digest(normal(code)), digest) or row is None:
            raise ClaimError("claim-wrong")
        if now_ms >= expires_ms:
            raise ClaimError("claim-expired", device=name)
        if serial != board:
            raise ClaimError("claim-other-board", device=name, serial=serial[:80])
        if owner not in {None, kid}:
            raise ClaimError("claim-used", device=name)
        connection.execute("UPDATE claims SET kid = ? WHERE name = ?", (kid, name))


def normal(code: str) -> str:
    """A code as it was made: capital letters, no dashes, and 0 and 1 for letters that look like them."""
    return code[:64].upper().translate(_LOOKS_LIKE)


def uri(name: str, code: str, server: str, root: bytes) -> str:
    """All that a label's QR code says: ``dabyl:claim?…`` with name, code, the server's URL, SHA-256 of the root certificate."""
    return "dabyl:claim?" + urlencode({"name": name, "code": code, "server": server, "root": root.hex()})


def _digest(code: str) -> bytes:
    return sha256(b"dabyl claim\x00" + code.encode(errors="replace")).digest()
