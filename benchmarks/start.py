"""From the start of the process to its first event at the subscriber: ``dabyl agent run`` against the plain paho script, in turn.

The agent's first event is ``device.booted``, signed, with its journal opened and its boot number durable; the script publishes one message
as soon as it is connected. Each start of the agent finds the state that the one before left behind, as after a power cut's end.
"""

import time

from agent.wire import cose, event
from benchmarks.figures import Figure, median, spread
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context, Scene, alarm_topic, connected, event_topic, run_agent, scene
from benchmarks.watcher import Watcher
from simulators.site import Device

RATIO = 1.6
TIMEOUT_S = 20.0
STAY_S = 0.5
"""How long an agent stays afterwards, so that the receipt settles its first events."""


def measure(context: Context) -> list[Figure]:
    """Medians of interleaved starts; the first of each warms the files' cache and is left out."""
    rounds = context.count(15, 5)
    with scene(context, ("sos-0001", "paho-01")) as stage, stage.watch() as watcher:
        ours, peer = (stage.site.devices[name] for name in ("sos-0001", "paho-01"))
        context.say(f"{rounds} starts each")
        agent_ms: list[float] = []
        paho_ms: list[float] = []
        with stage.board(ours):
            for turn in range(rounds + 1):
                agent_ms += _agent(ours, watcher)[turn == 0 :]
                paho_ms += _script(stage, peer, watcher)[turn == 0 :]
    return [
        Figure(
            "start.first_event_ratio",
            median(agent_ms) / median(paho_ms),
            at_most=RATIO,
            details={**spread("agent_ms", agent_ms), **spread("paho_ms", paho_ms)},
        )
    ]


def _agent(device: Device, watcher: Watcher) -> list[float]:
    mark = watcher.mark()
    topic = event_topic(device)
    with run_agent(device) as child:
        if not watcher.wait(
            lambda seen: any(one.topic == topic and _first(one.payload) for one in seen), mark, TIMEOUT_S
        ):
            raise BenchmarkError("no first event came from the agent:\n" + "\n".join(child.lines[-8:]))
        arrived = next(one.ns for one in watcher.since(mark, topic) if _first(one.payload))
        child.wait_for(connected, "connected")
        time.sleep(STAY_S)
        child.stop()
    return [(arrived - child.started_ns) / 1e6]


def _script(stage: Scene, device: Device, watcher: Watcher) -> list[float]:
    mark = watcher.mark()
    topic = alarm_topic(device)
    with stage.peer(device, "hello") as child:
        if not watcher.wait(lambda seen: any(one.topic == topic for one in seen), mark, TIMEOUT_S):
            raise BenchmarkError("no message came from the paho script:\n" + "\n".join(child.lines[-8:]))
        arrived = watcher.since(mark, topic)[0].ns
        child.kill()
    return [(arrived - child.started_ns) / 1e6]


def _first(message: bytes) -> bool:
    """Whether it is the first event of a boot. (An earlier boot's, sent again, would come before it only if it was not receipted.)"""
    return event.decode(cose.parse(message).payload).seq == 1
