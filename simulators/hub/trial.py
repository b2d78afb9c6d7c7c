"""Presses in a school while cables are cut and the agent is killed, and an account of what became of each, by what a consumer received."""

import asyncio
import collections
import dataclasses
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.common.alarms import ESCALATION_GAP_MS, ESCALATIONS_AT_ONCE
from devices.panic_hub import SETTINGS
from devices.panic_hub.line import LOOKS
from devices.panic_hub.scan import SETTLE_MS
from simulators.account import percentile, presses_verified
from simulators.errors import DemoError
from simulators.hub.module import CHANNELS
from simulators.hub.rig import ZONES_MAX, place
from simulators.hub.scene import Scene

APART_S = 0.45
"""From press to press."""
SHORTEST_MS, LONGEST_MS = 60, 250
TWO_AT_ONCE = 0.2
"""How often somebody presses in another room at the same time."""
CUT_S = 1.5
"""A cut is told after a second."""
HEALED_S = 20.0
DRAINED_S = 60.0
TWICE_S = 0.5
DEAD_MS = 1000.0
"""So long without a look: the agent was being started."""
SETTLED_NS = (SETTLE_MS + SETTINGS["sample_ms"][1]) * 1_000_000
"""From a touch, or from letting go, until a look shows it for certain."""


@dataclasses.dataclass(frozen=True, slots=True)
class Press:
    """One press; ``alone``: in no other room at the same time."""

    zone: int
    touched_ns: int
    held_ms: float
    alone: bool


@dataclasses.dataclass(slots=True)
class Done:
    """What was done: presses, and zones whose cable was cut and mended."""

    presses: list[Press] = dataclasses.field(default_factory=list)
    cuts: list[int] = dataclasses.field(default_factory=list)


