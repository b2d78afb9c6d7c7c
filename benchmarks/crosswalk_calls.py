"""Calls of the crosswalk: how many are false, how many people are missed. Fresh decoders and logic over recorded bytes of a street.

A set of recordings is made by its seeds, one hour each, and then replayed; what counts is the replay. The family of seeds with which
sensors and fusion were tuned is another one than that of the figure: ``python -m benchmarks.crosswalk_calls`` prints the first. Nobody
presses a button in either. What false, missed and late mean stands in ``simulators.street.truth``; shares are of calls by detection, and of
the people who came to a dark beacon and crossed.

The crossing has the least that one can have: a tracking radar and an infrared sensor on each side, settings as delivered.
"""

import concurrent.futures
import functools
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable, Sequence

from benchmarks.figures import Detail, Figure, percentile, table
from benchmarks.scene import Context
from simulators.street.recording import record, replay
from simulators.street.run import MINIMUM, settings_for
from simulators.street.truth import Verdict, judge
from simulators.street.weather import WINTER
from simulators.street.world import Plan

TUNING, FIGURE = 1000, 5000
"""First seeds of the two families."""
USUAL = ("clear", "clear", "hot", "wind", "rain", "clear")
COLD = WINTER * 2
GROUPS_H = 100.0
FALSE_PERCENT, MISSED_PERCENT = 5.0, 2.0


def verdict_of(folder: pathlib.Path, minutes: int, plan: Plan) -> Verdict:
    """Record a street, replay it, and judge the calls."""
    path = folder / f"{plan.weather}-{plan.seed}.jsonl.gz"
    record(path, plan, settings_for(plan, MINIMUM), minutes * 60_000)
    replayed = replay(path)
    path.unlink()
    return judge(replayed.truth, replayed.calls)


def verdicts(say: Callable[[str], None], first_seed: int, minutes: int, directory: pathlib.Path | None) -> list[Figure]:
    """Both shares over a family of seeds, the winter apart, a street on each processor at a time."""
    usual, cold = plans(first_seed, USUAL), plans(first_seed + 100, COLD)
    with (
        tempfile.TemporaryDirectory(dir=directory) as folder,
        concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        judged = pool.map(functools.partial(verdict_of, pathlib.Path(folder), minutes), usual + cold)
        whole = [Verdict(0, 0, 0, 0, 0, 0, 0, 0, ())] * 2
        for number, (plan, verdict) in enumerate(zip(usual + cold, judged, strict=True), 1):
            whole[plan in cold] += verdict
            say(f"{number} of {len(usual + cold)} streets of {minutes} minutes recorded and replayed")
    return [
        *figures("crosswalk_calls", whole[0], FALSE_PERCENT, MISSED_PERCENT),
        *figures("crosswalk_calls.winter", whole[1], None, None),
    ]


def plans(first_seed: int, weathers: Sequence[str]) -> list[Plan]:
    """One street for each weather."""
    return [Plan(first_seed + place, name, groups_h=GROUPS_H, presses=0.0) for place, name in enumerate(weathers)]


def figures(name: str, verdict: Verdict, false_at_most: float | None, missed_at_most: float | None) -> list[Figure]:
    """Both shares, in percent."""
    waits = verdict.waits_ms or (0,)
    details: dict[str, Detail] = {
        "crossed": verdict.pedestrians,
        "asked": verdict.asked,
        "missed": verdict.missed,
        "late": verdict.late,
        "stranded": verdict.stranded,
        "wait_p50_ms": percentile(waits, 0.5),
        "wait_p95_ms": percentile(waits, 0.95),
    }
    calls: dict[str, Detail] = {
        "calls": verdict.calls,
        "false": verdict.false_calls,
        "needless": verdict.needless,
    }
    return [
        Figure(f"{name}.false", _percent(verdict.false_calls, verdict.calls), "%", false_at_most, details=calls),
        Figure(f"{name}.missed", _percent(verdict.missed, verdict.asked), "%", missed_at_most, details=details),
    ]


def measure(context: Context) -> list[Figure]:
    """The figure's family, the winter apart and without a target."""
    return verdicts(context.say, FIGURE, context.count(60, 10), context.directory)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


if __name__ == "__main__":
    print(table(verdicts(lambda text: print(text, file=sys.stderr, flush=True), TUNING, 60, None)))
