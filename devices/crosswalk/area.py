"""The part of the street that the radars of one side watch: whom they see outside it does not want to cross."""

from collections.abc import Mapping
from typing import Any

from devices.sensors.readings import Presence, Targets


class Area:
    """One side's area. ``settings`` are completed ones."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._across_mm = settings["watch_left_mm"], settings["watch_right_mm"]
        self._ahead_mm = settings["watch_near_mm"], settings["watch_far_mm"]

    def inside(self, seen: Targets) -> list[int]:
        """How far to the right the people within it are, as seen from the tracking radar."""
        (left, right), (near, far) = self._across_mm, self._ahead_mm
        return [one.x_mm for one in seen.targets if left <= one.x_mm <= right and near <= one.y_mm <= far]

    def reached(self, seen: Presence) -> bool:
        """Whether the presence radar, which knows distances alone, sees somebody no farther away than it is."""
        return (seen.moving or seen.still) and seen.distance_mm <= self._ahead_mm[1]
