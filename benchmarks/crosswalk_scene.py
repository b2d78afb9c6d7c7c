"""Crosswalk controllers at work: the unmodified agent on simulated streets, each with its board, its sensors' lines and its Modbus modules.

The streets are empty: what happens is the benchmark's doing. Agents run under the scheduling of their service unit for crosswalks
(``agent/systemd/dabyl-agent-crosswalk.conf``) where this machine allows it.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

from benchmarks.processes import Child
from benchmarks.scene import Context, Scene, scene
from simulators.errors import HardwareTimeoutError
from simulators.gpio.hardware import Output
from simulators.gpio.physics import CLEAN
from simulators.site import Device
from simulators.street.street import BUTTON_PIN, LEFT_PIN, PINS, Street
from simulators.street.world import Plan

NOBODY = 0.001
"""Groups and vehicles an hour."""
START_S = 30.0
PRESS_AGAIN_S = 1.0
FIFO = 10
"""As in the unit's drop-in."""


@dataclasses.dataclass(frozen=True, slots=True)
class Crossing:
    """One crossing with its controller. ``lights`` are the instants (ns of CLOCK_MONOTONIC) at which a lamp began to give light."""

    scene: Scene
    device: Device
    street: Street
    lights: list[int]

    def start(self, *, realtime: bool) -> Child:
        """Its agent, started; returns once it has its pins."""
        before = ["chrt", "-f", str(FIFO)] if realtime else []
        command = [*before, *self.device.agent("--log", "json")]
        child = Child(command, {**self.device.environment, **self.street.environment}, f"agent {self.device.name}")
        try:
            self.street.board.wait_output(LEFT_PIN, lambda output: output.since_ns > child.started_ns, START_S)
        except BaseException:
            child.kill()
            raise
        return child

    def press(self) -> None:
        """Somebody presses the button."""
        self.street.board.press(BUTTON_PIN, 100, bounce=CLEAN)

    def light(self, child: Child) -> None:
        """Press until the agent lets a lamp flash: until its pins are there, and its inputs with them, nobody hears."""
        end = time.monotonic() + START_S
        while True:
            self.press()
            try:
                self.street.board.wait_output(
                    LEFT_PIN, lambda output: output.lit and output.since_ns > child.started_ns, PRESS_AGAIN_S
                )
            except HardwareTimeoutError:
                if time.monotonic() > end:
                    raise
            else:
                return

    def driven(self) -> bool:
        """Whether some lamp's output is on now."""
        return any(output is not None and output.lit for output in map(self.street.board.output, PINS.values()))

    def history(self) -> tuple[Output, ...]:
        """What the left lamp's output did."""
        return self.street.board.history(LEFT_PIN)


def realtime_allowed() -> bool:
    """Whether processes may have a real-time priority here."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


@contextlib.contextmanager
def crossings(context: Context, count: int, **settings: object) -> Iterator[list[Crossing]]:
    """So many crossings with these settings, their agents not started; a broker runs, no center."""
    names = [f"crossing-{number:02}" for number in range(1, count + 1)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="c", dir=context.directory))
    try:
        with scene(context, names, center=False) as stage, contextlib.ExitStack() as running:
            made = []
            for seed, name in enumerate(names):
                (folder / name).mkdir()
                plan = Plan(seed=seed, groups_h=NOBODY, vehicles_h=NOBODY)
                lights: list[int] = []
                street = running.enter_context(Street(folder / name, plan, flashed=functools.partial(_add, lights)))
                device = stage.site.add_device(name, kind="crosswalk", settings={**street.settings, **settings})
                made.append(Crossing(stage, device, street, lights))
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _add(lights: list[int], _lamp: str, at_ns: int) -> None:
    lights.append(at_ns)
