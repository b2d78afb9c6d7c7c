"""kill -9 while the beacon flashes: the lamps' supply must open by the relay's own timer, whatever the lamps' pins were left at.

The instant of darkness is that at which the relay's contact opens, the worst case: a pin that was left off is dark at once. Every tenth
agent is not killed but stopped (SIGSTOP), as one that hangs; it ends the same way.
"""

import contextlib
import os
import random
import signal
import threading
import time

from benchmarks.crosswalk_scene import Crossing, crossings, realtime_allowed
from benchmarks.figures import Figure, percentile
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from simulators.street.modules import SUPPLY_COIL

CONTROLLERS = 4
AFTER_S = (0.2, 2.0)
"""From the first flash to the end."""
GIVE_UP_S = 5.0
AT_MOST_MS = 1000
STOPS_EVERY = 10
LOOK_S = 0.001


class Victim:
    """One crossing whose agent is ended again and again."""

    def __init__(self, crossing: Crossing, rng: random.Random, *, realtime: bool) -> None:
        self.killed_ms: list[float] = []
        self.stopped_ms: list[float] = []
        self.left_on = 0
        self.error: BaseException | None = None
        self._crossing = crossing
        self._rng = rng
        self._realtime = realtime

    def run(self, times: int) -> None:
        """So many ends."""
        try:
            for number in range(times):
                self._end(stop=number % STOPS_EVERY == STOPS_EVERY - 1)
        except BaseException as error:  # noqa: BLE001  the thread that started this one raises it
            self.error = error

    def _end(self, *, stop: bool) -> None:
        with self._crossing.start(realtime=self._realtime) as child:
            self._crossing.light(child)
            time.sleep(self._rng.uniform(*AFTER_S))  # the random moment of the kill is what is wanted
            if not self._supplied():
                raise BenchmarkError(f"{child.name}: the relay does not hold while the beacon flashes")
            began = time.monotonic()
            if stop:
                os.kill(child.pid, signal.SIGSTOP)
            else:
                child.kill()
            while self._supplied():
                if time.monotonic() - began > GIVE_UP_S:
                    raise BenchmarkError(f"{child.name}: the lamps are still lit {GIVE_UP_S:g} s after its end")
                time.sleep(LOOK_S)  # the pace of looking is the precision of the figure
            (self.stopped_ms if stop else self.killed_ms).append((time.monotonic() - began) * 1000)
            self.left_on += self._crossing.driven()

    def _supplied(self) -> bool:
        return self._crossing.street.rig.relays.closed(SUPPLY_COIL)


def measure(context: Context) -> list[Figure]:
    """End agents while they flash."""
    share = context.count(112, 12) // CONTROLLERS
    with crossings(context, CONTROLLERS) as made:
        realtime = realtime_allowed()
        victims = [Victim(one, random.Random(seed), realtime=realtime) for seed, one in enumerate(made)]
        threads = [threading.Thread(target=victim.run, args=(share,), name="kills") for victim in victims]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            context.say(f"{sum(len(one.killed_ms) for one in victims)} kills")
            with contextlib.suppress(RuntimeError):
                threads[0].join(2.5)
            time.sleep(0.5)  # so often people are told, once the first has ended too
    for victim in victims:
        if victim.error is not None:
            raise victim.error
    killed = [one for victim in victims for one in victim.killed_ms]
    stopped = [one for victim in victims for one in victim.stopped_ms]
    late = sum(one > AT_MOST_MS for one in killed + stopped)
    details = {
        "kills": len(killed),
        "stops": len(stopped),
        "dark_p50_ms": percentile(killed, 0.5),
        "dark_max_ms": max(killed),
        "stopped_max_ms": max(stopped, default=0.0),
        "with_a_lamp_pin_left_on": sum(victim.left_on for victim in victims),
    }
    return [Figure("crosswalk_kill.not_dark_in_1_s", late, at_most=0, details=details)]
