"""Everything that can be wrong with a crosswalk's sensors and lamps, under unmodified agents in real time: is it told, and does it heal?

Some crossings at once, each with ailments that do not touch each other. Each is to be told in a signed event by its name and state, and
to be told as over once its cause is gone. Frozen and contradicting sensors take their time by design: half a minute, and two minutes.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence

from agent.wire import cose, event
from benchmarks.crosswalk_realtime import hardware_first
from benchmarks.crosswalk_scene import Crossing, crossings, realtime_allowed
from benchmarks.figures import Detail, Figure
from benchmarks.scene import Context
from benchmarks.watcher import Message, Watcher

Ailment = tuple[str, str, str]
"""What is broken, how, and the state in which it is told."""
AT_ONCE: tuple[tuple[Ailment, ...], ...] = (
    (
        ("tracker", "wrong-baud", "babbling"),
        ("presence", "babbling", "babbling"),
        ("speed", "unplugged", "lost"),
        ("charger", "silent", "silent"),
        ("lamp-left", "broken", "dead"),
    ),
    (
        ("tracker", "unplugged", "lost"),
        ("presence", "silent", "silent"),
        ("charger", "babbling", "babbling"),
        ("lamp-left", "stuck-on", "stuck-on"),
    ),
    (("io", "unplugged", "lost"),),
    (("tracker", "haunted", "contradicted"),),
    (("tracker", "frozen", "frozen"),),
)
NAMES = {"io": "relay"}
"""By what name it is told, if not by its own."""
SEEN_S = 5.0
"""A sensor that sees somebody may freeze."""
TOLD_S, HEALED_S = 180.0, 60.0
"""Two minutes of contradiction, and twelve seconds for each of the infrared sensor's false alarms."""
PRESS_EVERY_S = 5.0
"""What is wrong with a lamp shows, and heals, while it is lit."""
SETTINGS = {"crossing_mm": 2000, "clear_s": 0, "lit_min_s": 10}


def faults(messages: Sequence[Message], device: str) -> dict[str, list[str]]:
    """Input -> the states that were told of it in order, "well" where a fault is over."""
    events = [event.decode(cose.parse(message.payload).payload) for message in messages]
    once = {(one.boot, one.seq): one for one in events if one.device == device}  # without a center they are sent again
    found: dict[str, list[str]] = {}
    for _name, told in sorted(once.items()):
        if told.type.startswith("fault."):
            found.setdefault(str(told.data["input"]), []).append(str(told.data.get("state", "well")))
    return found


def measure(context: Context) -> list[Figure]:
    """Break, wait until all is told, mend, wait until all is over."""
    cases = AT_ONCE[:3] if context.quick else AT_ONCE
    with crossings(context, len(cases), **SETTINGS) as made, contextlib.ExitStack() as running:
        watcher = running.enter_context(made[0].scene.watch())
        realtime = realtime_allowed()
        for one in made:
            one.light(running.enter_context(one.start(realtime=realtime)))
        if realtime:
            hardware_first()
        pairs = list(zip(made, cases, strict=True))
        for one, ailments in pairs:
            _break(one, ailments)
        told = _waited(context, watcher, pairs, "told", TOLD_S)
        for one, ailments in pairs:
            for what, _how, _state in ailments:
                one.street.break_it(what, "well")
        healed = _waited(context, watcher, pairs, "healed", HEALED_S)
    return [
        Figure(f"crosswalk_faults.not_{what}", list(found.values()).count("never"), at_most=0, details=found)
        for what, found in (("told", told), ("healed", healed))
    ]


def _waited(
    context: Context, watcher: Watcher, pairs: Sequence[tuple[Crossing, Sequence[Ailment]]], what: str, limit_s: float
) -> dict[str, Detail]:
    """After how many seconds each ailment was told, or healed; "never" if not within the limit. Somebody presses again and again."""
    began = time.monotonic()
    left = [(one.device.name, ailment) for one, ailments in pairs for ailment in ailments]
    found: dict[str, Detail] = {f"{ailment[0]} {ailment[1]}": "never" for _name, ailment in left}
    while left and time.monotonic() < began + limit_s:
        context.say(f"{len(left)} of {len(found)} not yet {what}")
        for one, _ailments in pairs:
            one.press()
        time.sleep(PRESS_EVERY_S)  # how often people press is part of the scene
        for name, ailment in list(left):
            if _is(what, ailment, faults(watcher.messages, name)):
                left.remove((name, ailment))
                found[f"{ailment[0]} {ailment[1]}"] = round(time.monotonic() - began)
    return found


def _break(one: Crossing, ailments: Sequence[Ailment]) -> None:
    for what, how, _state in ailments:
        if how == "frozen":
            one.street.break_it(what, "haunted")
            time.sleep(SEEN_S)  # it freezes on what it has seen for so long
        one.street.break_it(what, how)


def _is(what: str, ailment: Ailment, told: Mapping[str, Sequence[str]]) -> bool:
    states = told.get(NAMES.get(ailment[0], ailment[0]), [])
    return ailment[2] in states and (what == "told" or states[-1] == "well")
