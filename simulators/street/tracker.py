"""An LD2450 over the pad: which people it sees, which it loses, and what it takes for people. Speaks the radar's own frames.

It follows what moves. Users' reports agree that somebody who stands quite still is lost after some seconds, and found again at the next
stir; that vehicles in view appear as jumping targets; and that near clutter (rain, snow, branches) appears as targets of a few reports. The
numbers are a model's, held together here.
"""

import dataclasses
import math
import random

from devices.sensors import ld2450
from devices.sensors.readings import Target
from simulators.street.hilink_unit import CommandEar
from simulators.street.place import Outlook, within

REPORT_MS = 100
REACH_M = 6.0
SURE_M = 5.0
"""Beyond it every second look fails."""
STILL_LOOK = 0.03
"""Part of looks at somebody quite still that succeed."""
FINDS = 3
"""Looks in a row that make a track."""
COASTS = 15
"""Looks without it that end one; until then it is taken to go on as it did."""
BLUR_M = 0.08
GATE_MM = 360
VEHICLE_LOOK = 0.35


@dataclasses.dataclass(slots=True)
class _Place:
    """Where something is and how it moves, in the pole's plane."""

    across: float
    ahead: float
    across_m_s: float
    ahead_m_s: float

    def goes_on(self) -> None:
        """To the next look, unseen."""
        self.across += self.across_m_s * REPORT_MS / 1000
        self.ahead += self.ahead_m_s * REPORT_MS / 1000

    @property
    def speed(self) -> float:
        """Away along the line of sight."""
        return (self.across * self.across_m_s + self.ahead * self.ahead_m_s) / max(
            0.1, math.hypot(self.across, self.ahead)
        )


@dataclasses.dataclass(slots=True)
class _Track:
    place: _Place
    hits: int = 0
    misses: int = 0
    held: bool = False


@dataclasses.dataclass(slots=True)
class _Ghost:
    until_ms: float
    across: float
    ahead: float


class Tracker:
    """The radar on one side's pole.

    ``blind`` covers it (it sees nobody), ``haunted`` gives it somebody who is never there: two sensors that contradict each other.
    """

    baud = ld2450.BAUD

    def __init__(self, outlook: Outlook, seed: str) -> None:
        self.blind = False
        self.haunted = False
        self.targets: list[Target] = []
        self.due_ms = float(REPORT_MS)
        self._outlook = outlook
        self._random = random.Random(seed)  # noqa: S311  reproducible, no secrets
        self._tracks: dict[int, _Track] = {}
        self._ghosts: list[_Ghost] = []
        self._ear = CommandEar()
        self._answers = b""

    def hear(self, data: bytes, now_ms: float) -> None:
        """Commands; answers go before the next report."""
        del now_ms
        self._answers += self._ear.hear(data)

    def speak(self, now_ms: float) -> bytes:
        """A report."""
        self.due_ms = now_ms + REPORT_MS
        answers, self._answers = self._answers, b""
        self.targets = [] if self.blind else self._look(now_ms)
        return answers if self._ear.configured else answers + ld2450.encode(self.targets)

    def _look(self, now_ms: float) -> list[Target]:
        seen: dict[int, _Place] = {}
        look = self._outlook.world.weather.radar_look
        for one, across, ahead in self._outlook.people(REACH_M):
            part = look if one.stirs(now_ms / 1000) else STILL_LOOK
            if math.hypot(across, ahead) > SURE_M:
                part /= 2
            if self._random.random() < part:
                seen[one.number] = _Place(across, ahead, -self._outlook.side * one.vy_m_s, -one.vx_m_s)
        for vehicle, across, ahead in self._outlook.vehicles(REACH_M):
            if vehicle.speed_m_s > 0.3 and self._random.random() < VEHICLE_LOOK:
                along = vehicle.speed_m_s if vehicle.lane else -vehicle.speed_m_s
                seen[-vehicle.number] = _Place(across, ahead, 0.0, along)
        self._follow(seen)
        held = [track.place for track in self._tracks.values() if track.held]
        targets = [self._told(place.across, place.ahead, place.speed) for place in held]
        targets += [self._told(ghost.across, ghost.ahead, 0.4) for ghost in self._haunt(now_ms)]
        targets.sort(key=lambda one: one.y_mm)
        return targets[: ld2450.TARGETS_MAX]

    def _follow(self, seen: dict[int, _Place]) -> None:
        for number, place in seen.items():
            track = self._tracks.setdefault(number, _Track(place))
            track.place, track.hits, track.misses = place, track.hits + 1, 0
            track.held = track.held or track.hits >= FINDS
        for number in list(self._tracks):
            if number not in seen:
                track = self._tracks[number]
                track.hits, track.misses = 0, track.misses + 1
                track.place.goes_on()
                in_view = within(track.place.across, track.place.ahead, REACH_M)
                if track.misses >= COASTS or not track.held or not in_view:
                    del self._tracks[number]

    def _haunt(self, now_ms: float) -> list[_Ghost]:
        weather = self._outlook.world.weather
        self._ghosts = [ghost for ghost in self._ghosts if ghost.until_ms > now_ms]
        if self._random.random() < weather.radar_ghosts * REPORT_MS / 60_000:
            across, ahead = self._random.uniform(-2.5, 2.5), self._random.uniform(0.4, 4.0)
            lasts_ms = 100 + self._random.expovariate(1 / weather.radar_ghost_s) * 1000
            if within(across, ahead, REACH_M):
                self._ghosts.append(_Ghost(now_ms + lasts_ms, across, ahead))
        always = [_Ghost(math.inf, 0.0, 2.0)] if self.haunted else []
        return self._ghosts + always

    def _told(self, across: float, ahead: float, speed_m_s: float) -> Target:
        blur = self._random.gauss
        return Target(
            round((across + blur(0, BLUR_M)) * 1000),
            max(1, round((ahead + blur(0, BLUR_M)) * 1000)),
            max(-30_000, min(30_000, round((speed_m_s + blur(0, 0.08)) * 100) * 10)),
            GATE_MM,
        )
