"""A center that comes back to a line of 20,000 old events: how long a new alarm takes from its device to the consumer meanwhile.

The events are signed beforehand and stand at the broker when the center is started. While it takes them, a device that has nothing to do
with them publishes one alarm after the other. Beside it the same with an idle center, and with a center that has no alarm lane.
"""

import contextlib
import ssl
import statistics
import time
from collections.abc import Iterator

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import Clock
from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.seal import Sealer
from agent.wire import chain, cose, presence, topics
from agent.wire.presence import Presence
from benchmarks.figures import Detail, Figure, median
from benchmarks.processes import BenchmarkError
from benchmarks.scene import VERIFIED, Context, Scene, run_center, scene, take_lane
from benchmarks.watcher import Watcher
from simulators.site import HOST, Device

EVENTS = 20_000
QUICK_EVENTS = 3_000
FLOODING = ("flood-01", "flood-02", "flood-03", "flood-04")
CALLING = "call-01"
IDLE_ALARMS = 40
PAUSE_S = 0.1
LOOK_S = 0.02
LATEST_MS = 1_000
WAIT_S = 180.0
KIND = "benchmark-flood"


class Publisher:
    """A device's side without its agent: one boot, signed as an agent signs, published as fast as the broker takes it."""

    def __init__(self, port: int, device: Device) -> None:
        self._name = device.name
        self._key = FileKey.load(str(device.identity.key))
        self._chain = chain_from_pem(device.identity.chain.read_text(), device.name)
        self._clock = Clock(lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000, lambda: True)
        self._sealer = Sealer(device.name, KIND, chain.Chain(1, chain.ZERO), self._key, self._clock)
        context = ssl.create_default_context(cafile=str(device.identity.root))
        context.load_cert_chain(str(device.identity.chain), str(device.identity.key))
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device.name)
        self._client.tls_set_context(context)
        self._client.max_inflight_messages_set(0)
        self._client.connect(HOST, port, 60)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def greet(self) -> None:
        """The presence, which brings the key."""
        at, quality = self._clock.now()
        told = Presence(self._name, KIND, 1, 1, True, at, quality, self._clock.up(), 65_535, "benchmark 1")
        self._publish(
            topics.PRESENCE, [cose.sign(told.encode(), presence.CONTEXT, self._key, cose.x5chain(self._chain))]
        )

    def send(self, type_: str, count: int) -> int:
        """Events of a type, all with the broker when this returns. The instant before the first of them, ns of CLOCK_MONOTONIC."""
        data: dict[str, object] = {"level": "sos", "silent": False, "tamper": False}
        sealed = [self._sealer.seal(type_, data, self._sealer.stamp()).envelope for _ in range(count)]
        return self._publish(topics.leaf_of(type_), sealed)

    def _publish(self, leaf: str, messages: list[bytes]) -> int:
        began_ns = time.monotonic_ns()
        for info in [self._client.publish(topics.topic(self._name, leaf), message, 1) for message in messages]:
            info.wait_for_publish(WAIT_S)
            if not info.is_published():
                raise BenchmarkError(f"the broker does not take what {self._name} sends")
        return began_ns


def measure(context: Context) -> list[Figure]:
    """With an idle center, then in a flood with and without the alarm lane."""
    events = context.count(EVENTS, QUICK_EVENTS)
    with (
        scene(context, (*FLOODING, CALLING), center=False) as stage,
        _publishers(stage) as (flooding, calling),
        stage.watch(VERIFIED) as watcher,
    ):
        with run_center(stage.site, polite=False) as center:
            for one in (*flooding, calling):
                one.greet()
            _until(watcher, "presence.online", len(flooding) + 1)
            _alarm_ms(calling, watcher)  # the first makes the lane one that works
            context.say(f"{IDLE_ALARMS} alarms to an idle center")
            idle = [_alarm_ms(calling, watcher) for _ in range(IDLE_ALARMS)]
            center.stop()
        context.say(f"a flood of {events} events, with the alarm lane")
        lane, rate = _flood(stage, flooding, calling, watcher, events)
        take_lane(stage.site)
        context.say(f"a flood of {events} events, without it")
        alone, alone_rate = _flood(stage, flooding, calling, watcher, events)
    details: dict[str, Detail] = {
        "events": events,
        "alarms": len(lane),
        "median_ms": median(lane),
        "idle_median_ms": median(idle),
        "idle_latest_ms": max(idle),
        "drained_per_s": rate,
    }
    return [
        Figure("center-flood.latest_alarm", max(lane), "ms", at_most=LATEST_MS, details=details),
        Figure("center-flood.median_to_idle", median(lane) / median(idle)),
        Figure(
            "center-flood.latest_without_lane",
            max(alone),
            "ms",
            details={"alarms": len(alone), "median_ms": statistics.median(alone), "drained_per_s": alone_rate},
        ),
    ]


@contextlib.contextmanager
def _publishers(stage: Scene) -> Iterator[tuple[list[Publisher], Publisher]]:
    with contextlib.ExitStack() as open_:
        made = [Publisher(stage.site.broker.port, stage.site.devices[name]) for name in (*FLOODING, CALLING)]
        for one in made:
            open_.callback(one.close)
        yield made[:-1], made[-1]


def _flood(
    stage: Scene, flooding: list[Publisher], calling: Publisher, watcher: Watcher, events: int
) -> tuple[list[float], float]:
    """How long each alarm took that was published before the flood had drained, ms; and events a second."""
    for one in flooding:
        one.send("reading.taken", events // len(flooding))
    expected = events // len(flooding) * len(flooding)
    mark = watcher.mark()
    with run_center(stage.site, polite=False) as center:
        began_s = time.monotonic()
        took_ms: list[float] = []
        while _count(watcher, mark, "reading.taken") < expected:
            if time.monotonic() - began_s > WAIT_S:
                raise BenchmarkError("the flood does not drain:\n" + "\n".join(center.lines[-8:]))
            took_ms.append(_alarm_ms(calling, watcher))
            time.sleep(PAUSE_S)  # how often alarms come is part of the scene
        rate = expected / (time.monotonic() - began_s)
        center.stop()
    return took_ms, rate


def _alarm_ms(calling: Publisher, watcher: Watcher) -> float:
    """Publish an alarm and wait for it at the consumer; what that took."""
    mark = watcher.mark()
    began_ns = calling.send("alarm.raised", 1)
    topic = topics.verified_topic(CALLING, "alarm.raised")
    while not (told := watcher.since(mark, topic)):
        if time.monotonic_ns() - began_ns > WAIT_S * 1e9:
            raise BenchmarkError("an alarm did not reach the consumer")
        time.sleep(LOOK_S)  # each message bears its instant: looking seldom costs no precision
    return (told[0].ns - began_ns) / 1e6


def _until(watcher: Watcher, type_: str, count: int) -> None:
    if not watcher.wait(lambda told: sum(one.topic.endswith("/" + type_) for one in told) >= count, 0, WAIT_S):
        raise BenchmarkError(f"{type_} did not reach the consumer")


def _count(watcher: Watcher, mark: int, type_: str) -> int:
    return sum(one.topic.endswith("/" + type_) for one in watcher.messages[mark:])
