"""The account of a run, as ``dabyl simulate street --json`` prints it."""

from typing import Any

from simulators.account import percentile
from simulators.street.run import Run
from simulators.street.truth import judge, observed


def account(run: Run) -> dict[str, Any]:
    """What happened on the street, and what the controller made of it. How false and missed are meant: ``simulators.street.truth``."""
    seen = observed(run.witness.truth, run.reports)
    verdict = judge(run.witness.truth, run.calls)
    local = [one.local_ms for one in run.latencies if one.local_ms is not None]
    far = [one.far_ms for one in run.latencies if one.far_ms is not None]
    return {
        "seconds": run.now_ms // 1000,
        "weather": run.world.plan.weather,
        "seed": run.world.plan.seed,
        "pedestrians": verdict.pedestrians,
        "asked": verdict.asked,
        "missed": verdict.missed,
        "late": verdict.late,
        "stranded": verdict.stranded,
        "activations": len(run.calls),
        "by_detection": verdict.calls,
        "false_calls": verdict.false_calls,
        "needless_calls": verdict.needless,
        "detection_to_lamp_ms": _spread(local),
        "detection_to_far_side_ms": _spread(far),
        "violations_true": seen.true,
        "violations_reported": seen.reported,
        "violations_found": seen.found,
        "violations_false": seen.false,
        "faults": dict(sorted(run.faults.items())),
    }


def _spread(values: list[float]) -> dict[str, float | int | None]:
    return {"p50": percentile(values, 50), "p99": percentile(values, 99), "n": len(values)}
