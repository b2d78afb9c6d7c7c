"""What time it is, and how far that is trusted."""

from typing import Any

import pytest

from agent.clock import AGREE_MS, BUILT_MS, FRESH_MS
from agent.wire.event import CLOCK_HOLDOVER, CLOCK_SYNCHRONISED, CLOCK_UNSET

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def test_a_device_that_wakes_in_1970_knows_no_time_but_counts_on(time: Any) -> None:
    time.system_ms = 12_345
    clock = time.clock()
    assert clock.now() == (12_345, CLOCK_UNSET)
    assert clock.known() is None
    time.advance(700)
    assert clock.up() == 700


def test_a_time_before_1970_is_told_as_zero(time: Any) -> None:
    time.system_ms = -1
    assert time.clock().now() == (0, CLOCK_UNSET)


@pytest.mark.parametrize(("floor_ms", "least_ms"), [(0, BUILT_MS), (BUILT_MS + 1, BUILT_MS + 1), (5, BUILT_MS)])
def test_the_floor_is_the_later_of_build_and_last_saved_time(time: Any, floor_ms: int, least_ms: int) -> None:
    clock = time.clock(floor_ms)
    assert clock.floor_ms == least_ms
    time.system_ms = least_ms - 1
    assert clock.now()[1] == CLOCK_UNSET
    time.system_ms = least_ms
    assert clock.now() == (least_ms, CLOCK_HOLDOVER)


def test_a_receipt_gives_an_unset_clock_the_time_and_the_monotonic_clock_carries_it_on(time: Any) -> None:
    time.system_ms = 0
    clock = time.clock()
    clock.told(NOW_MS)
    time.advance(3 * HOUR_MS)
    assert clock.now() == (NOW_MS + 3 * HOUR_MS, CLOCK_HOLDOVER)
    assert clock.known() == NOW_MS + 3 * HOUR_MS


def test_a_receipt_from_below_the_floor_tells_nothing(time: Any) -> None:
    time.system_ms = 0
    clock = time.clock(NOW_MS)
    clock.told(NOW_MS - 1)
    assert clock.known() is None
    clock.told(NOW_MS)
    assert clock.known() == NOW_MS


@pytest.mark.parametrize("off_ms", [-AGREE_MS, 0, AGREE_MS])
def test_agreement_with_a_receipt_makes_the_systems_clock_synchronised_for_a_day(time: Any, off_ms: int) -> None:
    clock = time.clock()
    assert clock.now()[1] == CLOCK_HOLDOVER
    clock.told(time.system_ms + off_ms)
    assert clock.now() == (time.system_ms, CLOCK_SYNCHRONISED)
    time.advance(FRESH_MS - 1)
    assert clock.now() == (time.system_ms, CLOCK_SYNCHRONISED)
    time.advance(1)
    assert clock.now() == (time.system_ms, CLOCK_HOLDOVER)


@pytest.mark.parametrize("off_ms", [-AGREE_MS - 1, AGREE_MS + 1, 40 * HOUR_MS])
def test_where_receipt_and_system_disagree_the_receipt_is_believed(time: Any, off_ms: int) -> None:
    clock = time.clock()
    told_ms = time.system_ms + off_ms
    clock.told(told_ms)
    time.advance(1000)
    assert clock.now() == (told_ms + 1000, CLOCK_HOLDOVER)


def test_a_later_receipt_that_disagrees_ends_the_agreement_with_an_earlier_one(time: Any) -> None:
    clock = time.clock()
    clock.told(time.system_ms)
    time.advance(1000)
    true_ms = time.system_ms
    time.system_ms += HOUR_MS
    clock.told(true_ms)
    assert clock.now() == (true_ms, CLOCK_HOLDOVER)


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, HOUR_MS])
def test_a_system_clock_that_jumps_after_the_agreement_is_not_believed(time: Any, jump_ms: int) -> None:
    clock = time.clock()
    clock.told(time.system_ms)
    true_ms = time.system_ms
    time.system_ms += jump_ms
    assert clock.now() == (true_ms, CLOCK_HOLDOVER)


def test_the_systems_own_word_counts_only_above_the_floor(time: Any) -> None:
    time.synchronised = True
    clock = time.clock()
    clock.told(time.system_ms + HOUR_MS)
    assert clock.now() == (time.system_ms, CLOCK_SYNCHRONISED)
    time.system_ms = 1000
    assert clock.now()[1] == CLOCK_HOLDOVER
    assert clock.now()[0] > BUILT_MS


def test_up_never_follows_the_systems_clock(time: Any) -> None:
    clock = time.clock()
    time.system_ms -= 10 * HOUR_MS
    time.mono_ms += 250
    assert clock.up() == 250
