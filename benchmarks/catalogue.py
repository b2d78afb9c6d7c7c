"""All benchmarks by name, and the figures of those whose measuring lives in modules with a command line of their own (journal, wire)."""

import contextlib
from collections.abc import Callable, Mapping

from benchmarks import (
    backlog,
    badge_kills,
    badge_memory,
    battery,
    board_cuts,
    board_heap,
    board_latency,
    burst,
    center_flood,
    certificates,
    crosswalk_calls,
    crosswalk_faults,
    crosswalk_flash,
    crosswalk_kill,
    crosswalk_latency,
    crosswalk_nonyield,
    crosswalk_realtime,
    crosswalk_states,
    enrolment,
    evidence,
    idle,
    journal,
    kills,
    latency,
    mqtt,
    offload_cuts,
    outage,
    panic_hub,
    sensors,
    signing,
    start,
    wire,
)
from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context

APPEND_RATIO = 1.3
CUT_WORKLOADS = 4
FUZZ_SEED = 1
JOURNAL_EVENTS = 100_000


def _append(context: Context) -> list[Figure]:
    with contextlib.chdir(context.directory):
        context.say("durable appends, ours and the bare system calls in turn")
        durable = journal.durable_append(context.count(400, 150))
        spent = journal.append_cpu(context.count(20_000, 5_000))
    return [
        Figure("append.durable_ratio", durable["ratio"], at_most=APPEND_RATIO, details=durable),
        Figure("append.cpu", spent["cpu_us"], "us"),
    ]


def _power_cuts(context: Context) -> list[Figure]:
    context.say("power cuts at every change of the disk")
    told = journal.power_cuts(context.count(CUT_WORKLOADS, 1))
    return [Figure("power_cuts.broken_promises", told["broken_promises"], at_most=0, details=told)]


def _journal_100k(context: Context) -> list[Figure]:
    with contextlib.chdir(journal.ROOT):  # its child looks for the folder from there
        context.say("a journal of 100,000 events, without network")
        told = journal.hundred_thousand()
    if told["events"] != JOURNAL_EVENTS:
        raise BenchmarkError(f"the journal was opened with {told['events']:g} of {JOURNAL_EVENTS} events")
    return [
        Figure("journal_100k.open", told["open_s"], "s", details=told),
        Figure("journal_100k.drain", told["drain_s"], "s"),
        Figure("journal_100k.peak_memory", told["peak_mb"], "MB"),
    ]


def _wire(context: Context) -> list[Figure]:
    context.say("seal and verify, and the bare signature in turn")
    told = wire.rates(context.count(4000, 1000))
    return [
        Figure("wire.seal_ratio", told["seal_ratio"], at_least=wire.SEAL_FLOOR, details=told),
        Figure("wire.verify_ratio", told["verify_decode_ratio"], at_least=wire.VERIFY_FLOOR),
    ]


def _fuzz(context: Context) -> list[Figure]:
    count = context.count(1_000_000, 20_000)
    context.say(f"{count} mutated messages through every decoder")
    told = wire.fuzz(count, FUZZ_SEED)
    streams = context.count(200_000, 10_000)
    context.say(f"{streams} mutated streams of a broker through the MQTT client")
    heard = mqtt.fuzz(streams, FUZZ_SEED)
    return [
        Figure("fuzz.undocumented", told["undocumented"] + told["disagreements"], at_most=0, details=told),
        Figure("fuzz.mqtt_other_errors", heard["other_errors"] + heard["disagreements"], at_most=0, details=heard),
    ]


BENCHMARKS: Mapping[str, tuple[Callable[[Context], list[Figure]], str]] = {
    "latency": (latency.measure, "press to subscriber, ratio to a plain paho script"),
    "slow-disk": (latency.measure_slow, "the same with syncs that take 80 ms longer"),
    "board-heap": (board_heap.measure, "heap of a board's firmware: code, rest, and the least it works with"),
    "board-latency": (board_latency.measure, "press to subscriber from a simulated board, its signature checked"),
    "certificates": (certificates.measure, "certificates issued: how many a second, and what that leaves behind"),
    "enrolment": (enrolment.measure, "a board from its cable to its first press; 40 of a table, killed 8 times"),
    "idle": (idle.measure, "memory, processor time and wake-ups while nothing happens"),
    "start": (start.measure, "process start to first event at the subscriber"),
    "burst": (burst.measure, "5,000 events at once"),
    "center-flood": (
        center_flood.measure,
        "a new alarm while the center takes 20,000 old events, with the alarm lane and without",
    ),
    "append": (_append, "one durable append, ratio to the bare system calls"),
    "wire": (_wire, "sealing and verifying, ratio to the bare signature"),
    "outage": (outage.measure, "broker away for 20 s, agent killed in the middle"),
    "kills": (kills.measure, "1,000 times kill -9"),
    "power-cuts": (_power_cuts, "a power cut at every write boundary of the journal"),
    "journal-100k": (_journal_100k, "opening and draining 100,000 events, the journal alone"),
    "backlog": (backlog.measure, "the same with the agent's process, a broker and a center"),
    "signing": (signing.measure, "a board's signatures, estimated for an ESP32"),
    "battery": (battery.measure, "battery life of a badge: a day of its firmware, by a model"),
    "sensors": (
        sensors.measure,
        "decoders of the crosswalk's sensors, ratio to the public parsers, and 10^6 fuzzed bytes for each",
    ),
    "crosswalk-flash": (crosswalk_flash.measure, "the crosswalk's flash cycle while the machine is loaded"),
    "panic-hub": (panic_hub.measure, "a school's wired buttons: short presses, kills, cut cables"),
    "crosswalk-kill": (crosswalk_kill.measure, "kill -9 while the beacon flashes: time until the lamps are dark"),
    "board-cuts": (
        board_cuts.measure,
        "500 power cuts of boards that are pressed, with torn flash; hangs and their end",
    ),
    "crosswalk-calls": (
        crosswalk_calls.measure,
        "false and missed calls of the crosswalk on recorded streets, the winter apart",
    ),
    "crosswalk-latency": (crosswalk_latency.measure, "detection to light, on this side and the far one"),
    "crosswalk-faults": (
        crosswalk_faults.measure,
        "everything that can be wrong with the crosswalk's sensors and lamps: told, and healed",
    ),
    "crosswalk-nonyield": (
        crosswalk_nonyield.measure,
        "vehicles that do not give way at the crosswalk: the share that is told, and of those told the false ones",
    ),
    "crosswalk-realtime": (crosswalk_realtime.measure, "the same in real time, with unmodified agents"),
    "crosswalk-states": (
        crosswalk_states.measure,
        "every reachable state of the crosswalk's machine, in bounded worlds",
    ),
    "badge-kills": (
        badge_kills.measure,
        "50 times kill -9 of a badge that records 720p30: pictures lost, all before them proven",
    ),
    "badge-memory": (badge_memory.measure, "peak memory of a badge that records at 4 Mb/s, beside its ring of 30 s"),
    "offload": (offload_cuts.measure, "a badge's upload of evidence, cut at 100 random points"),
    "evidence": (evidence.measure, "recording and verifying 720p30: processor time on the badge, speed at the center"),
    "fuzz": (_fuzz, "10^6 mutated messages through every decoder, 200,000 streams through the MQTT client"),
}
"""Name to function and what it measures, in the order of a run: what needs a quiet machine first."""
