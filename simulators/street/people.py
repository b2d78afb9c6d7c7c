"""People on foot: where they come from, where they wait, when they dare to cross. Pure; metres and seconds.

The road runs along x, the crossing along y: the near kerb at 0, the far one at the crossing's length. Each side has a pad where people wait
and a pavement behind it. Speeds are those of pedestrian clearance studies: adults about 1.35 m/s, old people 0.9, wheelchairs 0.8, children
1.5 and at times at a run.
"""

import dataclasses
import enum
import math
import random

PAD_HALF_M = 2.0
"""The pad reaches so far to both sides of the crossing's middle line."""
PAD_DEPTH_M = 2.3
PAVEMENT_M = 3.6
"""From the kerb to where people walk by."""
APPEARS_M = 16.0
FAST_M_S = 2.6
SPEEDS = {"adult": (1.35, 0.2), "child": (1.5, 0.3), "elder": (0.9, 0.12), "wheelchair": (0.8, 0.12)}
KINDS = ("adult", "child", "elder", "wheelchair")
SHARES = (70, 14, 13, 3)
RUNS = 0.08
"""Of the children."""


class Phase(enum.Enum):
    """What somebody is about."""

    COMING = "coming"
    WAITING = "waiting"
    CROSSING = "crossing"
    LEAVING = "leaving"


class Wish(enum.Enum):
    """What somebody wants."""

    CROSS = "cross"
    WALK_BY = "walk by"
    """Goes along the pavement, some of them over a corner of the pad."""
    LINGER = "linger"
    """Stands on the pad for a while and goes back."""


@dataclasses.dataclass(slots=True)
class Pedestrian:
    """One of them. ``side`` is -1 for who comes from the near side, 1 from the far one; ``velocity`` is that of this moment."""

    number: int
    kind: str
    wish: Wish
    side: int
    speed_m_s: float
    x_m: float
    y_m: float
    way: list[tuple[float, float]]
    beyond: list[tuple[float, float]]
    ready_s: float
    """So long after arriving at the kerb before the first thought of going: hesitation, talk, a look at the phone."""
    presses: bool
    phase: Phase = Phase.COMING
    vx_m_s: float = 0.0
    vy_m_s: float = 0.0
    waits_since_s: float = 0.0
    stirs_until_s: float = 0.0
    stirs_next_s: float = 0.0

    @property
    def speed(self) -> float:
        """How fast it moves now."""
        return math.hypot(self.vx_m_s, self.vy_m_s)

    def stirs(self, now_s: float) -> bool:
        """Whether it moves at all: walks, or shifts its weight."""
        return self.speed > 0.1 or now_s < self.stirs_until_s

    def depth_m(self, length_m: float) -> float:
        """How far from the road it stands, negative on the road."""
        return max(-self.y_m, self.y_m - length_m)

    def on_pad(self, length_m: float) -> bool:
        """Whether it is where people wait."""
        return abs(self.x_m) <= PAD_HALF_M and 0 <= self.depth_m(length_m) <= PAD_DEPTH_M

    def on_road(self, length_m: float) -> bool:
        """Whether it is on the road."""
        return 0 < self.y_m < length_m

    def step(self, now_s: float, dt_s: float, may_go: bool, rng: random.Random) -> None:
        """Go on; ``may_go`` is whether the road is clear to its eyes."""
        if self.phase == Phase.WAITING:
            self._wait(now_s, may_go, rng)
        if self.phase != Phase.WAITING:
            self._walk(now_s, dt_s)

    def _wait(self, now_s: float, may_go: bool, rng: random.Random) -> None:
        self.vx_m_s = self.vy_m_s = 0.0
        if now_s >= self.stirs_next_s:
            self.stirs_until_s = now_s + rng.uniform(0.3, 1.0)
            self.stirs_next_s = now_s + rng.expovariate(1 / 2.5)
        if now_s < self.waits_since_s + self.ready_s:
            return
        if self.wish == Wish.LINGER:
            self.phase, self.way = Phase.LEAVING, self.beyond
        elif may_go:
            self.phase, self.way = Phase.CROSSING, self.beyond

    def _walk(self, now_s: float, dt_s: float) -> None:
        left_m = self.speed_m_s * dt_s
        while self.way and left_m > 0:
            x_m, y_m = self.way[0]
            away_m = math.hypot(x_m - self.x_m, y_m - self.y_m)
            if away_m > left_m:
                self.vx_m_s = (x_m - self.x_m) / away_m * self.speed_m_s
                self.vy_m_s = (y_m - self.y_m) / away_m * self.speed_m_s
                self.x_m += self.vx_m_s * dt_s
                self.y_m += self.vy_m_s * dt_s
                return
            self.x_m, self.y_m = x_m, y_m
            left_m -= away_m
            self.way.pop(0)
            if self.phase == Phase.CROSSING:
                self.phase = Phase.LEAVING
        if not self.way and self.phase == Phase.COMING and self.wish != Wish.WALK_BY:
            self.phase = Phase.WAITING
            self.waits_since_s = self.stirs_until_s = now_s
            self.stirs_next_s = now_s + 1.0


def group(number: int, length_m: float, presses: float, rng: random.Random) -> list[Pedestrian]:
    """Some who come together: one, or two to four; their numbers begin at ``number``."""
    side = rng.choice((-1, 1))
    came = rng.choice((-1, 1))
    wish = rng.choices(list(Wish), (78, 16, 6))[0]
    size = rng.choices((1, 2, 3, 4), (74, 17, 6, 3))[0]
    ready_s = 0.0 if rng.random() < 0.55 else rng.uniform(0.3, 3.0)
    stays_s = rng.uniform(3.0, 15.0)
    pressing = rng.random() < presses
    walked_m = PAVEMENT_M + rng.uniform(-0.5, 1.0)
    corner_m = rng.uniform(1.5, 2.2) if rng.random() < 0.1 else walked_m
    pace = 0.0
    people = []
    for place in range(size):
        kind = rng.choices(KINDS, SHARES)[0]
        mean, spread = SPEEDS[kind]
        own = FAST_M_S if kind == "child" and rng.random() < RUNS else max(0.4, rng.gauss(mean, spread))
        pace = min(pace or own, own)  # a group goes as its slowest one
        at_x = rng.uniform(-1.4, 1.4)

        def spot(x_m: float, depth_m: float, far: int) -> tuple[float, float]:
            return x_m, -depth_m if far < 0 else length_m + depth_m

        start = spot(came * (APPEARS_M + 0.7 * place), walked_m, side)
        gone = spot(rng.choice((-1, 1)) * APPEARS_M, PAVEMENT_M + rng.uniform(-0.5, 1.0), -side)
        if wish == Wish.WALK_BY:
            way = [spot(came * 1.0, corner_m, side), spot(-came * 1.0, corner_m, side)]
            way.append(spot(-came * APPEARS_M, walked_m, side))
            beyond: list[tuple[float, float]] = []
        else:
            waits = spot(at_x, rng.uniform(0.3, 1.1) + 0.3 * place, side)
            way = [spot(at_x + came * 0.8, PAVEMENT_M - 0.7, side), waits]
            back = [spot(-came * APPEARS_M, walked_m, side)]
            over = [spot(at_x + rng.uniform(-0.3, 0.3), 0.05, -side), spot(at_x, PAVEMENT_M - 0.7, -side), gone]
            beyond = back if wish == Wish.LINGER else over
        ready = stays_s if wish == Wish.LINGER else ready_s
        people.append(
            Pedestrian(number + place, kind, wish, side, own, *start, way, beyond, ready, pressing and place == 0)
        )
    for one in people:
        one.speed_m_s = pace
    return people
