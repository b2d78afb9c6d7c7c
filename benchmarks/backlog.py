"""A journal of 100,000 events: what the agent's process needs to open it, and how fast it drains to a real center.

The journal is made beforehand by the agent's own sealer and journal, under the device's own key, as a long outage would leave it. It is
drained at the documented default rate for a while (a limit meant to spare a shared broker, so that figure only confirms it), then at a
raised one to the end: that is how fast agent, broker and center really are.
"""

import itertools
import json
import os
import time

from agent.clock import Clock
from agent.journal.disk import DiskStore
from agent.journal.log import STATE, Journal
from agent.keys.file import FileKey
from agent.seal import Sealer
from agent.wire import chain
from benchmarks.figures import Detail, Figure
from benchmarks.processes import BenchmarkError, Child, peak_rss_kb, pss_kb
from benchmarks.scene import VERIFIED, Context, connected, run_agent, scene
from benchmarks.watcher import Watcher
from simulators.site import Device

EVENTS = 100_000
QUICK_EVENTS = 5_000
DEFAULT_RATE = 500
RAISED_RATE = 1_000
"""What broker and center here keep up with. Unlimited, the broker's queue for the center overflows, and what it drops waits for a round."""
WINDOW = 200
AT_DEFAULT_S = 10.0
STALL_S = 40.0
DRAIN_S = 180.0
FILLED = ("/reading.taken", "/device.reset")
KIND = "benchmark-burst"


def measure(context: Context) -> list[Figure]:
    """Make, open, drain."""
    events = context.count(EVENTS, QUICK_EVENTS)
    with scene(context, ("burst-01",), polite=False) as stage:
        device = stage.burst_device("burst-01", {})
        context.say(f"writing a journal of {events} events")
        megabytes = fill(device, events)
        with stage.board(device), stage.watch(VERIFIED) as watcher:
            opened = _opened(device)
            context.say(f"draining at the default rate for {AT_DEFAULT_S:g} s")
            at_default = _drain(device, watcher, events, AT_DEFAULT_S)
            device = stage.burst_device("burst-01", {}, link={"backlog_rate": RAISED_RATE, "window": WINDOW})
            context.say("draining at a raised rate")
            raised = _drain(device, watcher, events, None)
            arrived = _arrived(watcher)
    details: dict[str, Detail] = {"events": events, "journal_mb": megabytes}
    return [
        Figure("backlog.start_to_connected", opened["connected_ms"], "ms", details={**details, **opened}),
        Figure(
            "backlog.events_missing",
            events - arrived,
            at_most=0,
            details={"events": events, "longest_pause_s": raised["longest_pause_s"]},
        ),
        Figure("backlog.peak_rss", raised["peak_rss_mb"], "MB", details={"pss_opened_mb": opened["pss_mb"]}),
        Figure(
            "backlog.default_rate",
            at_default["per_s"],
            "/s",
            at_least=0.9 * DEFAULT_RATE,
            details={"allowed_per_s": DEFAULT_RATE, **at_default},
        ),
        Figure(
            "backlog.drain_rate",
            raised["per_s"],
            "/s",
            details={"allowed_per_s": RAISED_RATE, "window": WINDOW, **raised},
        ),
    ]


def fill(device: Device, events: int) -> float:
    """Write ``events`` sealed events into the device's empty journal; its size in MB."""
    started = time.monotonic_ns()
    clock = Clock(
        lambda: (time.monotonic_ns() - started) // 1_000_000, lambda: time.time_ns() // 1_000_000, lambda: True
    )
    folder = device.folder / "state" / "journal"
    store = DiskStore(os.fspath(folder))
    try:
        journal = Journal(store)
        journal.open()
        journal.note("boot", 1)
        sealer = Sealer(
            device.name, KIND, chain.Chain(1, chain.ZERO), FileKey.load(os.fspath(device.identity.key)), clock
        )
        type_ = "device.reset"
        for number in range(events):
            data: dict[str, object] = {"n": number, "level": "sos", "silent": False, "tamper": False}
            sealed = sealer.seal(type_, data, sealer.stamp())
            journal.append(STATE, sealed.boot, sealed.seq, sealed.link, sealed.envelope)
            type_ = "reading.taken"
            if number % 200 == 0 and not journal.sync():
                raise BenchmarkError(f"the journal cannot be written: {journal.trouble}")
        if not journal.sync():
            raise BenchmarkError(f"the journal cannot be written: {journal.trouble}")
        return journal.bytes_used / 1e6
    finally:
        store.close()


def _opened(device: Device) -> dict[str, float]:
    """What it takes to open it and to connect; then killed, so that little is drained."""
    with run_agent(device) as agent:
        agent.wait_for(connected, "connected", 60)
        connected_ms = (time.monotonic_ns() - agent.started_ns) / 1e6
        opened = {"connected_ms": connected_ms, "pss_mb": pss_kb(agent.pid) / 1000}
        agent.kill()
    return opened


def _drain(device: Device, watcher: Watcher, events: int, at_most_s: float | None) -> dict[str, float]:
    """Run the agent until everything is verified, or for so long; events a second at the consumer, and the agent's peak memory."""
    mark = watcher.mark()
    with run_agent(device) as agent:
        agent.wait_for(connected, "connected", 60)
        began = time.monotonic()
        if at_most_s is None:
            _until_stalled(watcher, agent, events)
        else:
            time.sleep(at_most_s)  # a rate over so long is the figure
        peak_mb = peak_rss_kb(agent.pid) / 1000
        messages = watcher.messages[mark:]
        agent.stop()
    if not messages:
        raise BenchmarkError("nothing was drained:\n" + "\n".join(agent.lines[-8:]))
    lasted_s = messages[-1].ns / 1e9 - began
    pauses = [(later.ns - earlier.ns) / 1e9 for earlier, later in itertools.pairwise(messages)]
    return {
        "per_s": len(messages) / lasted_s,
        "drained": len(messages),
        "lasted_s": lasted_s,
        "longest_pause_s": max(pauses, default=0.0),
        "peak_rss_mb": peak_mb,
    }


def _until_stalled(watcher: Watcher, agent: Child, events: int) -> None:
    """Until everything has arrived, nothing more comes for a while, or it takes too long."""
    before, since_s = -1, time.monotonic()
    deadline = since_s + DRAIN_S
    while agent.running and time.monotonic() - since_s < STALL_S and time.monotonic() < deadline:
        time.sleep(0.5)  # to look is to hold up the subscriber's reader: seldom
        now = watcher.mark()
        if now != before:
            if now >= events and _arrived(watcher) >= events:
                return
            before, since_s = now, time.monotonic()


def _arrived(watcher: Watcher) -> int:
    """How many of the journal's events have reached the consumer."""
    ids = {json.loads(message.payload)["id"] for message in list(watcher.messages) if message.topic.endswith(FILLED)}
    return len(ids)
