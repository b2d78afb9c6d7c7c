"""The street itself: the same for a seed, nobody runs anybody over, and drivers heed the beacon."""

import dataclasses
import itertools

import pytest

from simulators.street.people import Phase, Wish
from simulators.street.solar import Charger
from simulators.street.traffic import WIDTH_M
from simulators.street.weather import WEATHERS, WINTER
from simulators.street.world import STEP_MS, Plan, World

HOUR_MS = 3_600_000
BUSY = Plan(3, groups_h=150, vehicles_h=300)


def places(world: World) -> list[object]:
    return [*map(dataclasses.astuple, world.pedestrians), *map(dataclasses.astuple, world.vehicles)]


def test_a_seed_is_a_street() -> None:
    one, again, other = World(BUSY), World(BUSY), World(dataclasses.replace(BUSY, seed=4))
    for world in (one, again, other):
        world.step_to(300_000)
    assert places(one) == places(again)
    assert places(one) != places(other)


def test_how_time_is_cut_makes_no_difference() -> None:
    whole, pieces = World(BUSY), World(BUSY)
    whole.step_to(60_000)
    for at_ms in range(0, 60_001, 7):
        pieces.step_to(at_ms)
    pieces.step_to(60_000)
    assert places(whole) == places(pieces)


@pytest.mark.parametrize("weather", ["clear", "snow"])
def test_nobody_is_run_over_and_no_vehicle_drives_through_another(weather: str) -> None:
    world = World(dataclasses.replace(BUSY, weather=weather))
    while world.now_ms < HOUR_MS // 6:
        world.step_to(world.now_ms + STEP_MS)
        world.lit = world.now_ms % 60_000 < 20_000
        for vehicle in world.vehicles:
            front, back = vehicle.x_m, vehicle.x_m - (vehicle.length_m if vehicle.lane == 0 else -vehicle.length_m)
            low, high = sorted((front, back))
            hit = [
                one
                for one in world.pedestrians
                if low <= one.x_m <= high and abs(one.y_m - vehicle.y_m(world.length_m)) < WIDTH_M / 2
            ]
            assert vehicle.speed_m_s < 0.3 or not hit
        for lane in (0, 1):
            row = sorted((one for one in world.vehicles if one.lane == lane), key=lambda one: one.to_go_m)
            assert all(ahead.to_go_m + ahead.length_m <= behind.to_go_m for ahead, behind in itertools.pairwise(row))


def test_people_do_what_they_came_for() -> None:
    world = World(dataclasses.replace(BUSY, vehicles_h=60))
    wishes: dict[int, Wish] = {}
    crossed: set[int] = set()
    gone: set[int] = set()
    while world.now_ms < HOUR_MS // 6:
        before = {one.number for one in world.pedestrians}
        world.step_to(world.now_ms + STEP_MS)
        gone |= before - {one.number for one in world.pedestrians}
        for one in world.pedestrians:
            wishes[one.number] = one.wish
            if one.on_road(world.length_m):
                crossed.add(one.number)
    assert {*wishes.values()} == {*Wish}
    assert crossed <= {number for number, wish in wishes.items() if wish == Wish.CROSS}
    assert gone - crossed <= {number for number, wish in wishes.items() if wish != Wish.CROSS}
    assert len(gone) > 20


def yielded(lit: bool) -> float:
    """Part of the vehicles with somebody waiting that gave way."""
    world = World(Plan(5, groups_h=300, vehicles_h=400))
    met: dict[int, bool] = {}
    while world.now_ms < HOUR_MS // 10:
        world.lit = lit
        world.step_to(world.now_ms + STEP_MS)
        if any(one.phase == Phase.WAITING and one.wish == Wish.CROSS for one in world.pedestrians):
            for vehicle in world.vehicles:
                if 4 < vehicle.to_go_m < 12:
                    met[vehicle.number] = met.get(vehicle.number, False) or vehicle.gives_way
    return sum(met.values()) / len(met)


def test_a_lit_beacon_makes_drivers_give_way() -> None:
    assert yielded(True) > yielded(False) + 0.15


def test_presses_are_told_with_their_side() -> None:
    told: list[int] = []
    world = World(dataclasses.replace(BUSY, presses=1.0), lambda side, _at_ms: told.append(side))
    world.step_to(HOUR_MS // 10)
    assert {*told} == {-1, 1}


def test_winter_is_cold_and_slippery() -> None:
    assert all(WEATHERS[name].air_c < 0 and WEATHERS[name].grip_m_s2 < WEATHERS["clear"].grip_m_s2 for name in WINTER)


def test_the_sun_fills_the_battery_and_lamps_empty_it() -> None:
    def after_day(lamps_ma: float, hours: range, weather: str = "clear") -> float:
        world = World(Plan(1, weather, groups_h=0, vehicles_h=0))
        charger = Charger(world, lambda _now_ms: lamps_ma, 0.5)
        for hour in hours:
            world.now_ms = (hour - 12) * HOUR_MS
            for second in range(3600):
                charger.speak(second * 1000.0)
        return charger.charge

    noon, evening = range(11, 13), range(20, 22)
    assert after_day(0, noon) > 0.6
    assert after_day(0, evening) == pytest.approx(0.5 - 2 * 4 / 640, abs=0.001)
    assert after_day(1400, evening) < after_day(0, evening) - 0.04
    assert after_day(0, noon, "snow") < after_day(0, noon)
