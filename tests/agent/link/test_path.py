"""The brokers' order and the waits between attempts."""

import random
from collections.abc import Callable

import pytest

from agent.link.path import REFUSED_ROUNDS, STABLE_MS, Path

LEAST_MS = 1000
MOST_MS = 300_000


def middle() -> int:
    return 500


def path_of(brokers: int = 1, chance: Callable[[], int] = middle) -> Path:
    return Path(brokers, LEAST_MS, MOST_MS, chance)


def test_brokers_are_tried_in_order_and_the_wait_doubles_after_each_round() -> None:
    path = path_of(3)
    tried, waits = [], []
    for _ in range(9):
        tried.append(path.index)
        waits.append(path.failed())
    assert tried == [0, 1, 2] * 3
    assert waits == [1000, 1000, 1000, 1000, 1000, 2000, 1000, 1000, 4000]


def test_the_wait_doubles_up_to_the_longest_and_no_further() -> None:
    path = path_of()
    waits = [path.failed() for _ in range(40)]
    assert waits[:9] == [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000]
    assert set(waits[9:]) == {MOST_MS}


@pytest.mark.parametrize("seed", range(20))
def test_each_wait_is_spread_by_half_of_itself(seed: int) -> None:
    draws = random.Random(seed)
    jittered, plain = path_of(2, lambda: draws.randrange(1000)), path_of(2)
    spread = []
    for _ in range(40):
        wait_ms, want_ms = jittered.failed(), plain.failed()
        assert want_ms * 0.5 - 1 <= wait_ms < want_ms * 1.5
        spread.append(wait_ms / want_ms)
    assert min(spread) < 0.7
    assert max(spread) > 1.3


def test_only_a_connection_that_stayed_brings_the_short_wait_back() -> None:
    path = path_of()
    for _ in range(6):
        path.failed()
    assert path.ended(STABLE_MS - 1) == 64_000
    assert path.ended(STABLE_MS - 1) == 128_000
    assert path.ended(STABLE_MS) == LEAST_MS


def test_after_a_good_connection_the_preferred_broker_comes_first() -> None:
    path = path_of(3)
    path.failed()
    path.ended(STABLE_MS)
    assert path.index == 0


def test_a_broker_that_drops_every_connection_does_not_keep_the_device_from_the_next() -> None:
    path = path_of(2)
    path.ended(2000)
    assert path.index == 1


def test_a_refusal_waits_longer() -> None:
    path = path_of()
    assert path.failed(refused=True) == LEAST_MS << REFUSED_ROUNDS
    assert path.failed(refused=True) == LEAST_MS << (REFUSED_ROUNDS + 1)


def test_a_path_without_receipts_is_left_for_the_next_broker_soon() -> None:
    path = path_of(3)
    assert path.doubted() == LEAST_MS
    assert path.index == 1
    path.doubted()
    path.doubted()
    assert path.index == 0


def test_each_broker_falls_back_to_the_old_version_by_itself_and_returns_when_that_was_not_it() -> None:
    path = path_of(2)
    seen = [path.old_version]
    assert path.wrong_version(), "3.1.1 at once"
    seen.append(path.old_version)
    path.failed()
    seen.append(path.old_version)
    path.failed()
    seen.append(path.old_version)
    assert not path.wrong_version(), "both refused: wait"
    seen.append(path.old_version)
    assert seen == [False, True, False, True, False], "the second broker was not asked"
