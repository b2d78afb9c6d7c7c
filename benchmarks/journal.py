"""What the journal costs beside the bare disk, how fast and lean it starts and drains, and what power cuts it survived.

``python -m benchmarks.journal [--json] [--cuts N]``. The durable append is measured against ``os.write`` + ``os.fdatasync`` of
as many bytes in the same folder and run, turn about, so that a busy disk weighs on both alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent.journal.disk import DiskStore
from agent.journal.log import Journal
from simulators.power_cuts import Workload, matrix
from simulators.storage import TEARS

ENVELOPE = b"e" * 300
ROOT = Path(__file__).parents[1]

_CHILD = """
import resource, sys, time
from agent.journal.disk import DiskStore
from agent.journal.log import Journal

def peak_kb():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])

store = DiskStore(sys.argv[1])
before = peak_kb()
journal = Journal(store)
started = time.perf_counter()
report = journal.open()
opened = time.perf_counter() - started
open_kb = peak_kb() - before
started = time.perf_counter()
count = position = 0
while (entry := journal.next(0, position)) is not None:
    position = entry[0]
    count += 1
    journal.settle(entry[2], entry[3], entry[3])
position = since = 0
while (entry := journal.next(1, position)) is not None:
    position = entry[0]
    count += 1
    since = since or entry[3]
    if count % 100 == 0:
        journal.settle(entry[2], since, entry[3])
        since = 0
journal.settle(1, 1, 1 << 31)
drained = time.perf_counter() - started
assert journal.unsettled_count() == 0 and count == report.events
print(report.events, opened, count, drained, open_kb, peak_kb() - before)
"""


def durable_append(rounds: int = 400) -> dict[str, float]:
    """p50 of append + sync through the journal, and of the bare system calls with as many bytes; ratio of the two."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = DiskStore(folder + "/journal")
        journal = Journal(store)
        journal.open()
        journal.append(2, 1, 1, bytes(16), ENVELOPE)
        journal.sync()
        size = journal.bytes_used
        journal.append(2, 1, 2, bytes(16), ENVELOPE)
        journal.sync()
        record = bytes(journal.bytes_used - size)
        fd = os.open(folder + "/bare", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        ours: list[float] = []
        bare: list[float] = []
        for seq in range(3, rounds + 3):
            started = time.perf_counter()
            journal.append(2, 1, seq, bytes(16), ENVELOPE)
            journal.sync()
            between = time.perf_counter()
            os.write(fd, record)
            os.fdatasync(fd)
            bare.append(time.perf_counter() - between)
            ours.append(between - started)
        os.close(fd)
        store.close()
    middle, floor = statistics.median(ours), statistics.median(bare)
    return {"journal_us": middle * 1e6, "bare_us": floor * 1e6, "ratio": middle / floor}


def append_cpu(count: int = 20_000) -> dict[str, float]:
    """CPU time of one append of a 300-byte envelope, its write into the page cache included."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = DiskStore(folder + "/journal")
        journal = Journal(store)
        journal.open()
        spent = 0.0
        for start in range(1, count, 500):
            before = time.process_time()
            for seq in range(start, start + 500):
                journal.append(2, 1, seq, bytes(16), ENVELOPE)
            spent += time.process_time() - before
            journal.sync()
        store.close()
    return {"cpu_us": spent / count * 1e6}


def hundred_thousand() -> dict[str, float]:
    """A journal of 100,000 events, opened and drained by a process of its own: times, and memory above that before it."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = DiskStore(folder)
        journal = Journal(store)
        journal.open()
        for seq in range(1, 100_001):
            journal.append(0 if seq % 1000 == 0 else 2 + seq % 2, 1, seq, bytes(16), ENVELOPE)
            if seq % 1000 == 0:
                journal.sync()
        store.close()
        out = subprocess.run(
            [sys.executable, "-c", _CHILD, folder], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split()
    events, opened, count, drained, open_kb, peak_kb = map(float, out)
    return {
        "events": events,
        "open_s": opened,
        "drained": count,
        "drain_s": drained,
        "open_peak_mb": open_kb / 1024,
        "peak_mb": peak_kb / 1024,
    }


def power_cuts(workloads: int = 4) -> dict[str, int]:
    """Power cuts at every change of the disk, each torn in every way: how many, and how many promises were broken."""
    boundaries = cuts = broken = 0
    for seed in range(workloads):
        workload = Workload(seed)
        workload.run()
        done, lost = matrix(workload, seed=seed)
        boundaries += len(workload.boundaries)
        cuts += done
        broken += len(lost)
    return {"boundaries": boundaries, "tears": len(TEARS), "cuts": cuts, "broken_promises": broken}


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--cuts", type=int, default=4, help="workloads for the power cuts")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, float]] = {
        "durable_append": durable_append(),
        "append_cpu": append_cpu(),
        "hundred_thousand": hundred_thousand(),
        "power_cuts": dict(power_cuts(arguments.cuts)),
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, values in figures.items():
        print(name, *(f"{key}={value:.4g}" for key, value in values.items()))


if __name__ == "__main__":
    main()
