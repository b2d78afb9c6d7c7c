"""Following events through the house, by what agent and center say they did and when. Pure: lines in, journeys out.

All times are nanoseconds of the machine's one monotonic clock, so that stages told by different processes can be compared.
"""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

STAGES = ("sealed", "published", "written", "kept", "verified", "stored", "receipt", "lamp")
REMEMBERED = 10_000
NS_PER_MS = 1_000_000


@dataclasses.dataclass(slots=True)
class Journey:
    """One event's way. ``stages`` are the first times of each stage reached; ``pressed_ns`` is the finger's touch, if one was its cause."""

    device: str
    boot: int
    seq: int
    type: str
    pressed_ns: int | None = None
    stages: dict[str, int] = dataclasses.field(default_factory=dict)
    state: int = 0

    @property
    def start_ns(self) -> int:
        """Where the clock of this journey starts: the touch, or the sealing."""
        return self.pressed_ns if self.pressed_ns is not None else self.stages.get("sealed", 0)

    def ms(self, stage: str) -> float | None:
        """Milliseconds from the start to a stage, None if it was not reached (yet)."""
        reached = self.stages.get(stage)
        return None if reached is None else (reached - self.start_ns) / NS_PER_MS


class Follower:
    """Collects the journeys of one device's events."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._touches: collections.deque[int] = collections.deque()
        self._positions: dict[int, tuple[int, int]] = {}
        self._kept = 0
        self.journeys: dict[tuple[int, int], Journey] = {}
        self.lamp = "dark"
        self.linked = False
        self.refused = 0

    def touched(self, pressed_ns: int) -> None:
        """A finger touched the button; the next alarm sealed is its."""
        self._touches.append(pressed_ns)

    def agent_said(self, line: Mapping[str, Any]) -> None:
        """One line of the agent's trace."""
        stage, at_ns = line.get("stage"), int(line.get("mono_ns", 0))
        if stage == "output" and line.get("name") == "lamp":
            self.lamp = str(line["pattern"])
            self._lamp_changed(at_ns)
        elif stage == "link":
            self.linked = bool(line["up"])
        elif stage == "kept":
            self._kept_up_to(int(line["position"]), at_ns)
        elif stage in ("sealed", "published", "written", "receipt"):
            self._reached(line, str(stage), at_ns)

    def center_said(self, line: Mapping[str, Any]) -> None:
        """One line of the center's log."""
        if line.get("what") == "refused":
            self.refused += sum(line["held"].values()) if "held" in line else 1
        elif line.get("device") == self._device and line.get("stage") in ("verified", "stored"):
            self._reached(line, str(line["stage"]), int(line["mono_ns"]))

    def alarms(self) -> list[Journey]:
        """Journeys of alarms, in the order of their sealing."""
        return [journey for journey in self.journeys.values() if journey.type.startswith("alarm.")]

    def _reached(self, line: Mapping[str, Any], stage: str, at_ns: int) -> None:
        name = int(line["boot"]), int(line["seq"])
        journey = self.journeys.get(name)
        if journey is None:
            journey = self.journeys[name] = Journey(self._device, *name, str(line.get("type", "")))
            if len(self.journeys) > REMEMBERED:
                del self.journeys[next(iter(self.journeys))]
        if line.get("type"):
            journey.type = str(line["type"])
        journey.stages.setdefault(stage, at_ns)
        journey.state = max(journey.state, int(line.get("state", 0)))
        if stage == "sealed" and journey.type.startswith("alarm.") and self._touches:
            journey.pressed_ns = self._touches.popleft()
            self._touches.clear()
        elif stage == "written":
            self._positions[int(line["position"])] = name

    def _kept_up_to(self, position: int, at_ns: int) -> None:
        for kept in range(self._kept + 1, position + 1):
            name = self._positions.pop(kept, None)
            if name is not None:
                self.journeys[name].stages.setdefault("kept", at_ns)
        self._kept = position

    def forget_positions(self) -> None:
        """The agent was started again: its journal counts positions anew."""
        self._positions.clear()
        self._kept = 0

    def _lamp_changed(self, at_ns: int) -> None:
        """The lamp may now show the receipts that came before. It shows alarms; what escalates one changes nothing on it."""
        if self.lamp in ("received", "acknowledged", "dispatched", "closed"):
            for journey in self.alarms():
                if journey.type == "alarm.raised" and "receipt" in journey.stages:
                    journey.stages.setdefault("lamp", at_ns)
