"""How exact the beacon's flash cycle is while the machine is loaded: FHWA IA-21 wants 800 ms.

Several controllers flash at once in real time, pressed again and again, beside busy loops, two for each core. A cycle lasts from the
first left flash to the next one, by the clock at the moment the agent sets its pin. One controller runs without real-time priority, for
information.

10,000 cycles of one controller take over two hours. ``python -m benchmarks.crosswalk_flash`` flashes as many in a quarter of an hour:
eleven controllers at once, each with its share. That is harder on them than one after the other, for they take the processor from each
other with the same priority.
"""

import contextlib
import itertools
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

from benchmarks.crosswalk_scene import Crossing, crossings, realtime_allowed
from benchmarks.figures import Detail, Figure, percentile, table
from benchmarks.processes import Child
from benchmarks.scene import Context
from simulators.gpio.hardware import Output

CONTROLLERS = 6
MANY_CYCLES, MANY_CONTROLLERS = 10_000, 12
CYCLE_MS = 800
FLASHES = 4
"""Of the left lamp in a cycle."""
PRESS_EVERY_S = 5.0
SETTLE_S = 3.0
AT_MOST_MS = 8.0
LOOPS_A_CORE = 2


def measure(context: Context) -> list[Figure]:
    """Flash, and look at the pins' history."""
    return flashes(context, context.count(2000, 150), CONTROLLERS)


def flashes(context: Context, cycles: int, controllers: int) -> list[Figure]:
    """So many cycles in all, of all controllers but one."""
    with crossings(context, controllers) as made, contextlib.ExitStack() as running:
        realtime = realtime_allowed()
        plain = made[-1]
        children = [running.enter_context(one.start(realtime=realtime and one is not plain)) for one in made]
        for one, child in zip(made, children, strict=True):
            one.light(child)
        loops = running.enter_context(load())
        _flash(context, made, cycles * CYCLE_MS / 1000 / (len(made) - 1))
        errors = {one.device.name: cycle_errors(one.history()) for one in made}
        for child in children:
            child.stop()
    told: dict[str, Detail] = {"loops": loops, "load": os.getloadavg()[0], "controllers": len(made) - 1}
    told["scheduling"] = "fifo" if realtime else "as others: no right to more"
    unprivileged = errors.pop(plain.device.name)
    return [
        _figure("crosswalk_flash.cycle_error", list(itertools.chain(*errors.values())), told, AT_MOST_MS),
        _figure("crosswalk_flash.cycle_error_unprivileged", unprivileged, {}, None),
    ]


def cycle_errors(history: Sequence[Output]) -> list[float]:
    """By how many milliseconds each whole cycle was longer or shorter than it should be."""
    flashes = [after.since_ns for before, after in itertools.pairwise(history) if after.lit and not before.lit]
    starts = flashes[::FLASHES]
    return [abs((end - start) / 1e6 - CYCLE_MS) for start, end in itertools.pairwise(starts)]


@contextlib.contextmanager
def load() -> Iterator[int]:
    """Busy loops; how many."""
    count = LOOPS_A_CORE * (os.cpu_count() or 1)
    with contextlib.ExitStack() as running:
        for number in range(count):
            running.enter_context(Child([sys.executable, "-c", "while True: pass"], name=f"busy loop {number}"))
        yield count


def _flash(context: Context, made: Sequence[Crossing], for_s: float) -> None:
    end = time.monotonic() + for_s + SETTLE_S
    while (left_s := end - time.monotonic()) > 0:
        context.say(f"the beacons flash for {left_s:.0f} s more")
        for one in made:
            one.press()
        time.sleep(min(PRESS_EVERY_S, left_s))  # the beacon flashes for a given time, and presses keep it flashing


def _figure(name: str, errors: list[float], more: dict[str, Detail], at_most: float | None) -> Figure:
    details: dict[str, Detail] = {
        "cycles": len(errors),
        "p50_ms": percentile(errors, 0.5),
        "p99_ms": percentile(errors, 0.99),
        "max_ms": max(errors),
        **more,
    }
    return Figure(name, percentile(errors, 0.999), "ms", at_most=at_most, details=details)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        all_there = Context(
            pathlib.Path(folder), quick=False, say=lambda text: print(text, file=sys.stderr, flush=True)
        )
        print(table(flashes(all_there, MANY_CYCLES, MANY_CONTROLLERS)))
