"""Multiples of points as boards compute them, and the tables in files that they are made of, which may be damaged."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.firmware import comb, curve
from devices.firmware.curve import N
from tests.devices.firmware.ecdsa import EDGE_SCALARS, RFC_KEY, RFC_POINT, Open, times


def test_multiples_are_those_of_openssl(generator: str) -> None:
    rng = random.Random(5)
    for scalar in EDGE_SCALARS[1:] + [rng.randrange(1, N) for _ in range(100)]:
        assert curve.affine(comb.multiply(((generator, scalar),))) == times(scalar), hex(scalar)
    assert comb.multiply(((generator, 0),))[2] == 0


def test_the_scalars_whose_last_addition_meets_itself(generator: str) -> None:
    # A sum that equals the term +-D to be added, D = 2^shift * (a sum of +-2^(32 t)), ends at 2 D; one that is its opposite, at 0.
    for number in range(comb.POINTS):
        column = (1 << 224) + sum((1 << 32 * tooth) * (1 if number >> tooth & 1 else -1) for tooth in range(7))
        for shift in (0, 16):
            for scalar in (-2 * (column << shift) % N, 2 * (column << shift) % N):
                assert curve.affine(comb.multiply(((generator, scalar),))) == times(scalar)


@pytest.mark.parametrize("q", [1, 2, 3, N - 1, N - 2, 1 << 32, RFC_KEY])
def test_sums_of_two_multiples(generator: str, table: Open, q: int) -> None:
    other = table(*times(q))
    rng = random.Random(q)
    pairs = [*itertools.product(EDGE_SCALARS[:4] + EDGE_SCALARS[14:17], repeat=2)]
    pairs += [(rng.randrange(N), rng.randrange(N)) for _ in range(10)]
    pairs += [(-u * q % N, u) for u in (1, 2, rng.randrange(N))] + [(u * q % N, u) for u in (1, 2, rng.randrange(N))]
    for u, v in pairs:
        point = comb.multiply(((generator, u), (other, v)))
        expected = (u + v * q) % N
        assert (curve.affine(point) == times(expected)) if expected else point[2] == 0


def test_every_scalar_takes_the_same_steps(generator: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_table_has_the_size_that_is_told(generator_path: Path) -> None:
    assert generator_path.stat().st_size == comb.TABLE_SIZE == 16416


@pytest.mark.parametrize("where", [0, 31, 32, 8191, 8192, 16383, 16384, 16415])
def test_a_damaged_table_is_made_again(tmp_path: Path, generator_path: Path, where: int) -> None:
    good = generator_path.read_bytes()
    path = tmp_path / "g.comb"
    path.write_bytes(good[:where] + bytes((good[where] ^ 1,)) + good[where + 1 :])

    comb.make_sure(str(path), *curve.G)

    assert path.read_bytes() == good


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"\x00", lambda _: b"", lambda b: b[:64], lambda b: b[:16384]]
)
def test_a_table_of_another_length_is_made_again(
    tmp_path: Path, generator_path: Path, change: Callable[[bytes], bytes]
) -> None:
    good = generator_path.read_bytes()
    path = tmp_path / "g.comb"
    path.write_bytes(change(good))

    comb.make_sure(str(path), *curve.G)

    assert path.read_bytes() == good


def test_the_table_of_another_point_is_not_taken(tmp_path: Path, generator_path: Path) -> None:
    path = tmp_path / "q.comb"
    path.write_bytes(generator_path.read_bytes())

    mine = comb.make_sure(str(path), *RFC_POINT)

    assert curve.affine(comb.multiply(((mine, 2),))) == times(2 * RFC_KEY % N)


def test_a_sound_table_is_not_written_again(tmp_path: Path, generator_path: Path) -> None:
    path = tmp_path / "g.comb"
    path.write_bytes(generator_path.read_bytes())
    before = path.stat().st_mtime_ns, path.stat().st_ino
    comb.make_sure(str(path), *curve.G)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_table_half_written_when_the_power_went_does_no_harm(tmp_path: Path, generator_path: Path) -> None:
    good = generator_path.read_bytes()
    (tmp_path / "g.comb.new").write_bytes(good[:5000])
    comb.make_sure(str(tmp_path / "g.comb"), *curve.G)
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.comb"]
    assert (tmp_path / "g.comb").read_bytes() == good


def test_without_room_for_a_table_there_is_no_comb(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        comb.make_sure(str(tmp_path / "no such folder" / "g.comb"), *curve.G)
