"""The street as it is, whatever any sensor makes of it: people, vehicles, weather, light. Pure and seeded; one step is 50 ms."""

import dataclasses
import random
from collections.abc import Callable

from simulators.street import traffic
from simulators.street.people import Pedestrian, Phase, Wish, group
from simulators.street.traffic import Vehicle
from simulators.street.weather import WEATHERS, Weather

STEP_MS = 50
CLEARS_S = 1.5
"""What somebody wants left between having left a lane and a vehicle being there."""
LIMIT_M_S = 13.9
BARELY_MOVES_M_S = 1.0
LANES = (0, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a street is like.

    Args:
        seed: of everything random.
        weather: a name of ``WEATHERS``.
        length_mm: of the crossing.
        groups_h: groups of people an hour.
        vehicles_h: vehicles an hour in each lane.
        presses: part of the groups of which one presses the button.
        begins_h: the hour of the day at which it begins.
    """

    seed: int
    weather: str = "clear"
    length_mm: int = 7000
    groups_h: float = 60.0
    vehicles_h: float = 180.0
    presses: float = 0.3
    begins_h: float = 12.0


class World:
    """The street. ``lit`` is what people and drivers see of the beacon; ``pressed`` is called with the side of a button and the time."""

    def __init__(self, plan: Plan, pressed: Callable[[int, int], None] = lambda _side, _at_ms: None) -> None:
        self.plan = plan
        self.weather: Weather = WEATHERS[plan.weather]
        self.length_m = plan.length_mm / 1000
        self.now_ms = 0
        self.lit = False
        self.pedestrians: list[Pedestrian] = []
        self.vehicles: list[Vehicle] = []
        self._pressed = pressed
        self._people = random.Random(f"people {plan.seed}")  # noqa: S311  reproducible, no secrets
        self._traffic = random.Random(f"traffic {plan.seed}")  # noqa: S311
        self._next_number = 1
        self._next_group_ms = self._gap_ms(self._people, plan.groups_h) / 2
        self._next_vehicle_ms = [self._gap_ms(self._traffic, plan.vehicles_h) for _ in LANES]

    @property
    def hour(self) -> float:
        """Of the day, 0 to 24."""
        return (self.plan.begins_h + self.now_ms / 3_600_000) % 24

    @property
    def night(self) -> bool:
        """Whether it is dark."""
        return not 7 <= self.hour < 19

    def step_to(self, until_ms: float) -> None:
        """Let time pass, in whole steps."""
        while self.now_ms + STEP_MS <= until_ms:
            self._step()

    def enter(self, people: list[Pedestrian]) -> None:
        """These come, beside whom the seed brings."""
        self.pedestrians += people

    def _step(self) -> None:
        self.now_ms += STEP_MS
        now_s, dt_s = self.now_ms / 1000, STEP_MS / 1000
        if self.now_ms >= self._next_group_ms:
            self._next_group_ms += self._gap_ms(self._people, self.plan.groups_h)
            came = group(self._next_number, self.length_m, self.plan.presses, self._people)
            self._next_number += len(came)
            self.pedestrians += came
        self._vehicles(dt_s)
        for one in self.pedestrians:
            waited = one.phase == Phase.WAITING
            may_go = waited and one.wish == Wish.CROSS and self._clear(one)
            one.step(now_s, dt_s, may_go, self._people)
            if one.phase == Phase.WAITING and not waited and one.presses:
                self._pressed(one.side, self.now_ms)
        self.pedestrians = [one for one in self.pedestrians if one.way or one.phase == Phase.WAITING]

    def _vehicles(self, dt_s: float) -> None:
        for lane in LANES:
            if self.now_ms >= self._next_vehicle_ms[lane]:
                self._next_vehicle_ms[lane] += self._gap_ms(self._traffic, self.plan.vehicles_h)
                self._appear(lane)
        waiting = [one for one in self.pedestrians if one.phase == Phase.WAITING and one.wish == Wish.CROSS]
        walking = [one for one in self.pedestrians if one.on_road(self.length_m)]
        ahead: dict[int, Vehicle] = {}
        for vehicle in sorted(self.vehicles, key=lambda one: one.to_go_m):
            vehicle.step(
                dt_s,
                ahead.get(vehicle.lane),
                self._must_stop(vehicle, waiting, walking),
                self.weather.grip_m_s2,
            )
            ahead[vehicle.lane] = vehicle
        self.vehicles = [one for one in self.vehicles if one.to_go_m > traffic.UNTIL_M]

    def _appear(self, lane: int) -> None:
        rng = self._traffic
        length_m = rng.choices((4.4, 7.5, 12.0), (88, 8, 4))[0]
        wants_m_s = max(7.0, rng.gauss(LIMIT_M_S, 1.8))
        last = max((one.to_go_m + one.length_m for one in self.vehicles if one.lane == lane), default=0.0)
        if last < traffic.FROM_M - 8:  # else there is no room: it takes another way
            ahead = [one.speed_m_s for one in self.vehicles if one.lane == lane and one.to_go_m > traffic.FROM_M / 2]
            speed_m_s = min([wants_m_s, *ahead])
            self.vehicles.append(Vehicle(self._next_number, lane, length_m, wants_m_s, speed_m_s, rng.random()))
        self._next_number += 1

    def _must_stop(self, vehicle: Vehicle, waiting: list[Pedestrian], walking: list[Pedestrian]) -> bool:
        if vehicle.to_go_m <= traffic.STOPS_BEFORE_M / 2:
            return False
        if any(self._in_the_way(one, vehicle) for one in walking):
            return True  # whoever sees somebody in the way stops, and has seen him in time
        if not waiting and not walking:
            vehicle.gives_way = False
        elif not vehicle.gives_way and vehicle.stops_comfortably():
            vehicle.gives_way = vehicle.mood < (traffic.YIELDS_LIT if self.lit else traffic.YIELDS_DARK)
        return vehicle.gives_way

    def _in_the_way(self, one: Pedestrian, vehicle: Vehicle) -> bool:
        """Whether somebody on the road is in this vehicle's lane, or comes into it before it has passed."""
        towards = vehicle.y_m(self.length_m) - one.y_m
        half_m = traffic.WIDTH_M / 2 + 0.6
        if abs(towards) <= half_m:
            return True
        arrives_s = (abs(towards) - half_m) / max(one.speed, 0.1)
        passes_s = (vehicle.to_go_m + vehicle.length_m + 2) / max(vehicle.speed_m_s, 0.1)
        return towards * one.vy_m_s > 0 and arrives_s < passes_s

    def _clear(self, one: Pedestrian) -> bool:
        """Whether somebody at the kerb dares to go: each vehicle that comes is slow, far enough, or past."""
        for vehicle in self.vehicles:
            if not -vehicle.length_m < vehicle.to_go_m < traffic.FROM_M:
                continue
            near = (vehicle.lane == 0) == (one.side < 0)
            way_m = 2 * traffic.LANE_M if near else self.length_m
            needs_s = way_m / one.speed_m_s + CLEARS_S
            slows = vehicle.gives_way and vehicle.stops_comfortably()
            stands = vehicle.speed_m_s < BARELY_MOVES_M_S and vehicle.to_go_m > 0
            if not (slows or stands) and vehicle.to_go_m / max(vehicle.speed_m_s, 0.1) < needs_s:
                return False
        return True

    @staticmethod
    def _gap_ms(rng: random.Random, per_hour: float) -> float:
        return rng.expovariate(per_hour) * 3_600_000 if per_hour else float("inf")