async def perform(
    scene: Scene, presses: int, kills: int, cuts: int, seed: int, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Press, cut, kill, wait until all is said; the account.

    Args:
        scene: open.
        presses: how many, spread over all zones.
        kills: how often the agent is killed in between.
        cuts: how many cables are cut in between, each in a zone that nobody presses in until it is mended.
        seed: of who presses when and how long.
        progress: told after each press how many were made.
    """
    rng = random.Random(f"trial {seed}")  # noqa: S311  reproducible, no secrets
    zones = range(len(scene.school.rig.zones))
    marks = rng.sample(range(1, presses), min(kills + cuts, presses - 1)) if presses > 1 else []
    killed, cut = set(marks[:kills]), set(marks[kills:])
    done = Done()
    broken: int | None = None
    made = 0
    while made < presses:
        if made in killed:
            await scene.through(through_ns(done.presses))
            await scene.kill()
            await scene.start()
            await asyncio.sleep(CUT_S if broken is not None else 0)  # a fault is told again by each start
        killed.discard(made)
        if made in cut and len(zones) > 1:
            broken = await _cut(scene, broken, rng.choice(zones), done)
        cut.discard(made)
        whole = [zone for zone in zones if zone != broken]
        both = presses - made > 1 and len(whole) > 1 and made + 1 not in (killed | cut) and rng.random() < TWO_AT_ONCE
        for zone in rng.sample(whole, 2 if both else 1):
            held_ms = rng.uniform(SHORTEST_MS, LONGEST_MS)
            done.presses.append(Press(zone, scene.school.press(zone, held_ms), held_ms, not both))
            made += 1
        progress(made)
        await asyncio.sleep(APART_S)
    if broken is not None:
        await _mend(scene, broken)
    await scene.through(through_ns(done.presses))
    return await concluded(scene, done)


async def concluded(scene: Scene, done: Done) -> dict[str, Any]:
    """Wait until all is said that is owed; the account."""
    owed = _by_zone(done.presses) - _by_zone(unseen(done.presses, scene.looks))
    try:
        await scene.until(lambda: not owed - verified(_alarms(scene)), "", DRAINED_S)
        await scene.until(lambda: _line_faults(scene.consumer.events()) == _wanted(done.cuts), "", HEALED_S)
    except DemoError:
        pass  # the account says what is lacking
    await asyncio.sleep(TWICE_S)  # for what would come twice
    return account(scene, done)


async def _cut(scene: Scene, broken: int | None, zone: int, done: Done) -> int:
    if broken is not None:
        await _mend(scene, broken)
    scene.school.break_it(f"zone-{zone + 1}", "cut")
    done.cuts.append(zone)
    await asyncio.sleep(CUT_S)
    return zone


async def _mend(scene: Scene, zone: int) -> None:
    wanted = len(_healed(scene.consumer.events())) + 1
    scene.school.break_it(f"zone-{zone + 1}", "well")
    try:
        await scene.until(lambda: len(_healed(scene.consumer.events())) >= wanted, "", HEALED_S)
    except DemoError:
        return  # the account says it


def through_ns(presses: Sequence[Press]) -> int:
    """When the last finger was off, and the hub has told what it held back of a zone that was hammered."""
    hammered = max(_by_zone(presses).values()) > ESCALATIONS_AT_ONCE
    return max(map(_ends_ns, presses)) + hammered * ESCALATION_GAP_MS * 1_000_000


def unseen(presses: Sequence[Press], looks: Sequence[Sequence[int]]) -> list[Press]:
    """The presses that the hub could not tell: this machine was too busy for two looks at one, or at its button at rest before."""
    found = []
    free_ns: dict[int, int] = {}
    for press in presses:
        own = looks[press.zone // CHANNELS]
        ends_ns = _ends_ns(press)
        pressed = _between(own, press.touched_ns + SETTLED_NS, ends_ns)
        at_rest = _between(own, free_ns[press.zone], press.touched_ns) if press.zone in free_ns else LOOKS
        if min(pressed, at_rest) < LOOKS:
            found.append(press)
        free_ns[press.zone] = ends_ns + SETTLED_NS
    return found


def verified(alarms: Sequence[dict[str, Any]]) -> collections.Counter[int]:
    """How many presses of each zone these alarms stand for."""
    zones = {place(zone)["zone"]: zone for zone in range(ZONES_MAX)}
    own: dict[int, list[dict[str, Any]]] = {}
    for event in alarms:
        if event["data"].get("zone") in zones:
            own.setdefault(zones[event["data"]["zone"]], []).append(event)
    return collections.Counter({zone: presses_verified(events) for zone, events in own.items()})


def account(scene: Scene, done: Done) -> dict[str, Any]:
    """What became of all that was done."""
    events = scene.consumer.events()
    alarms = _alarms(scene)
    wrong: list[str] = []
    for zone in range(len(scene.school.rig.zones)):
        where = place(zone)
        wrong += [
            f"an alarm of {where['zone']} says {event['data']}"
            for event in alarms
            if event["data"].get("zone") == where["zone"] and {**event["data"], **where} != event["data"]
        ]
    faults = _line_faults(events)
    if faults != _wanted(done.cuts):
        wrong.append(f"cut were {_wanted(done.cuts)}, told were {faults}")
    ids = collections.Counter(event["id"] for event in events)
    missed = unseen(done.presses, scene.looks)
    made, told = _by_zone(done.presses), verified(alarms)
    alone_ns = [press.touched_ns for press in done.presses if press.alone and press not in missed]
    handed = _times(alone_ns, [at_ns for at_ns, type_ in scene.sealed if type_.startswith("alarm.")])
    arrivals = {delivery.event["id"]: delivery for delivery in reversed(scene.consumer.deliveries)}
    arrived = _times(
        alone_ns,
        sorted(one.at_ns for one in arrivals.values() if one.event["type"].startswith("dabyl.alarm.")),
    )
    gaps = [(later - sooner) / 1e6 for asked in scene.looks for sooner, later in itertools.pairwise(asked)]
    gaps = [gap_ms for gap_ms in gaps if gap_ms < DEAD_MS]
    return {
        "zones": len(scene.school.rig.zones),
        "presses": made.total(),
        "verified": told.total(),
        "unseen": len(missed),
        "lost": (made - _by_zone(missed) - told).total(),
        "duplicated": sum(count - 1 for count in ids.values()) + (told - made).total(),
        "starts": scene.starts,
        "cuts": len(done.cuts),
        "cuts_told": sum(states.count("open") for states in faults.values()),
        "cuts_mended_told": sum(states.count("well") for states in faults.values()),
        "wrong": wrong,
        "press_to_alarm_ms": _percentiles(handed),
        "press_to_subscriber_ms": _percentiles(arrived),
        "look_ms": _percentiles(gaps),
    }


def _ends_ns(press: Press) -> int:
    return press.touched_ns + round(press.held_ms * 1_000_000)


def _between(looks: Sequence[int], begins_ns: int, ends_ns: int) -> int:
    return sum(begins_ns <= at_ns <= ends_ns for at_ns in looks)


def _by_zone(presses: Sequence[Press]) -> collections.Counter[int]:
    return collections.Counter(press.zone for press in presses)


def _alarms(scene: Scene) -> list[dict[str, Any]]:
    return [event for event in scene.consumer.events() if event["type"].startswith("dabyl.alarm.")]


def _healed(events: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(event["id"]) for event in events if event["type"] == "dabyl.fault.cleared" and "zone" in event["data"]}


def _line_faults(events: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Zone -> the states of its line in order, "well" where a fault is over; one that each start tells again counts once."""
    found: dict[str, list[str]] = {}
    for event in events:
        if event["type"] == "dabyl.fault.line" or (event["type"] == "dabyl.fault.cleared" and "zone" in event["data"]):
            states = found.setdefault(event["data"]["zone"], ["well"])
            state = event["data"].get("state", "well")
            if states[-1] != state:
                states.append(state)
    return {zone: states[1:] for zone, states in found.items() if len(states) > 1}


def _wanted(cuts: Sequence[int]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for zone in cuts:
        found.setdefault(place(zone)["zone"], []).extend(["open", "well"])
    return found


def _times(touched_ns: Sequence[int], told_ns: Sequence[int]) -> list[float]:
    """Milliseconds from each touch to the first alarm told after it."""
    firsts = ((began_ns, next((at_ns for at_ns in told_ns if at_ns >= began_ns), None)) for began_ns in touched_ns)
    return [(first_ns - began_ns) / 1e6 for began_ns, first_ns in firsts if first_ns is not None]


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {"p50": percentile(values, 50), "p99": percentile(values, 99), "n": len(values)}
