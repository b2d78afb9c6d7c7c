"""The chain of a device's events: numbers without holes, each event carrying the hash of the one before.

(device, boot, seq) names an event for ever. Within a boot ``seq`` counts 1, 2, 3 …; the first event of a boot carries the hash of the
last event that the device still knew, so the chain runs on across boots.
"""

from hashlib import sha256

LINK_LENGTH = 16
ZERO = b"\x00" * 16
"""``prev`` of the very first event."""
VOLATILE = 0x80000000
"""Boot numbers from here to 2**32 - 1 are *volatile*: drawn at random by a device that has no durable boot counter (first start, state
destroyed, read-only or full disk). Regular boots count 1, 2, 3 … below."""


def link(payload: bytes) -> bytes:
    """What the next event carries as ``prev``: the first 16 bytes of SHA-256 over this event's payload."""
    return sha256(payload).digest()[:LINK_LENGTH]


class Chain:
    """A device's side of the chain: the next number and ``prev``. Never goes back."""

    def __init__(self, boot: int, prev: bytes = ZERO) -> None:
        self.boot = boot
        self.seq = 0
        self.prev = prev

    def advance(self, payload: bytes) -> None:
        """The event with number ``seq + 1`` was made; ``payload`` is its payload."""
        self.seq += 1
        self.prev = link(payload)


def next_boot(last_regular: int, floor: "int | None", draw: int) -> int:
    """The number of a new boot.

    Args:
        last_regular: the highest regular boot that this device remembers, 0 if none.
        floor: the highest regular boot that the center has named to this device, None if it never did.
        draw: 31 random bits, used when there is nothing to count on.
    """
    if floor is None and last_regular == 0:
        return VOLATILE | (draw & 0x7FFFFFFF)
    return max(last_regular, floor or 0) + 1
