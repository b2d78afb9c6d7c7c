"""P-256 as boards compute it: public vectors, the edges of ECDSA with OpenSSL as the judge, and tables in files that may be damaged."""

import hashlib
import hmac
import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from devices.firmware import comb, curve, p256, rfc6979
from devices.firmware.curve import INFINITY, N, P

# RFC 6979 appendix A.2.5: the key, and (message, nonce, r, s) with SHA-256.
RFC_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_POINT = (
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
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
EDGE_SCALARS = [0, 1, 2, 3, 4, 5, 255, 256, 1 << 31, 1 << 32, (1 << 32) - 1, 1 << 224, 1 << 255, (1 << 255) - 1,
                N - 1, N - 2, N - 3, N // 2, N // 2 + 1, P - N, (1 << 256) % N, int("01" * 128, 2), int("10" * 128, 2) % N]  # fmt: skip

Open = Callable[[int, int], str]


@pytest.fixture
def table(tmp_path: Path) -> Open:
    """The comb of any point."""
    count = itertools.count()
    return lambda x, y: comb.make_sure(str(tmp_path / f"{next(count)}.comb"), x, y)


def times(scalar: int) -> tuple[int, int]:
    """The base point times a scalar, by OpenSSL."""
    numbers = derive_private_key(scalar, SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


def plus(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return curve.affine(curve.add((*a, 1), *b))


def openssl_says(point: tuple[int, int], raw: bytes, digest: bytes) -> bool:
    key = EllipticCurvePublicNumbers(*point, SECP256R1()).public_key()
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, digest, ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(generator: str, scalar: int, digest: bytes) -> bytes:
    return p256.sign(generator, scalar, digest, rfc6979.numbers(scalar, digest))


def point_with_x(x: int) -> tuple[int, int] | None:
    square = (x * x * x - 3 * x + curve.B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def key_for(point: tuple[int, int], r: int, s: int, z: int) -> tuple[int, int]:
    """The public key under which the verifier's sum, for the signature (r, s) of the digest z, is this point: (s R - z G) / r."""
    w = pow(r, -1, N)
    return plus(scaled(point, s * w % N), times((-z * w) % N))


def scaled(point: tuple[int, int], scalar: int) -> tuple[int, int]:
    result = INFINITY
    for bit in f"{scalar:b}":
        result = curve.double(result)
        if bit == "1":
            result = curve.add(result, *point)
    return curve.affine(result)


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


class TestComb:
    """Multiples, and the tables that they are made of."""

    def test_multiples_are_those_of_openssl(self, generator: str) -> None:
        rng = random.Random(5)
        for scalar in EDGE_SCALARS[1:] + [rng.randrange(1, N) for _ in range(100)]:
            assert curve.affine(comb.multiply(((generator, scalar),))) == times(scalar), hex(scalar)
        assert comb.multiply(((generator, 0),))[2] == 0

    def test_the_scalars_whose_last_addition_meets_itself(self, generator: str) -> None:
        # A sum that equals the term +-D to be added, D = 2^shift * (a sum of +-2^(32 t)), ends at 2 D; one that is its opposite, at 0.
        for number in range(comb.POINTS):
            column = (1 << 224) + sum((1 << 32 * tooth) * (1 if number >> tooth & 1 else -1) for tooth in range(7))
            for shift in (0, 16):
                for scalar in (-2 * (column << shift) % N, 2 * (column << shift) % N):
                    assert curve.affine(comb.multiply(((generator, scalar),))) == times(scalar)

    @pytest.mark.parametrize("q", [1, 2, 3, N - 1, N - 2, 1 << 32, RFC_KEY])
    def test_sums_of_two_multiples(self, generator: str, table: Open, q: int) -> None:
        other = table(*times(q))
        rng = random.Random(q)
        pairs = [*itertools.product(EDGE_SCALARS[:4] + EDGE_SCALARS[14:17], repeat=2)]
        pairs += [(rng.randrange(N), rng.randrange(N)) for _ in range(10)]
        pairs += [(-u * q % N, u) for u in (1, 2, rng.randrange(N))] + [
            (u * q % N, u) for u in (1, 2, rng.randrange(N))
        ]
        for u, v in pairs:
            point = comb.multiply(((generator, u), (other, v)))
            expected = (u + v * q) % N
            assert (curve.affine(point) == times(expected)) if expected else point[2] == 0

    def test_every_scalar_takes_the_same_steps(self, generator: str, monkeypatch: pytest.MonkeyPatch) -> None:
        counts: list[int] = []

        def counted(name: str) -> None:
            real = getattr(curve, name)

            def count(*args: object) -> object:
                counts.append(1)
                return real(*args)

            monkeypatch.setattr(comb, name, count)

        counted("double")
        counted("add")
        steps = set()
        for scalar in EDGE_SCALARS[1:]:
            counts.clear()
            comb.multiply(((generator, scalar),))
            steps.add(len(counts))
        assert steps == {16 + 32}

    def test_a_table_has_the_size_that_is_told(self, generator_path: Path) -> None:
        assert generator_path.stat().st_size == comb.TABLE_SIZE == 16416

    @pytest.mark.parametrize("where", [0, 31, 32, 8191, 8192, 16383, 16384, 16415])
    def test_a_damaged_table_is_made_again(self, tmp_path: Path, generator_path: Path, where: int) -> None:
        good = generator_path.read_bytes()
        path = tmp_path / "g.comb"
        path.write_bytes(good[:where] + bytes((good[where] ^ 1,)) + good[where + 1 :])

        comb.make_sure(str(path), *curve.G)

        assert path.read_bytes() == good

    @pytest.mark.parametrize(
        "change", [lambda b: b[:-1], lambda b: b + b"\x00", lambda _: b"", lambda b: b[:64], lambda b: b[:16384]]
    )
    def test_a_table_of_another_length_is_made_again(
        self, tmp_path: Path, generator_path: Path, change: Callable[[bytes], bytes]
    ) -> None:
        good = generator_path.read_bytes()
        path = tmp_path / "g.comb"
        path.write_bytes(change(good))

        comb.make_sure(str(path), *curve.G)

        assert path.read_bytes() == good

    def test_the_table_of_another_point_is_not_taken(self, tmp_path: Path, generator_path: Path) -> None:
        path = tmp_path / "q.comb"
        path.write_bytes(generator_path.read_bytes())

        mine = comb.make_sure(str(path), *RFC_POINT)

        assert curve.affine(comb.multiply(((mine, 2),))) == times(2 * RFC_KEY % N)

    def test_a_sound_table_is_not_written_again(self, tmp_path: Path, generator_path: Path) -> None:
        path = tmp_path / "g.comb"
        path.write_bytes(generator_path.read_bytes())
        before = path.stat().st_mtime_ns, path.stat().st_ino
        comb.make_sure(str(path), *curve.G)
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == before

    def test_a_table_half_written_when_the_power_went_does_no_harm(self, tmp_path: Path, generator_path: Path) -> None:
        good = generator_path.read_bytes()
        (tmp_path / "g.comb.new").write_bytes(good[:5000])
        comb.make_sure(str(tmp_path / "g.comb"), *curve.G)
        assert [entry.name for entry in tmp_path.iterdir()] == ["g.comb"]
        assert (tmp_path / "g.comb").read_bytes() == good

    def test_without_room_for_a_table_there_is_no_comb(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file"):
            comb.make_sure(str(tmp_path / "no such folder" / "g.comb"), *curve.G)


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


class TestHostileSignatures:
    """What a verifier has to refuse, and the rare ones that it has to accept: the classes of Wycheproof's ECDSA tests."""

    DIGEST = hashlib.sha256(b"receipt").digest()

    def test_any_length_and_any_bytes_end_in_false(self, generator: str, table: Open) -> None:
        key = table(*RFC_POINT)
        rng = random.Random(9)
        good = signed(generator, RFC_KEY, self.DIGEST)
        for size in [*range(64), 65, 66, 70, 71, 72, 96, 128, 4096]:
            assert p256.verify(generator, key, rng.randbytes(size), self.DIGEST) is False
            assert p256.verify(generator, key, (good * 64)[:size], self.DIGEST) is False
        assert p256.verify(generator, key, good + b"\x00", self.DIGEST) is False
        assert p256.verify(generator, key, b"\x00" + good, self.DIGEST) is False

    def test_r_and_s_at_the_edges_of_their_range(self, generator: str, table: Open) -> None:
        key = table(*RFC_POINT)
        good = signed(generator, RFC_KEY, self.DIGEST)
        r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
        edges = [
            0,
            1,
            2,
            N - 1,
            N,
            N + 1,
            P - N,
            P - 1,
            P,
            P + 1,
            (1 << 256) - 1,
            (1 << 255),
            N >> 1,
            N + 1 >> 1,
            N - r,
            N - s,
            r,
            s,
        ]
        for a, b in itertools.product(edges, edges):
            for pair in (raw(a, b), raw(r, b), raw(a, s)):
                assert p256.verify(generator, key, pair, self.DIGEST) == openssl_says(RFC_POINT, pair, self.DIGEST)
        assert p256.verify(generator, key, raw(r, N - s), self.DIGEST)  # malleable, as ECDSA is

    def test_other_forms_of_the_same_numbers_are_refused(self, generator: str, table: Open) -> None:
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

    def test_a_point_whose_x_is_beyond_n_counts_with_x_less_n(self, generator: str, table: Open) -> None:
        point = next(p for p in map(point_with_x, range(N + 1, N + 99)) if p)
        r, s, digest = point[0] - N, 987654321, self.DIGEST
        key = key_for(point, r, s, int.from_bytes(digest, "big"))

        assert openssl_says(key, raw(r, s), digest)
        assert p256.verify(generator, table(*key), raw(r, s), digest)
        assert not p256.verify(generator, table(*key), raw(point[0], s), digest)

    def test_r_plus_n_beyond_p_is_not_taken_for_its_remainder(self, generator: str, table: Open) -> None:
        point = next(p for p in map(point_with_x, range(3, 99)) if p)
        r, s, digest = point[0] + P - N, 5555, self.DIGEST
        key = key_for(point, r, s, int.from_bytes(digest, "big"))

        assert not openssl_says(key, raw(r, s), digest)
        assert not p256.verify(generator, table(*key), raw(r, s), digest)

    def test_a_sum_at_infinity_is_no_signature(self, generator: str, table: Open) -> None:
        # z G + r Q = 0 for Q = (-z / r) G, whatever s is.
        z, r = 1_000_003, 42
        scalar = -z * pow(r, -1, N) % N
        digest = z.to_bytes(32, "big")
        for s in (1, 2, 77, N - 1):
            assert not openssl_says(times(scalar), raw(r, s), digest)
            assert not p256.verify(generator, table(*times(scalar)), raw(r, s), digest)

    @pytest.mark.parametrize("scalar", [1, 2, 3, N - 1, N - 2, N - 3, (N + 1) // 2])
    def test_keys_that_are_the_base_point_or_near_it(self, generator: str, table: Open, scalar: int) -> None:
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

    def test_u1_and_u2_at_their_edges(self, generator: str, table: Open) -> None:
        # For chosen u1 and u2 there are r, s, z: r is x of u1 G + u2 Q, s = r / u2, z = u1 s.
        key, scalar = table(*RFC_POINT), RFC_KEY
        edges = [u for u in EDGE_SCALARS if u]
        for u1, u2 in itertools.product([0, *edges], edges[:6] + edges[-8:]):
            r = times((u1 + u2 * scalar) % N)[0] % N
            s = r * pow(u2, -1, N) % N
            digest = (u1 * s % N).to_bytes(32, "big")
            assert openssl_says(RFC_POINT, raw(r, s), digest)
            assert p256.verify(generator, key, raw(r, s), digest)


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
