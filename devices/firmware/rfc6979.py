"""Nonces of ECDSA from the key and the message alone (RFC 6979 section 3.2, with SHA-256 and P-256): no randomness that could fail."""

from hashlib import sha256

from devices.firmware.curve import N

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_INNER = int.from_bytes(b"\x36" * 64, "big")
_OUTER = int.from_bytes(b"\x5c" * 64, "big")


def hmac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104); the key has 64 bytes at most."""
    padded = int.from_bytes(key + bytes(64 - len(key)), "big")
    inner = sha256((padded ^ _INNER).to_bytes(64, "big") + data).digest()
    return sha256((padded ^ _OUTER).to_bytes(64, "big") + inner).digest()


def numbers(scalar: int, digest: bytes) -> "Iterator[int]":
    """The endless row of numbers in [1, N-1] that RFC 6979 has for this key and this SHA-256 digest. The first is the nonce.

    Nobody without the key can tell those that follow from random ones: they also serve to blind computations.
    """
    seed = scalar.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    value = b"\x01" * 32
    key = hmac(bytes(32), value + b"\x00" + seed)
    value = hmac(key, value)
    key = hmac(key, value + b"\x01" + seed)
    value = hmac(key, value)
    while True:
        value = hmac(key, value)
        number = int.from_bytes(value, "big")
        if 0 < number < N:
            yield number
        key = hmac(key, value + b"\x00")
        value = hmac(key, value)
