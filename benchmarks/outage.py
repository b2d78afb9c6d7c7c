"""The broker is away for 20 s, 500 presses come at 25/s, and in the middle the agent is killed with SIGKILL and started again at once.

Every press makes one alarm (the benchmark's kind, on a real gpiozero pin). What the agent said was kept must reach the consumers. A press
while no process listens is not accepted by anybody; how many those are is told, because it is the agent's start that decides it.
"""

import random
import threading
import time

from benchmarks.accounts import Life, judge, life_of
from benchmarks.figures import Figure
from benchmarks.kills import calm_boot, verified
from benchmarks.processes import BenchmarkError, Child
from benchmarks.scene import VERIFIED, Context, clean_press, connected, run_agent, scene
from benchmarks.watcher import Watcher
from simulators.gpio.hardware import Hardware
from simulators.site import Device

PRESSES = 500
RATE_HZ = 25
NOT_ACCEPTED = 8
HOLD_MS = 15
TYPE = "alarm.raised"
DRAIN_S = 120.0
QUIET_S = 3.0


def measure(context: Context) -> list[Figure]:
    """One outage; a quick run has one of 4 s."""
    presses = context.count(PRESSES, 100)
    with (
        scene(context, ("burst-01",), polite=False) as stage,
        stage.board(stage.burst_device("burst-01", {})) as board,
        stage.watch(VERIFIED) as first_watcher,
    ):
        device = stage.site.devices["burst-01"]
        calm_boot(device)
        context.say(f"{presses} presses in {presses / RATE_HZ:g} s without a broker")
        agent = run_agent(device, "--log", "trace")
        try:
            agent.wait_for(connected, "connected")
            time.sleep(1)  # the broker goes in quiet times: the boot's own events are through, one way or the other
            stage.site.broker.stop()
            lives, agent, pressed_ns = _presses(device, board, agent, presses)
            stage.site.broker.start()
            back_ns = time.monotonic_ns()
            with stage.watch(VERIFIED) as watcher:
                first_ns = _drained(watcher, agent)
                lives.append(_ended(device, agent))
                told = verified(watcher.messages)
        finally:
            agent.kill()
    earlier = verified(first_watcher.messages)
    verdict = judge(lives, [*earlier, *told])
    boots = {life.boot for life in lives}
    arrived = len({one.name for one in told if one.type == TYPE and one.boot in boots})
    return [
        Figure(
            "outage.events_lost",
            len(verdict.lost),
            at_most=0,
            details={
                "accepted": verdict.accepted,
                "kept": verdict.kept,
                "presses_arrived": arrived,
                "first_after_s": (first_ns - back_ns) / 1e9,
                "restart_to_pins_ms": (_bound_ns(lives[1]) - lives[0].killed_ns) / 1e6,
                "pressed_s": (pressed_ns[-1] - pressed_ns[0]) / 1e9,
            },
        ),
        Figure(
            "outage.not_accepted",
            presses - arrived,
            f"of {presses}",
            at_most=NOT_ACCEPTED,
            details={"rate_hz": RATE_HZ},
        ),
    ]


def _presses(device: Device, board: Hardware, agent: Child, presses: int) -> tuple[list[Life], Child, list[int]]:
    """Press, and half-way kill and start again. Returns the first life, the agent that runs now, and when was pressed.

    A finger does not wait for a restart, so the presses have a thread of their own.
    """
    pressed_ns: list[int] = []
    half = threading.Event()
    finger = threading.Thread(target=_press, args=(board, presses, pressed_ns, half), name="finger", daemon=True)
    finger.start()
    if not half.wait(presses / RATE_HZ + 10):
        raise BenchmarkError("the presses did not come as they should")
    killed_ns = agent.kill()
    again = run_agent(device, "--log", "trace")
    finger.join()
    return [life_of(device.name, agent.stages(), killed_ns)], again, pressed_ns


def _press(board: Hardware, presses: int, pressed_ns: list[int], half: threading.Event) -> None:
    rng = random.Random(7)
    due_s = time.monotonic()
    for number in range(presses):
        time.sleep(max(0.0, due_s + rng.uniform(-0.1, 0.1) / RATE_HZ - time.monotonic()))
        due_s = max(due_s, time.monotonic()) + 1 / RATE_HZ  # no hurry after a delay: presses would run into one another
        pressed_ns.append(clean_press(board, HOLD_MS))
        if number == presses // 2:
            half.set()


def _drained(watcher: Watcher, agent: Child) -> int:
    """Wait until the events have arrived and all is quiet; when the first of them did, ns of CLOCK_MONOTONIC."""
    deadline = time.monotonic() + DRAIN_S
    before = -1
    while time.monotonic() < deadline:
        time.sleep(QUIET_S)  # quiet is that nothing comes for so long
        alarms = [message.ns for message in watcher.messages if message.topic.endswith("/" + TYPE)]
        if alarms and len(alarms) == before:
            return alarms[0]
        before = len(alarms)
    raise BenchmarkError("the events of the outage did not come to an end:\n" + "\n".join(agent.lines[-8:]))


def _ended(device: Device, agent: Child) -> Life:
    killed_ns = agent.kill()
    return life_of(device.name, agent.stages(), killed_ns)


def _bound_ns(life: Life) -> int:
    if life.bound_ns is None:
        raise BenchmarkError("the agent that was started again never had its pins")
    return life.bound_ns
