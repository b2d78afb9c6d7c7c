"""From a detection to the light in real time: unmodified agents on simulated streets, everything that computing takes included.

Tracking radar and infrared sensor see somebody, again and again. It begins at the instant at which evidence suffices: the product's own
fusion, fed here at the instants at which the sensors knew, before the first byte was on a line. It ends when a lamp gives light: serial
line, thread, loop, fusion, the relay's order behind whatever the bus is busy with, the relay's contact, the player's first flash. To the
far side it ends when the far unit flashes, over its radio with delays and losses.
"""

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable

from benchmarks.crosswalk_scene import FIFO, Crossing, crossings, realtime_allowed
from benchmarks.figures import Figure, percentile, spread
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from devices.crosswalk.fusion import Fusion
from simulators.street.tracker import REPORT_MS

LOCAL_MS, FAR_MS = 200.0, 500.0
CONTROLLERS = 6
SHORT = {"crossing_mm": 2000, "clear_s": 0, "lit_min_s": 5}
"""Lit for five seconds."""
GIVE_UP_S = 20.0
LOOK_S = 0.005
SETTLES_S = 3.0
"""From darkness to the next one: the infrared sensor holds what it saw, and the relay is proven."""
SENSORS = ("tracker", "pir")


class Watched:
    """One crossing at which somebody is detected again and again."""

    def __init__(self, crossing: Crossing) -> None:
        self.local_ms: list[float] = []
        self.far_ms: list[float] = []
        self.error: BaseException | None = None
        self._crossing = crossing
        self._street = crossing.street

    def run(self, times: int) -> None:
        """So many detections."""
        try:
            for _ in range(times):
                self._dark()
                self._detect()
        except BaseException as error:  # noqa: BLE001  the thread that started this one raises it
            self.error = error

    def _detect(self) -> None:
        self._crossing.lights.clear()
        began_ms = decided_ms(*self._somebody())
        far = self._street.rig.far
        assert far is not None
        self._wait(lambda: self._crossing.lights and far.lit_ms < math.inf)
        self.local_ms.append((self._crossing.lights[0] - self._street.began_ns) / 1e6 - began_ms)
        self.far_ms.append(far.lit_ms - began_ms)
        for name in SENSORS:
            self._street.break_it(name, "well")

    def _somebody(self) -> tuple[float, float]:
        """Both sensors see somebody; returns when each of them first knows."""
        rig = self._street.rig
        while True:
            before = rig.tracker.due_ms, rig.pir.due_ms
            for name in SENSORS:
                self._street.break_it(name, "haunted")
            if before == (rig.tracker.due_ms, rig.pir.due_ms):
                return before
            for name in SENSORS:  # one of them has looked meanwhile
                self._street.break_it(name, "well")
            time.sleep(SETTLES_S)  # the sensors have to see nobody for so long

    def _dark(self) -> None:
        self._wait(lambda: self._street.dark_for_ms() > SETTLES_S * 1000)

    def _wait(self, reached: Callable[[], object]) -> None:
        end = time.monotonic() + GIVE_UP_S
        while not reached():
            if time.monotonic() > end:
                raise BenchmarkError(f"{self._crossing.device.name} does not light up, or does not go dark")
            time.sleep(LOOK_S)  # the lamps can only be looked at


def decided_ms(tracker_ms: float, pir_ms: float) -> float:
    """When the evidence suffices, if the tracker claims somebody from one time on and the infrared sensor from another."""
    fusion = Fusion(SENSORS)
    first = math.floor(min(tracker_ms, pir_ms))
    for name in SENSORS:
        fusion.say(name, False, first)
    claims = [(tracker_ms + REPORT_MS * number, "tracker") for number in range(30)]
    for at_ms, name in sorted([*claims, (pir_ms, "pir")]):
        due_ms = fusion.next_tick_ms()
        if due_ms is not None and due_ms <= at_ms:
            fusion.advance(due_ms)
            if fusion.detected:
                return due_ms
        fusion.say(name, True, round(at_ms))
    raise BenchmarkError("tracker and infrared sensor together do not suffice for a detection")


def hardware_first() -> None:
    """Real hardware is never late: the threads of this process, which are the streets, go before the agents."""
    for thread in threading.enumerate():
        if thread.native_id is not None:
            os.sched_setscheduler(thread.native_id, os.SCHED_FIFO, os.sched_param(FIFO + 1))


def measure(context: Context) -> list[Figure]:
    """Both latencies."""
    share = context.count(108, 12) // CONTROLLERS
    with crossings(context, CONTROLLERS, **SHORT) as made, contextlib.ExitStack() as running:
        realtime = realtime_allowed()
        for one in made:
            one.light(running.enter_context(one.start(realtime=realtime)))
        if realtime:
            hardware_first()
        watched = [Watched(one) for one in made]
        threads = [threading.Thread(target=one.run, args=(share,), name="detections") for one in watched]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            context.say(f"{sum(len(one.local_ms) for one in watched)} of {share * CONTROLLERS} detections")
            threads[0].join(5)
            time.sleep(0.5)  # so often people are told, once the first has ended too
    for each in watched:
        if each.error is not None:
            raise each.error
    local = [value for each in watched for value in each.local_ms]
    far = [value for each in watched for value in each.far_ms]
    scheduling = {"scheduling": "fifo" if realtime else "as others: no right to more"}
    return [
        Figure(
            "crosswalk_realtime.local",
            percentile(local, 0.99),
            "ms",
            LOCAL_MS,
            details=spread("ms", local) | scheduling,
        ),
        Figure("crosswalk_realtime.far", percentile(far, 0.99), "ms", FAR_MS, details=spread("ms", far)),
    ]
