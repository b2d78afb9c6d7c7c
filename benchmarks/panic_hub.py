"""A hub of panic buttons: short presses beside every trouble on simulated time, and a school under an unmodified agent in real time."""

import asyncio
import pathlib
import random
import tempfile
from typing import Any

from benchmarks.figures import Figure
from benchmarks.scene import Context
from devices.panic_hub.scan import PRESS_MS
from simulators.gpio import physics
from simulators.hub import trial
from simulators.hub.desk import Desk
from simulators.hub.rig import ZONES_MAX
from simulators.hub.scene import Scene

TROUBLES = ("", "module-2:dead", "io1:silent", "io1:babbling", "zone-9:noisy", "zone-2:cut", "zone-2:leak")
SOUND = (0, 2, 3, 4, 5, 6, 7)
"""Zones that none of these ails."""
APART_MS = 1000
"""So that hammering is not told together."""
SEED = 1


def short_presses(presses: int) -> dict[str, int]:
    """So many presses of 60 ms with every trouble elsewhere; how many were lost, and how many told that nobody made."""
    rng = random.Random(SEED)
    lost = added = 0
    for trouble in TROUBLES:
        desk = Desk(ZONES_MAX, seed=SEED)
        if trouble:
            desk.rig.break_it(*trouble.split(":"))
        made = dict.fromkeys(range(ZONES_MAX), 0)
        for _ in range(presses // len(TROUBLES)):
            zone = rng.choice(SOUND)
            desk.rig.zones[zone].press(desk.now + rng.uniform(0, 60), PRESS_MS, physics.POOR)
            made[zone] += 1
            desk.until(desk.now + APART_MS)
        desk.until(desk.now + APART_MS)
        told = {zone: desk.pressed(zone) for zone in made}
        lost += sum(max(0, made[zone] - told[zone]) for zone in made)
        added += sum(max(0, told[zone] - made[zone]) for zone in made)
    return {"presses": presses // len(TROUBLES) * len(TROUBLES), "lost": lost, "added": added}


def measure(context: Context) -> list[Figure]:
    """Press."""
    count = context.count(700, 70)
    context.say(f"{count} presses of {PRESS_MS} ms on simulated time")
    short = short_presses(count)
    presses = context.count(200, 12)
    context.say(f"{presses} presses in a school of {ZONES_MAX} zones, with kills and cut cables")
    told = asyncio.run(_school(context, presses, kills=context.count(5, 1), cuts=context.count(3, 1)))
    wrong = told["lost"] + told["duplicated"] + len(told["wrong"])
    return [
        Figure("panic_hub.short_presses_wrong", short["lost"] + short["added"], at_most=0, details=short),
        Figure("panic_hub.presses_wrong", wrong, at_most=0, details=_flat(told)),
        Figure("panic_hub.press_to_alarm_p50", told["press_to_alarm_ms"]["p50"], "ms"),
        Figure("panic_hub.press_to_alarm_p99", told["press_to_alarm_ms"]["p99"], "ms"),
        Figure("panic_hub.look_p99", told["look_ms"]["p99"], "ms"),
    ]


async def _school(context: Context, presses: int, kills: int, cuts: int) -> dict[str, Any]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b", dir=context.directory))
    async with Scene(folder, ZONES_MAX, seed=SEED) as scene:
        return await trial.perform(scene, presses, kills, cuts, SEED, lambda _made: None)


def _flat(told: dict[str, Any]) -> dict[str, float]:
    return {name: told[name] for name in ("presses", "unseen", "lost", "duplicated", "starts", "cuts", "cuts_told")}
