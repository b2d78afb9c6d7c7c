"""Calls for help on a panic button: each is one gesture on one alarm, which the center closes, and is judged by what a consumer received,
by where it says the button is, by whether it says that it is a drill, and by what its holder felt and nobody heard.
"""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.panic_button import LEVELS
from devices.panic_button.patterns import PATTERNS
from simulators import lamp
from simulators.board.scene import Scene
from simulators.board.trial import SPACING_S, TWICE_S, account
from simulators.errors import DemoError
from simulators.gpio.wiring import Output

APART_S = 3.2
"""From the last press of a call to the first of the next: no gesture reaches across."""
ANSWER_S = 0.3
"""A machine that stands still must not make one answer of two: the motor is at rest before the next press."""
HOLD_MS = 5200
DRILL_S = 120
JUDGED_S = 10.0
LOOK_S = 0.02
PLACE = ("building", "floor", "room")
OVER = ("idle", "closed", "drill", "offline")
"""What the lamp shows while no alarm is open."""


@dataclasses.dataclass(frozen=True)
class Gesture:
    """Presses of one call, how long the last one is held, the level that they mean, and whether this is done in a drill."""

    presses: int
    level: str
    hold_ms: float = 120
    drill: bool = False


GESTURES = (
    Gesture(1, "assist-pending"),
    Gesture(3, "staff"),
    Gesture(1, "lockdown", hold_ms=HOLD_MS),
    Gesture(1, "assist-pending", drill=True),
)


def planned(presses: int) -> list[Gesture]:
    """The gestures of so many presses, one kind after the other; the last is left unfinished where there are too few for it."""
    found: list[Gesture] = []
    while presses:
        gesture = GESTURES[len(found) % len(GESTURES)]
        if gesture.presses > presses:
            gesture = Gesture(presses, LEVELS[0])
        found.append(gesture)
        presses -= gesture.presses
    return found


async def perform(scene: Scene, presses: int, cuts: set[int], progress: Callable[[int], None]) -> dict[str, Any]:
    """Make the calls, cut the power, let the center close each alarm; the account. Arguments as in `trial.perform`."""
    touched: list[int] = []
    levels: dict[str, int] = {}
    wrong: list[str] = []
    number = drills = 0
    last = -APART_S
    for call, gesture in enumerate(planned(presses), 1):
        await asyncio.sleep(max(0.0, last + APART_S - time.monotonic()))
        began = len(scene.consumer.deliveries)
        if gesture.drill:
            drills += 1
            wrong += [f"call {call}: {problem}" for problem in await _drill(scene)]
        whole = True
        for press in range(gesture.presses):
            last = time.monotonic()
            cut = number in cuts
            whole = whole and not (cut and (press + 1 < gesture.presses or gesture.hold_ms > SPACING_S * 1000))
            if cut:
                await scene.cut_network()
            touched_ns = await scene.press(120 if cut or press + 1 < gesture.presses else gesture.hold_ms)
            number += 1
            if cut:
                await scene.cut_power()
            else:
                touched.append(touched_ns)
                await scene.board.at_rest()
            progress(number)
            await asyncio.sleep(max(last + SPACING_S - time.monotonic(), ANSWER_S))
        wanted = gesture if whole else dataclasses.replace(gesture, level="")
        problems = await _judged(scene, began, number, wanted)
        if whole and not problems:
            levels[gesture.level] = levels.get(gesture.level, 0) + 1
        wrong += [f"call {call}: {problem}" for problem in problems]
        wrong += [f"call {call}: {problem}" for problem in await _closed(scene, began)]
        if gesture.drill:
            await scene.command("drill-end", {})
    await scene.drained(presses)
    await asyncio.sleep(TWICE_S)  # for what would come twice
    history = {name: scene.board.history(scene.wiring.pin(name)) for name in ("haptic", "buzzer")}
    return {
        **account(presses, touched, scene.consumer.deliveries),
        "levels": levels,
        "drills": drills,
        "felt": felt(touched, history["haptic"]),
        "heard": sum(output.lit for output in history["buzzer"]),
        "wrong": wrong,
    }


def judge(gesture: Gesture, place: Mapping[str, object], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the alarms of one call.

    Args:
        gesture: what was done; a level of "" was interrupted by a power cut, and may be any, on one alarm or on two.
        place: what every event says of the place.
        events: that a consumer received, repetitions included.
    """
    wrong = []
    alarms = set()
    reached = ""
    for event in events:
        data = event["data"]
        kind = event["type"].removeprefix("dabyl.")
        if kind == "alarm.raised":
            alarms.add((event["dabylboot"], event["dabylseq"]))
        elif kind == "alarm.escalated":
            alarms.add(tuple(data["alarm"]))
        else:
            continue
        if "level" in data:
            reached = max(reached, data["level"], key=lambda level: LEVELS.index(level) if level else -1)
        told = {name: data.get(name) for name in place}
        if told != place:
            wrong.append(f"{kind} says it is at {told}")
        if event["dabyldrill"] != gesture.drill:
            wrong.append(f"{kind} says it is {'a drill' if event['dabyldrill'] else 'real'}")
    if gesture.level and len(alarms) != 1:
        wrong.append(f"{len(alarms)} alarms")
    if gesture.level and reached != gesture.level:
        wrong.append(f"level {reached or 'none'} instead of {gesture.level}")
    return wrong


def felt(touched_ns: Sequence[int], motor: Sequence[Output]) -> int:
    """How many presses the motor has answered before the next one."""
    pulses = [output.since_ns for output in motor if output.lit]
    ends = [*touched_ns[1:], time.monotonic_ns()]
    return sum(any(began <= pulse < end for pulse in pulses) for began, end in zip(touched_ns, ends, strict=True))


async def _drill(scene: Scene) -> list[str]:
    told = await scene.command("drill", {"until": (time.time_ns() // 1_000_000) + DRILL_S * 1000})
    result = told.get("result") or {}
    return [] if result.get("ok") else [f"the drill did not start: {result.get('why', told)}"]


async def _judged(scene: Scene, began: int, presses: int, gesture: Gesture) -> list[str]:
    """What is wrong with the call, once everything has come, or after a while."""
    place = {name: scene.wiring.settings[name] for name in PLACE}
    await scene.drained(presses)
    until = time.monotonic() + JUDGED_S
    while (wrong := judge(gesture, place, _since(scene, began))) and time.monotonic() < until:  # noqa: ASYNC110  another thread's list
        await asyncio.sleep(LOOK_S)
    return wrong


async def _closed(scene: Scene, began: int) -> list[str]:
    """Close the alarms of the call; what is wrong is a lamp that goes on showing one."""
    raised = {
        (event["dabylboot"], event["dabylseq"])
        for event in _since(scene, began)
        if event["type"] == "dabyl.alarm.raised"
    }
    for boot, seq in sorted(raised):
        await scene.close(boot, seq)
    shown = ""

    def over() -> bool:
        nonlocal shown
        history = scene.board.history(scene.wiring.pin("lamp"))
        shown = lamp.read(history, PATTERNS["lamp"], time.monotonic_ns())
        return shown in OVER

    try:
        await scene.until(over, "")
    except DemoError:
        return [f"closed at the center, and the lamp shows {shown}"]
    return []


def _since(scene: Scene, began: int) -> list[dict[str, Any]]:
    return [delivery.event for delivery in scene.consumer.deliveries[began:]]
