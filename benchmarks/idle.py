"""What the agent costs while nothing happens: memory, processor time, wake-ups. The peer is the plain paho script, idle beside it.

All stand at once, connected over TLS, with a center that receipts, so that nothing is sent again. Memory is PSS (proc(5),
smaps_rollup); the agent has its GPIO bound, the stricter denominator is the script *without* GPIO. Processor time is the scheduler's own
count of all threads, over a minute that holds one heartbeat.
"""

import contextlib
import time

from benchmarks.figures import Detail, Figure, median
from benchmarks.processes import Child, cpu_ns, pss_kb, uss_kb, wakeups
from benchmarks.scene import Context, connected, run_agent, scene
from simulators.site import BUTTON_PIN

RATIO = 1.8
CPU_MS = 5.0
SETTLE_S = 16.0
"""The SOS button tests itself 10 s after its start; heartbeats come at 0 s, 60 s, 120 s."""
WINDOW_S = 60.0
QUICK_WINDOW_S = 15.0
SAMPLES = 5
KEEPALIVE_S = 60
"""The default, and the script's."""
NAMES = ("agent", "paho", "paho_gpio")


def measure(context: Context) -> list[Figure]:
    """Memory, then a quiet minute."""
    window_s = QUICK_WINDOW_S if context.quick else WINDOW_S
    with scene(context, ("sos-0001", "paho-01", "paho-02")) as stage, contextlib.ExitStack() as running:
        ours = stage.site.add_device("sos-0001", link={"keepalive_s": KEEPALIVE_S})
        plain, with_pins = (stage.site.devices[name] for name in ("paho-01", "paho-02"))
        for device in (ours, with_pins):
            running.enter_context(stage.board(device))
        children = [
            running.enter_context(run_agent(ours)),
            running.enter_context(stage.peer(plain, "idle")),
            running.enter_context(stage.peer(with_pins, "press", BUTTON_PIN)),
        ]
        for child in children:
            child.wait_for(connected, "connected")
        context.say(f"{SETTLE_S:g} s to settle, {window_s:g} s idle")
        time.sleep(SETTLE_S)  # idle is what a process is so long after its start
        before = [(cpu_ns(child.pid), wakeups(child.pid), time.monotonic()) for child in children]
        samples: list[list[float]] = [[] for _ in children]
        for _ in range(SAMPLES):
            time.sleep(window_s / SAMPLES)  # what idle processes take in a given time is the figure
            for child, taken in zip(children, samples, strict=True):
                taken.append(pss_kb(child.pid) / 1000)
        after = [(cpu_ns(child.pid), wakeups(child.pid), time.monotonic()) for child in children]
        uss = [uss_kb(child.pid) / 1000 for child in children]
        connections = _connections(children[0])
    details: dict[str, Detail] = {"window_s": window_s, "agent_connections": connections}
    per_30_s: dict[str, Detail] = {}
    wakes: dict[str, Detail] = {}
    for name, first, last in zip(NAMES, before, after, strict=True):
        lasted_s = last[2] - first[2]
        per_30_s[f"{name}_ms"] = (last[0] - first[0]) / 1e6 * 30 / lasted_s
        wakes[f"{name}_per_s"] = (last[1] - first[1]) / lasted_s
    pss = {f"{name}_mb": median(taken) for name, taken in zip(NAMES, samples, strict=True)}
    unshared = {f"{name}_uss_mb": value for name, value in zip(NAMES, uss, strict=True)}
    agent_ms, agent_wakes = per_30_s["agent_ms"], wakes["agent_per_s"]
    assert isinstance(agent_ms, float)
    assert isinstance(agent_wakes, float)
    return [
        Figure("idle.pss_ratio", pss["agent_mb"] / pss["paho_mb"], at_most=RATIO, details={**pss, **unshared}),
        Figure("idle.pss_ratio_gpio_script", pss["agent_mb"] / pss["paho_gpio_mb"]),
        Figure("idle.cpu_per_30_s", agent_ms, "ms", at_most=CPU_MS, details={**per_30_s, **details}),
        Figure("idle.wakeups_per_s", agent_wakes, "/s", details={**wakes}),
    ]


def _connections(agent: Child) -> int:
    return sum(connected(line) for line in agent.lines)
