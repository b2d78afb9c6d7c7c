"""Vehicles that do not give way: how many of them are told, and how many that are told were none. On streets with everything fitted.

What a true one and a false report are stands in ``simulators.street.truth``. The observation is indicative: a vehicle that came with
somebody's last step to the kerb, or behind another, is left out rather than accused. ``python -m benchmarks.crosswalk_nonyield`` prints the
family of seeds with which it was tuned; the figure's is another one.
"""

import concurrent.futures
import functools
import os
import sys
from collections.abc import Callable

from benchmarks.figures import Figure, table
from benchmarks.scene import Context
from simulators.street.run import Run, settings_for
from simulators.street.truth import Observed, observed
from simulators.street.world import Plan

TUNING, FIGURE = 7001, 8001
"""First seeds of the two families."""
WEATHERS = ("clear", "rain", "clear", "wind")
GROUPS_H = 100.0
PRESSES = 0.3


def observed_at(minutes: int, plan: Plan) -> Observed:
    """What the reports of one street were worth."""
    run = Run(plan, settings_for(plan))
    run.until(minutes * 60_000)
    return observed(run.witness.truth, run.reports)


def figures(say: Callable[[str], None], first_seed: int, minutes: int) -> list[Figure]:
    """Both shares over a family of seeds, a street on each processor at a time."""
    plans = [
        Plan(first_seed + place, weather, groups_h=GROUPS_H, presses=PRESSES) for place, weather in enumerate(WEATHERS)
    ]
    whole = Observed(0, 0, 0, 0)
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, one in enumerate(pool.map(functools.partial(observed_at, minutes), plans), 1):
            whole += one
            say(f"{number} of {len(plans)} streets of {minutes} minutes")
    details = {"true": whole.true, "found": whole.found, "reported": whole.reported, "nobody_there": whole.false}
    return [
        Figure("crosswalk_nonyield.found", 100 * whole.found / max(1, whole.true), "%", details=details),
        Figure("crosswalk_nonyield.false", 100 * whole.false / max(1, whole.reported), "%"),
    ]


def measure(context: Context) -> list[Figure]:
    """The figure's family. No target: nothing rests on it."""
    return figures(context.say, FIGURE, context.count(60, 5))


if __name__ == "__main__":
    print(table(figures(lambda text: print(text, file=sys.stderr, flush=True), TUNING, 60)))
