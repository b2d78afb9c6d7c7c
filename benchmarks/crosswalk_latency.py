"""From a detection to the light: the whole path of bytes on simulated time.

It begins when the sensor has what decided the detection, before the first byte of that report is on its line, and ends when a lamp gives
light: line, decoder, logic, the relay's order behind whatever the bus is busy with, the relay's contact, the first flash of the pattern. To
the far side it goes through the link with its delay and losses, order and answer. Computing takes no time here; how much it takes on real
lines is what ``crosswalk-flash`` and ``crosswalk-kill`` run beside.
"""

from benchmarks.figures import Figure, percentile, spread
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from simulators.street.run import Run, settings_for
from simulators.street.world import Plan

LOCAL_MS, FAR_MS = 200.0, 500.0
SEEDS = range(3000, 3004)
GROUPS_H = 150.0


def measure(context: Context) -> list[Figure]:
    """Both latencies, of all activations by detection in four streets with everything fitted."""
    minutes = context.count(30, 5)
    local: list[float] = []
    far: list[float] = []
    lightless = 0
    for seed in SEEDS:
        context.say(f"street {seed}, {minutes} minutes")
        plan = Plan(seed, groups_h=GROUPS_H, presses=0.0)
        run = Run(plan, settings_for(plan))
        run.until(minutes * 60_000)
        local += [one.local_ms for one in run.latencies if one.local_ms is not None]
        far += [one.far_ms for one in run.latencies if one.far_ms is not None]
        lightless += sum(one.local_ms is None for one in run.latencies[:-1])
    if not local or not far:
        raise BenchmarkError("nobody was detected")
    return [
        Figure("crosswalk_latency.local", percentile(local, 0.99), "ms", LOCAL_MS, details=spread("ms", local)),
        Figure("crosswalk_latency.far", percentile(far, 0.99), "ms", FAR_MS, details=spread("ms", far)),
        Figure("crosswalk_latency.without_light", lightless, at_most=0),
    ]
