"""What a line does to bytes in time: late, in order, never early, and the same for the same seed."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.network.toxics import Bandwidth, Latency, LimitData, Line, Loss, Toxic, slow_link

TOXICS: st.SearchStrategy[tuple[Toxic, ...]] = st.lists(
    st.one_of(
        st.builds(Latency, st.floats(0, 1000), st.floats(0, 500)),
        st.builds(Bandwidth, st.floats(0.1, 1000)),
        st.builds(Loss, st.floats(0, 0.5), st.floats(1, 1000)),
    ),
    max_size=4,
).map(tuple)
CHUNKS = st.lists(st.tuples(st.integers(1, 16_384), st.floats(0, 5)), min_size=1, max_size=20)


@settings(deadline=None)
@given(TOXICS, CHUNKS, st.integers())
def test_nothing_is_early_and_nothing_overtakes(
    toxics: tuple[Toxic, ...], chunks: list[tuple[int, float]], seed: int
) -> None:
    line = Line(random.Random(seed))
    now_s = last_s = 0.0
    for size, pause_s in chunks:
        now_s += pause_s
        due_s = line.due(size, toxics, now_s)
        assert due_s >= now_s
        assert due_s >= last_s
        last_s = due_s


@given(st.integers())
def test_the_seed_decides(seed: int) -> None:
    one, other = Line(random.Random(seed)), Line(random.Random(seed))
    toxics = slow_link()
    assert [one.due(100, toxics, at_s) for at_s in range(20)] == [other.due(100, toxics, at_s) for at_s in range(20)]


def test_latency_stays_within_its_jitter() -> None:
    line = Line(random.Random(1))
    late_s = [line.due(10, (Latency(100, 20),), at_s) - at_s for at_s in range(200)]
    assert 0.08 <= min(late_s) < 0.09
    assert 0.11 < max(late_s) <= 0.12


def test_bandwidth_adds_up_over_chunks() -> None:
    line = Line(random.Random(1))
    toxics = (Bandwidth(10),)
    assert [line.due(1000, toxics, 0) for _ in range(3)] == [0.1, 0.2, 0.30000000000000004]
    assert line.due(1000, toxics, 5) == 5.1


def test_loss_is_lateness_in_about_the_share_it_says_and_doubles() -> None:
    line = Line(random.Random(3))
    late_ms = [round((line.due(100, (Loss(0.02, 800),), at_s) - at_s) * 1000) for at_s in range(0, 50_000, 10)]
    share = sum(late > 0 for late in late_ms) / len(late_ms)
    assert 0.015 < share < 0.025
    assert set(late_ms) >= {0, 800, 2400}


def test_many_segments_are_lost_more_often_than_one() -> None:
    line = Line(random.Random(3))
    late = [line.due(14_480, (Loss(0.02, 800),), at_s) > at_s for at_s in range(0, 20_000, 10)]
    assert 0.15 < sum(late) / len(late) < 0.21  # 1 - 0.98 ** 10 is 0.183


def test_a_limit_counts_over_chunks_and_the_least_limit_counts() -> None:
    line = Line(random.Random(0))
    toxics = (LimitData(100), LimitData(1000))
    assert [line.allowed(60, toxics) for _ in range(3)] == [60, 40, 0]
    assert Line(random.Random(0)).allowed(60, ()) == 60
