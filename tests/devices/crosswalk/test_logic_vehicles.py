"""The crosswalk's logic and vehicles: which are observed, and which are not accused."""

import pytest

from devices.sensors.readings import Speed
from tests.devices.crosswalk.conftest import Make

KERB = (200, 1500)
BEHIND = (-1500, 1500)


def test_a_vehicle_that_does_not_give_way_is_observed(make: Make) -> None:
    crossing = make()
    crossing.pir(1)
    crossing.look(KERB, for_ms=2000)
    for mm_s in [14_000] * 20:
        crossing.set("speed", Speed(crossing.now, mm_s, True))
        crossing.look(KERB)
    crossing.look(KERB, for_ms=1000)
    (violation,) = crossing.told("violation.observed")
    assert violation["beacon"] == "flashing"
    assert violation["speed"] == "indicative"
    assert "pedestrian" not in violation


@pytest.mark.parametrize(
    ("places", "observed"),
    [
        ([[KERB]], True),
        ([[]], True),  # stands still: lost by the tracker, taken to be where he was
        ([[BEHIND]], False),  # walks away from the road
        ([[BEHIND], []], False),
        ([[BEHIND, KERB]], True),  # another is still there
        ([[BEHIND], [KERB]], True),
    ],
)
def test_only_who_is_at_the_kerb_is_not_given_way_to(
    make: Make, places: list[list[tuple[int, int]]], observed: bool
) -> None:
    crossing = make()
    crossing.pir(1)
    crossing.look(KERB, for_ms=3000)
    for place in places:
        crossing.look(*place)
    for _ in range(20):
        crossing.set("speed", Speed(crossing.now, 14_000, True))
        crossing.look(*places[-1])
    crossing.look(KERB, for_ms=1000)
    assert bool(crossing.told("violation.observed")) == observed


@pytest.mark.parametrize(("echo", "observed"), [(10, 1), (90, 0)])
def test_a_vehicle_that_another_hides_is_not_accused(make: Make, echo: int, observed: int) -> None:
    crossing = make()
    crossing.pir(1)
    crossing.look(KERB, for_ms=3000)
    for _ in range(20):
        crossing.set("speed", Speed(crossing.now, 14_000, True, 50))
        crossing.look(KERB)
    crossing.set("speed", Speed(crossing.now, 9000, False, echo))
    crossing.look(KERB, for_ms=1000)
    assert len(crossing.told("violation.observed")) == observed


def test_who_waits_on_the_far_side_is_to_be_given_way_while_the_link_holds(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    for waits, there, observed in (
        (1, 1, 1),
        (0, 1, 1),
        (1, 0, 1),
    ):  # who has crossed and leaves, and a lost link, accuse nobody
        for _ in range(20):
            if there:
                crossing.set("farside", 1)
            crossing.set("far-pedestrian", 1)
            crossing.set("far-waiting", waits)
            crossing.pass_ms(100)
        for _ in range(20):
            if there:
                crossing.set("farside", 1)
            crossing.set("speed", Speed(crossing.now, 14_000, True))
            crossing.pass_ms(100)
        crossing.pass_ms(1000)
        assert len(crossing.told("violation.observed")) == observed


def test_without_a_tracker_whoever_is_there_is_to_be_given_way(make: Make) -> None:
    crossing = make({"tracker_port": ""})
    crossing.pir(1)
    crossing.pass_ms(3000)
    crossing.drive([14_000] * 20)
    crossing.pass_ms(1000)
    assert len(crossing.told("violation.observed")) == 1


def test_a_vehicle_that_goes_away_is_none_of_its_business(make: Make) -> None:
    crossing = make()
    crossing.pir(1)
    crossing.look(KERB, for_ms=2000)
    for _ in range(20):
        crossing.set("speed", Speed(crossing.now, 14_000, False))
        crossing.look(KERB)
    crossing.look(KERB, for_ms=1000)
    assert crossing.told("violation.observed") == []
