"""Following events through the house, by what agent and center say they did and when. Pure: lines in, journeys out.

A board's firmware tells no stages: its events are followed from the center's word on, and the lamp is read from its pin.

All times are nanoseconds of the machine's one monotonic clock, so that stages told by different processes can be compared.
"""

import collections
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

STAGES = ("sealed", "published", "written", "kept", "verified", "stored", "signed", "receipt", "lamp")
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
    def start_ns(self) -> int | None:
        """Where the clock of this journey starts: the touch, or the sealing; None where neither is known."""
        return self.pressed_ns if self.pressed_ns is not None else self.stages.get("sealed")

    def ms(self, stage: str) -> float | None:
        """Milliseconds from the start to a stage, None if it was not reached (yet), or nobody knows from when to count."""
        reached, start_ns = self.stages.get(stage), self.start_ns
        return None if reached is None or start_ns is None else (reached - start_ns) / NS_PER_MS


class Follower:
    """Collects the journeys of one device's events.

    Args:
        device: its identity.
        traced: whether the device itself tells the stages of its events.

    Attributes:
        proof: the stage by which a press is known to be at the center: the receipt, as the device has it, or else as the center signed it.
    """

    def __init__(self, device: str, *, traced: bool = True) -> None:
        self._device = device
        self._traced = traced
        self.proof = "receipt" if traced else "signed"
        self._touches: collections.deque[int] = collections.deque()
        self._positions: dict[int, tuple[int, int]] = {}
        self._kept = 0
        self.journeys: dict[tuple[int, int], Journey] = {}
        self.lamp = "dark"
        self.linked = False
        self.refused = 0

    def touched(self, pressed_ns: int) -> None:
        """A finger touched the button; the next alarm is its."""
        self._touches.append(pressed_ns)

    def forget_touches(self, since_ns: int = 0) -> None:
        """No alarm will come of these touches any more."""
        while self._touches and self._touches[-1] >= since_ns:
            self._touches.pop()

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
            if "held" in line:
                self.refused += sum(line["held"].values())  # they may have been any device's
            elif f"/{self._device}/" in line["topic"]:
                self.refused += 1
        elif line.get("device") == self._device and line.get("stage") in ("verified", "stored"):
            self._reached(line, str(line["stage"]), int(line["mono_ns"]))
        elif line.get("device") == self._device and line.get("stage") == "receipt":
            self._signed(line, int(line["mono_ns"]))

    def lamp_seen(self, lamp: str, shown_by: Callable[[int], int | None]) -> None:
        """The lamp was read from its pin. ``shown_by`` gives by when it showed a receipt signed at an instant: the last alarm's."""
        self.lamp = lamp
        latest = self.raised()
        if latest is not None and "signed" in latest.stages and "lamp" not in latest.stages:
            by_ns = shown_by(latest.stages["signed"])
            if by_ns is not None:
                latest.stages["lamp"] = by_ns

    def alarms(self) -> list[Journey]:
        """Journeys of alarms, in the order of their sealing."""
        return [journey for journey in self.journeys.values() if journey.type.startswith("alarm.")]

    def kept(self, pressed_ns: int) -> bool:
        """Whether the alarm of a touch is kept, as the agent's trace says."""
        return any(one.pressed_ns == pressed_ns and "kept" in one.stages for one in self.alarms())

    def raised(self) -> Journey | None:
        """The journey of the alarm raised last."""
        return next((one for one in reversed(self.journeys.values()) if one.type == "alarm.raised"), None)

    def _reached(self, line: Mapping[str, Any], stage: str, at_ns: int) -> None:
        name = int(line["boot"]), int(line["seq"])
        journey = self.journeys.get(name)
        if journey is None:
            journey = self.journeys[name] = Journey(self._device, *name, str(line.get("type", "")))
            if len(self.journeys) > REMEMBERED:
                del self.journeys[next(iter(self.journeys))]
        if line.get("type"):
            journey.type = str(line["type"])
        told_before = stage in journey.stages
        journey.stages.setdefault(stage, at_ns)
        journey.state = max(journey.state, int(line.get("state", 0)))
        begins = stage == ("sealed" if self._traced else "verified") and not told_before
        if begins and journey.type.startswith("alarm.") and self._touches:
            journey.pressed_ns = self._touches.popleft()
            if self._traced:
                self._touches.clear()
        elif stage == "written":
            self._positions[int(line["position"])] = name

    def _signed(self, line: Mapping[str, Any], at_ns: int) -> None:
        boot, last = int(line["boot"]), int(line["seq"])
        for seq in range(max(int(line.get("first", last)), last - REMEMBERED), last + 1):
            journey = self.journeys.get((boot, seq))
            if journey is None:
                continue
            journey.stages.setdefault("signed", at_ns)
            if not self._traced and journey.type.startswith("alarm."):
                journey.state = max(journey.state, int(line.get("state", 1)))

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
