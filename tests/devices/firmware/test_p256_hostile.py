"""What a verifier on a board has to refuse, and the rare ones that it has to accept: the classes of Wycheproof's ECDSA tests."""

import hashlib
import itertools
import random

import pytest

from devices.firmware import p256
from devices.firmware.curve import N, P
from tests.devices.firmware.ecdsa import (
    EDGE_SCALARS,
    RFC_KEY,
    RFC_POINT,
    Open,
    key_for,
    openssl_says,
    point_with_x,
    raw,
    signed,
    times,
)

DIGEST = hashlib.sha256(b"receipt").digest()


def test_any_length_and_any_bytes_end_in_false(generator: str, table: Open) -> None:
    key = table(*RFC_POINT)
    rng = random.Random(9)
    good = signed(generator, RFC_KEY, DIGEST)
    for size in [*range(64), 65, 66, 70, 71, 72, 96, 128, 4096]:
        assert p256.verify(generator, key, rng.randbytes(size), DIGEST) is False
        assert p256.verify(generator, key, (good * 64)[:size], DIGEST) is False
    assert p256.verify(generator, key, good + b"\x00", DIGEST) is False
    assert p256.verify(generator, key, b"\x00" + good, DIGEST) is False


def test_r_and_s_at_the_edges_of_their_range(generator: str, table: Open) -> None:
    key = table(*RFC_POINT)
    good = signed(generator, RFC_KEY, DIGEST)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    edges = [0, 1, 2, N - 1, N, N + 1, P - N, P - 1, P, P + 1, (1 << 256) - 1, 1 << 255, N >> 1, N + 1 >> 1,
             N - r, N - s, r, s]  # fmt: skip
    for a, b in itertools.product(edges, edges):
        for pair in (raw(a, b), raw(r, b), raw(a, s)):
            assert p256.verify(generator, key, pair, DIGEST) == openssl_says(RFC_POINT, pair, DIGEST)
    assert p256.verify(generator, key, raw(r, N - s), DIGEST)  # malleable, as ECDSA is


def test_other_forms_of_the_same_numbers_are_refused(generator: str, table: Open) -> None:
    point, r = next((p, p[0]) for p in map(point_with_x, range(3, 99)) if p)
    key = key_for(point, r, 1234567, 99)
    digest = (99).to_bytes(32, "big")
    assert p256.verify(generator, table(*key), raw(r, 1234567), digest)
    for other in (
        raw(r + N, 1234567),
        raw(r, 1234567 + N),
        raw(r, 0)[:32] + b"\x00" + raw(0, 1234567)[32:],
        raw(r, 1234567)[:32] + b"\x12\xd6\x87",
    ):
        assert not p256.verify(generator, table(*key), other, digest)


def test_a_point_whose_x_is_beyond_n_counts_with_x_less_n(generator: str, table: Open) -> None:
    point = next(p for p in map(point_with_x, range(N + 1, N + 99)) if p)
    r, s, digest = point[0] - N, 987654321, DIGEST
    key = key_for(point, r, s, int.from_bytes(digest, "big"))

    assert openssl_says(key, raw(r, s), digest)
    assert p256.verify(generator, table(*key), raw(r, s), digest)
    assert not p256.verify(generator, table(*key), raw(point[0], s), digest)


def test_r_plus_n_beyond_p_is_not_taken_for_its_remainder(generator: str, table: Open) -> None:
    point = next(p for p in map(point_with_x, range(3, 99)) if p)
    r, s, digest = point[0] + P - N, 5555, DIGEST
    key = key_for(point, r, s, int.from_bytes(digest, "big"))

    assert not openssl_says(key, raw(r, s), digest)
    assert not p256.verify(generator, table(*key), raw(r, s), digest)


def test_a_sum_at_infinity_is_no_signature(generator: str, table: Open) -> None:
    # z G + r Q = 0 for Q = (-z / r) G, whatever s is.
    z, r = 1_000_003, 42
    scalar = -z * pow(r, -1, N) % N
    digest = z.to_bytes(32, "big")
    for s in (1, 2, 77, N - 1):
        assert not openssl_says(times(scalar), raw(r, s), digest)
        assert not p256.verify(generator, table(*times(scalar)), raw(r, s), digest)


@pytest.mark.parametrize("scalar", [1, 2, 3, N - 1, N - 2, N - 3, (N + 1) // 2])
def test_keys_that_are_the_base_point_or_near_it(generator: str, table: Open, scalar: int) -> None:
    point = times(scalar)
    key = table(*point)
    for z in (0, 1, N - 1, N, N + 1, P, (1 << 256) - 1, 1 << 255):
        digest = z.to_bytes(32, "big")
        signature = signed(generator, scalar, digest)
        assert openssl_says(point, signature, digest)
        assert p256.verify(generator, key, signature, digest)
    for r, s, z in itertools.product((1, 2, 3, N - 1), repeat=3):
        digest = z.to_bytes(32, "big")
        assert p256.verify(generator, key, raw(r, s), digest) == openssl_says(point, raw(r, s), digest)


def test_u1_and_u2_at_their_edges(generator: str, table: Open) -> None:
    # For chosen u1 and u2 there are r, s, z: r is x of u1 G + u2 Q, s = r / u2, z = u1 s.
    key, scalar = table(*RFC_POINT), RFC_KEY
    edges = [u for u in EDGE_SCALARS if u]
    for u1, u2 in itertools.product([0, *edges], edges[:6] + edges[-8:]):
        r = times((u1 + u2 * scalar) % N)[0] % N
        s = r * pow(u2, -1, N) % N
        digest = (u1 * s % N).to_bytes(32, "big")
        assert openssl_says(RFC_POINT, raw(r, s), digest)
        assert p256.verify(generator, key, raw(r, s), digest)
