"""Who gave way and who did not, from the speeds of a coming vehicle alone."""

import random

import pytest

from devices.crosswalk.counts import Counts
from devices.crosswalk.nonyield import GAP_MS, READINGS_MAX, Approach, NonYield
from devices.crosswalk.settings import completed

PED = (0, 10**9)


def approach(
    speeds: list[int], present: tuple[int, int] = PED, lit: tuple[int, int] = PED, every_ms: int = 100
) -> Approach | None:
    observer = NonYield(completed({}))
    for number, mm_s in enumerate(speeds):
        at_ms = number * every_ms
        over = observer.look(mm_s, present[0] <= at_ms < present[1], lit[0] <= at_ms < lit[1], at_ms)
        assert over is None
    end_ms = (len(speeds) - 1) * every_ms + GAP_MS
    assert observer.due_at_ms == end_ms
    assert observer.tick(end_ms - 1) is None
    return observer.tick(end_ms)


def test_the_zone_is_reckoned_back_from_the_crossing() -> None:
    done = approach([10_000] * 50)
    assert done is not None
    assert done.violation is not None
    assert done.violation["entry_age_ms"] == GAP_MS + 1500, "15 m at 10 m/s"
    assert done.violation["exit_age_ms"] == GAP_MS
    assert done.violation["top_mm_s"] == done.violation["entry_mm_s"] == done.violation["exit_mm_s"] == 10_000
    assert done.violation["limit_mm_s"] == 4200


@pytest.mark.parametrize(
    ("speeds", "violates"),
    [
        ([14_000] * 30, True),
        ([4200] * 60, False),
        ([4300] * 60, True),
        ([14_000] * 20 + list(range(14_000, 1000, -500)), False),  # brakes for the pedestrian
        ([14_000] * 20 + list(range(14_000, 5000, -1000)), True),  # slows down and passes all the same
        ([3000] + [14_000] * 30, True),  # slow far away, fast in the zone
        ([14_000] * 20 + [3000, 14_000, 14_000], False),  # at or below the limit once in the zone
        ([14_000, 14_000], False),  # clutter
    ],
)
def test_only_who_was_too_fast_all_through_the_zone_did_not_give_way(speeds: list[int], violates: bool) -> None:
    done = approach(speeds)
    assert (done is not None and done.violation is not None) == violates


@pytest.mark.parametrize(
    ("present", "violates"),
    [
        ((0, 10**9), True),
        ((0, 2500), False),
        ((2400, 10**9), True),  # detected a second after the vehicle entered the zone
        ((2500, 10**9), False),
        ((10**9, 0), False),
        ((1000, 2950), True),
    ],
)
def test_the_pedestrian_must_be_there_all_the_while(present: tuple[int, int], violates: bool) -> None:
    done = approach([10_000] * 30, present)
    assert done is not None
    assert (done.violation is not None) == violates


@pytest.mark.parametrize(("lit", "word"), [((0, 10**9), "flashing"), ((10**9, 0), "dark"), ((2000, 10**9), "changing")])
def test_it_says_what_the_beacon_did(lit: tuple[int, int], word: str) -> None:
    done = approach([10_000] * 30, PED, lit)
    assert done is not None
    assert done.violation is not None
    assert done.violation["beacon"] == word


@pytest.mark.parametrize(("echo", "observed"), [(40, True), (50, False), (9000, False), (0, False)])
def test_a_vehicle_that_a_stronger_echo_hides_was_not_at_the_crossing(echo: int, observed: bool) -> None:
    observer = NonYield(completed({}))
    for at_ms in range(0, 3000, 100):
        observer.look(14_000, True, True, at_ms, 50)
    observer.away(echo)
    done = observer.tick(2900 + GAP_MS)
    assert (done is not None and done.violation is not None) == observed


def test_a_vehicle_that_comes_out_again_is_the_same_one() -> None:
    observer = NonYield(completed({}))
    for at_ms in range(0, 2000, 100):
        observer.look(14_000, True, True, at_ms, 50)
    observer.away(9000)
    assert observer.look(14_000, True, True, 2400, 70) is None
    done = observer.tick(2400 + GAP_MS)
    assert done is not None
    assert done.violation is not None


def test_one_of_which_less_than_the_zone_was_seen_is_not_told() -> None:
    done = approach([14_000] * 11)
    assert done is not None
    assert done.violation is None
    done = approach([14_000] * 12)
    assert done is not None
    assert done.violation is not None


def test_a_gap_parts_two_vehicles() -> None:
    observer = NonYield(completed({}))
    for at_ms in range(0, 3000, 100):
        assert observer.look(14_000, True, True, at_ms) is None
    first = observer.look(5000, True, True, 2900 + GAP_MS)
    assert first is not None
    assert first.top_mm_s == 14_000


def test_the_memory_is_bounded_and_the_end_counts() -> None:
    done = approach([20_000] * 10 + [5000] * READINGS_MAX)
    assert done is not None
    assert done.top_mm_s == 5000


def test_physics_agree_with_it_whatever_the_braking() -> None:
    """Simulated vehicles, read at 10 Hz with 0.2 m/s of noise: it never accuses one that was slow in the zone."""
    chance = random.Random(11)
    accused = fast = 0
    for _ in range(300):
        way_mm, mm_s = 60_000.0, chance.uniform(6000, 16_000)
        brakes_at_mm, brake = chance.uniform(0, 40_000), chance.uniform(0, 5000)
        speeds: list[int] = []
        slowest = 1e9
        while way_mm > 0 and mm_s > 300 and len(speeds) < 250:
            speeds.append(max(0, round(mm_s + chance.uniform(-200, 200))))
            if way_mm < 15_000:
                slowest = min(slowest, mm_s)
            way_mm -= mm_s / 10
            if way_mm < brakes_at_mm:
                mm_s = max(0.0, mm_s - brake / 10)
        gave_way = slowest < 4000 or way_mm > 0
        done = approach(speeds)
        violates = done is not None and done.violation is not None
        assert not (violates and gave_way)
        accused += violates
        fast += slowest > 4400 and way_mm <= 0
    assert fast * 0.95 < accused <= 300
    assert 50 < accused < 250


def test_speeds_are_sorted_into_bins_of_ten() -> None:
    counts = Counts(0)
    for kmh in (0, 9, 10, 49, 50, 119, 120, 250):
        counts.approach(-(-kmh * 10_000 // 36))
    assert counts.hour(3_599_999) is None
    hour = counts.hour(3_600_000)
    assert hour is not None
    assert hour["speeds"] == [2, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 3]
    assert hour["approaches"] == 8
    assert counts.hour(3_600_001) is None
