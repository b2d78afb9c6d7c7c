"""Where the sensors stand and look.

The pole of each side stands at its kerb beside the crossing and looks along the kerb over the pad, as the crosswalk's settings have it by
default: the radar's ``y`` runs along the kerb, its ``x`` from the pavement (negative) to the road (positive, as seen from the near side).
"""

import math
from collections.abc import Iterator

from simulators.street.people import Pedestrian
from simulators.street.traffic import Vehicle
from simulators.street.world import World

POLE_M = 2.5
"""From the crossing's middle line to the pole, along the kerb."""
BACK_M = 0.3
"""From the kerb to the pole."""
HALF_ANGLE = math.radians(60)


class Outlook:
    """What one pole sees: ``side`` -1 is the near one, 1 the far one."""

    def __init__(self, world: World, side: int) -> None:
        self.world = world
        self.side = side

    def seen_from(self, x_m: float, y_m: float) -> tuple[float, float]:
        """A place of the street in the pole's own plane: across and ahead, metres."""
        depth_m = -y_m if self.side < 0 else y_m - self.world.length_m
        return BACK_M - depth_m, POLE_M - x_m

    def people(self, reach_m: float) -> Iterator[tuple[Pedestrian, float, float]]:
        """Who is in view, with places in the pole's plane."""
        for one in self.world.pedestrians:
            across, ahead = self.seen_from(one.x_m, one.y_m)
            if within(across, ahead, reach_m):
                yield one, across, ahead

    def vehicles(self, reach_m: float) -> Iterator[tuple[Vehicle, float, float]]:
        """Vehicles a part of whose near side is in view, with the nearest such place."""
        for one in self.world.vehicles:
            lane_y = one.y_m(self.world.length_m)
            edge_y = lane_y + self.side * 0.95
            tail_x = one.x_m - one.length_m if one.lane == 0 else one.x_m + one.length_m
            low, high = sorted((one.x_m, tail_x))
            across, _ahead = self.seen_from(0.0, edge_y)
            nearest_x = min(max(POLE_M - abs(across) / math.tan(HALF_ANGLE) - 0.2, low), high)
            across, ahead = self.seen_from(nearest_x, edge_y)
            if within(across, ahead, reach_m):
                yield one, across, ahead


def within(across: float, ahead: float, reach_m: float) -> bool:
    """Whether a place is in a cone of 60 degrees to both sides."""
    return ahead > 0.1 and math.hypot(across, ahead) <= reach_m and abs(math.atan2(across, ahead)) <= HALF_ANGLE
