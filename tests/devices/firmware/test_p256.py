"""P-256 as boards compute it: public vectors, the group, and signatures with OpenSSL as the judge."""

import hashlib
import hmac
import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from devices.firmware import comb, curve, p256, rfc6979
from devices.firmware.curve import INFINITY, N, P
from tests.devices.firmware.ecdsa import RFC_KEY, RFC_POINT, Open, openssl_says, raw, scaled, signed, times

# RFC 6979 appendix A.2.5 with SHA-256: message, nonce, r, s.
RFC_VECTORS = [
    (
        b"sample",
        0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60,
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        b"test",
        0xD16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0,
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
]


class TestNonces:
    """RFC 6979."""

    @pytest.mark.parametrize(("message", "nonce", "r", "s"), RFC_VECTORS)
    def test_the_vectors_of_rfc_6979(self, generator: str, message: bytes, nonce: int, r: int, s: int) -> None:
        digest = hashlib.sha256(message).digest()

        assert next(rfc6979.numbers(RFC_KEY, digest)) == nonce
        assert signed(generator, RFC_KEY, digest) == raw(r, s)
        assert p256.public_point(generator, RFC_KEY, 77) == RFC_POINT

    def test_hmac_is_that_of_the_standard_library(self) -> None:
        rng = random.Random(3)
        for size in (0, 1, 31, 32, 63, 64):
            key, data = rng.randbytes(size), rng.randbytes(size * 2)
            assert rfc6979.hmac(key, data) == hmac.digest(key, data, "sha256")

    def test_a_number_out_of_range_is_passed_over_as_the_rfc_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        order = (1 << 254) + 77  # with the curve's own order this happens once in 2^32
        monkeypatch.setattr(rfc6979, "N", order)
        digest = b"\xfe" * 32

        ours = list(itertools.islice(rfc6979.numbers(RFC_KEY % order, digest), 8))

        assert ours == list(itertools.islice(textbook_numbers(RFC_KEY % order, digest, order), 8))
        assert all(0 < number < order for number in ours)

    def test_the_digest_is_reduced_before_it_seeds(self) -> None:
        low, high = (5).to_bytes(32, "big"), (N + 5).to_bytes(32, "big")
        assert next(rfc6979.numbers(9, low)) == next(rfc6979.numbers(9, high))
        assert next(rfc6979.numbers(9, low)) != next(rfc6979.numbers(10, low))


def textbook_numbers(scalar: int, digest: bytes, order: int) -> Iterator[int]:
    """RFC 6979 section 3.2, steps b to h, word for word."""
    x = scalar.to_bytes(32, "big")
    h = (int.from_bytes(digest, "big") % order).to_bytes(32, "big")
    v, k = b"\x01" * 32, b"\x00" * 32
    k = hmac.digest(k, v + b"\x00" + x + h, "sha256")
    v = hmac.digest(k, v, "sha256")
    k = hmac.digest(k, v + b"\x01" + x + h, "sha256")
    v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        t = int.from_bytes(v, "big")
        if 1 <= t < order:
            yield t
        k = hmac.digest(k, v + b"\x00", "sha256")
        v = hmac.digest(k, v, "sha256")


class TestCurve:
    """The group."""

    def test_the_base_point_has_the_order(self) -> None:
        assert curve.on_curve(*curve.G)
        assert scaled(curve.G, N - 1) == (curve.G[0], P - curve.G[1])

    @pytest.mark.parametrize(
        "bad",
        [(1, 1), (0, 0), (curve.G[0] + P, curve.G[1]), (curve.G[0], curve.G[1] - P), (curve.G[0], curve.G[1] + 1)],
    )
    def test_what_is_no_reduced_point_is_not_on_the_curve(self, bad: tuple[int, int]) -> None:
        assert not curve.on_curve(*bad)

    def test_adding_is_complete(self) -> None:
        x, y = times(7)
        for z in (1, 2, 12345):
            seven = (x * z * z % P, y * z * z * z % P, z)
            assert curve.affine(curve.add(seven, x, y)) == times(14)
            assert curve.add(seven, x, P - y)[2] == 0
            assert curve.affine(curve.add(seven, *times(4))) == times(11)
        assert curve.affine(curve.add(curve.double(INFINITY), x, y)) == (x, y)

    def test_many_points_become_affine_together(self) -> None:
        rng = random.Random(6)
        points = [
            (x * z * z % P, y * z**3 % P, z) for x, y, z in ((*times(k), rng.randrange(1, P)) for k in range(1, 18))
        ]
        assert curve.affines(points) == [times(k) for k in range(1, 18)]
        assert curve.affines(points[:1]) == [times(1)]

    def test_inverses_with_and_without_a_blind(self) -> None:
        rng = random.Random(4)
        for modulus in (N, P):
            for _ in range(50):
                number, blind = rng.randrange(1, modulus), rng.randrange(1, modulus)
                assert curve.inverse(number, modulus) == pow(number, -1, modulus)
                assert curve.inverse(number, modulus, blind) == pow(number, -1, modulus)


class TestSigning:
    """Signatures, and what must never be one."""

    def test_what_we_sign_openssl_verifies_and_the_other_way_round(self, generator: str, table: Open) -> None:
        rng = random.Random(7)
        for _ in range(15):
            scalar = rng.randrange(1, N)
            private = derive_private_key(scalar, SECP256R1())
            point = times(scalar)
            ours = table(*point)
            for _ in range(20):
                data = rng.randbytes(rng.randrange(300))
                digest = hashlib.sha256(data).digest()
                signature = signed(generator, scalar, digest)
                assert openssl_says(point, signature, digest)
                assert p256.verify(generator, ours, signature, digest)
                theirs = raw(*decode_dss_signature(private.sign(data, ECDSA(SHA256()))))
                assert p256.verify(generator, ours, theirs, digest)
                wrong = bytearray(theirs)
                wrong[rng.randrange(64)] ^= 1 << rng.randrange(8)
                assert not p256.verify(generator, ours, bytes(wrong), digest)
                assert not p256.verify(generator, ours, theirs, hashlib.sha256(data + b"x").digest())

    def test_a_signature_with_s_zero_is_not_given_out(self, generator: str) -> None:
        r = times(21)[0] % N
        digest = (-r * RFC_KEY % N).to_bytes(32, "big")
        signature = p256.sign(generator, RFC_KEY, digest, iter([21, 5, 22, 6]))
        assert int.from_bytes(signature[:32], "big") == times(22)[0] % N
        assert openssl_says(RFC_POINT, signature, digest)

    def test_a_table_that_is_damaged_while_in_use_ends_in_an_error_and_no_signature(
        self, tmp_path: Path, generator_path: Path
    ) -> None:
        # A wrong signature beside the right one of the same message gives the key away.
        path = tmp_path / "g.comb"
        good = generator_path.read_bytes()
        rng = random.Random(8)
        for _ in range(20):
            path.write_bytes(good)
            used = comb.make_sure(str(path), *curve.G)
            damaged = bytearray(good)
            for index in range(0, comb.TABLE_SIZE - 32, comb.POINT_SIZE):
                damaged[index + rng.randrange(64)] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(OSError, match="5"):
                signed(used, RFC_KEY, rng.randbytes(32))

    def test_a_table_that_is_cut_off_while_in_use_ends_in_an_error(self, tmp_path: Path, generator_path: Path) -> None:
        path = tmp_path / "g.comb"
        path.write_bytes(generator_path.read_bytes())
        used = comb.make_sure(str(path), *curve.G)
        os.truncate(path, 40)
        with pytest.raises(OSError, match="5"):
            signed(used, RFC_KEY, b"\x11" * 32)
        with pytest.raises(OSError, match="5"):
            p256.verify(used, used, raw(1, 1), b"\x11" * 32)


BOARD = """
import gc
from hashlib import sha256
from devices.firmware import comb, curve, p256, rfc6979

gc.collect()
before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
generator = comb.make_sure("g.comb", *curve.G)
key = comb.make_sure("k.comb", *p256.public_point(generator, 987654321, 55))
gc.collect()
after = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
print(after - before < 1500)
for path in ("g.comb", "k.comb"):
    with open(path, "rb") as file:
        print(sha256(file.read()).digest())
good = 0
for number in range(60):
    digest = sha256(b"%d" % number).digest()
    signature = p256.sign(generator, 987654321, digest, rfc6979.numbers(987654321, digest))
    print(signature)
    bad = bytearray(signature)
    bad[number] ^= 1 << (number % 8)
    print(p256.verify(generator, key, signature, digest), p256.verify(generator, key, bytes(bad), digest))
for r in (0, 1, curve.N - 1, curve.N, curve.P, (1 << 256) - 1):
    for s in (0, 1, curve.N - 1, curve.N, curve.P, (1 << 256) - 1):
        print(p256.verify(generator, key, r.to_bytes(32, "big") + s.to_bytes(32, "big"), digest))
print(p256.verify(generator, key, b"", digest))
for scalar in (1, 2, 3, curve.N - 1, 1 << 255, curve.N // 2):
    print(comb.multiply(((generator, scalar), (key, curve.N - scalar))))
"""


@pytest.mark.micropython
def test_a_board_gives_the_same_tables_signatures_and_verdicts_and_keeps_no_table_in_memory(
    both_interpreters: Callable[[str], str],
) -> None:
    lines = both_interpreters(BOARD).splitlines()
    assert lines[0] == "True"
    assert lines.count("True False") == 60
    assert lines[123:160] == ["False"] * 37
