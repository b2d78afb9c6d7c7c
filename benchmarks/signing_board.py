"""Runs on MicroPython: times of signing, verifying and making a table, and of a computation whose time on an ESP32 is published.

``micropython -X heapsize=220K signing_board.py <folder> <rounds>`` prints one JSON object: microseconds, the best of the rounds, which
take turns so that a busy machine weighs on all alike. `benchmarks.signing` starts it.
"""

import gc
import json
import os
import sys
import time
from hashlib import sha256

from devices.firmware import comb, curve, p256, rfc6979

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SCALAR = 0x1F2E3D4C5B6A79881122334455667788990A0B0C0D0E0F102132435465768798
DIGITS = 65


def digits_of_pi(count: int) -> "list[int]":
    """The first digits of pi by Gibbons' unbounded spigot: products and quotients of integers that grow to some hundred bits."""
    q, r, s, t = 1, 0, 0, 1
    k = 0
    digits: list[int] = []
    while len(digits) < count:
        digit = (3 * q + r) // (3 * s + t)
        if digit == (4 * q + r) // (4 * s + t):
            digits.append(digit)
            a, b, c, d = 10, -10 * digit, 0, 1
            q, r, s, t = a * q, a * r + b * t, c * q + d * s, c * r + d * t
        else:
            k += 1
            a, b, c, d = k, 4 * k + 2, 0, 2 * k + 1
            q, r, s, t = q * a, q * b + r * d, s * a + t * c, s * b + t * d
    return digits


def took_us(body: "Callable[[], object]") -> int:
    """Microseconds that ``body`` takes."""
    started = time.ticks_us()  # type: ignore[attr-defined]  # MicroPython has it
    body()
    return time.ticks_diff(time.ticks_us(), started)  # type: ignore[attr-defined,no-any-return]  # as above


def main(folder: str, rounds: int) -> None:
    """Measure, and print."""
    generator = comb.make_sure(folder + "/generator.comb", *curve.G)
    point = p256.public_point(generator, SCALAR, 1)
    key = comb.make_sure(folder + "/key.comb", *point)
    digest = sha256(bytes(200)).digest()

    def sign() -> bytes:
        return p256.sign(generator, SCALAR, digest, rfc6979.numbers(SCALAR, digest))

    def verify() -> None:
        if not p256.verify(generator, key, signature, digest):
            raise ValueError("the signature does not verify")

    def make_table() -> None:
        os.remove(key)  # noqa: PTH107 - MicroPython has no pathlib
        comb.make_sure(key, *point)

    signature = sign()
    if digits_of_pi(DIGITS)[-5:] != [4, 5, 9, 2, 3]:
        raise ValueError("not the digits of pi")
    bodies = {"pi": lambda: digits_of_pi(DIGITS), "sign": sign, "verify": verify, "table": make_table}
    best = dict.fromkeys(bodies, 1 << 30)
    for _ in range(rounds):
        for name, body in bodies.items():
            gc.collect()
            best[name] = min(best[name], took_us(body))
    print(json.dumps(best))


main(sys.argv[1], int(sys.argv[2]))
