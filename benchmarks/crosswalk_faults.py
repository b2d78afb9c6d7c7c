"""Everything that can be wrong with a crosswalk's sensors and lamps, under unmodified agents in real time: is it told, and does it heal?

Some crossings at once, each with ailments that do not touch each other. Each is to be told in a signed event by its name and state, and
to be told as over once its cause is gone. Frozen and contradicting sensors take their time by design: half a minute, and two minutes.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence

from agent.wire import cose, event
from benchmarks.crosswalk_scene import Crossing, crossings
from benchmarks.figures import Detail, Figure
from benchmarks.scene import Context
from benchmarks.watcher import Message

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
    details: dict[str, Detail] = {}
    wanted = 0
    missing: dict[str, int] = {}
    with crossings(context, len(cases), **SETTINGS) as made, contextlib.ExitStack() as running:
        watcher = running.enter_context(made[0].scene.watch())
        for one in made:
            one.light(running.enter_context(one.start(realtime=False)))
        pairs = list(zip(made, cases, strict=True))
        for one, ailments in pairs:
            _break(one, ailments)
        for what, limit_s in (("told", TOLD_S), ("healed", HEALED_S)):
            began = time.monotonic()
            open_ = {(one.device.name, ailment) for one, ailments in pairs for ailment in ailments}
            wanted = len(open_)
            while open_ and time.monotonic() < began + limit_s:
                context.say(f"{len(open_)} of {wanted} not yet {what}")
                for one in made:
                    one.press()
                time.sleep(PRESS_EVERY_S)
                for name, ailment in sorted(open_):
                    if _is(what, ailment, faults(watcher.messages, name)):
                        open_.remove((name, ailment))
                        details[f"{ailment[0]} {ailment[1]} {what}_s"] = round(time.monotonic() - began)
            missing[what] = len(open_)
            details.update({f"{ailment[0]} {ailment[1]} not {what}": 1 for _name, ailment in sorted(open_)})
            for one, ailments in pairs:
                for ailment in ailments:
                    one.street.break_it(ailment[0], "well")
    return [
        Figure("crosswalk_faults.not_told", missing["told"], at_most=0, details={"faults": wanted}),
        Figure("crosswalk_faults.not_healed", missing["healed"], at_most=0, details=details),
    ]


def _break(one: Crossing, ailments: Sequence[Ailment]) -> None:
    for what, how, _state in ailments:
        if how == "frozen":
            one.street.break_it(what, "haunted")
            time.sleep(SEEN_S)
        one.street.break_it(what, how)


def _is(what: str, ailment: Ailment, told: Mapping[str, Sequence[str]]) -> bool:
    states = told.get(NAMES.get(ailment[0], ailment[0]), [])
    return ailment[2] in states and (what == "told" or states[-1] == "well")
