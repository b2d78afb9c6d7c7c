# ruff: noqa: T201 - its report goes to standard output
"""What a day of a board's life costs its flash, counted by the chip itself: erases, bytes programmed, and how evenly blocks wear.

Real LittleFS on a partition of 2 MB (what MicroPython leaves of 4 MB), the firmware's store with its own bounds, the agent's journal.
Each heartbeat and each press is one event: appended, synced, settled by a receipt of its own. The years are
those of the block worn most, at 100,000 erases, so they count how unevenly LittleFS spreads them. Prints one line of JSON. Usage:
micropython -X heapsize=16M -m simulators.flash.wear HEARTBEATS_A_DAY PRESSES_A_DAY DAYS
"""

import json
import random
import sys

import vfs

from agent.journal.log import Journal
from devices.firmware.flash import BOUNDS, FlashStore
from simulators.flash.nor import NorFlash

BLOCKS = 512
ERASES = 100_000  # of a block, what makers of NOR flash promise (Winbond W25Q32JV datasheet, 2.1 "more than 100,000 erase/program cycles")
HEARTBEAT_BYTES = 260  # sealed events as docs/wire/vectors has them, with a key id in place of certificates
ALARM_BYTES = 300


def live(heartbeats: int, presses: int, days: int) -> "dict[str, int]":
    """Counts of so many days, in thousandths of a year where it says so."""
    random.seed(1)
    chip = NorFlash(BLOCKS, lambda n: random.randint(0, n - 1))  # noqa: S311 - seeded on purpose
    vfs.VfsLfs2.mkfs(chip)
    vfs.mount(vfs.VfsLfs2(chip), "/flash")
    journal = Journal(FlashStore("/flash/journal"), **BOUNDS)
    journal.open()
    before = list(chip.erases)
    programmed = chip.programmed
    seq = 0
    for _ in range(days):
        for rank, size, count in ((3, HEARTBEAT_BYTES, heartbeats), (0, ALARM_BYTES, presses)):
            for _ in range(count):
                seq += 1
                journal.append(rank, 1, seq, bytes(16), bytes(size))
                journal.sync()
                journal.settle(1, seq, seq)
    worn = [after - one for after, one in zip(chip.erases, before)]  # noqa: B905 - MicroPython's zip has no strict
    erases = sum(worn)
    return {
        "days": days,
        "events": seq,
        "erases_a_day": erases // days,
        "bytes_a_day": (chip.programmed - programmed) // days,
        "erases_of_worst_block": max(worn),
        "years_of_worst_block": ERASES * days // (max(worn) * 365),
        "years_if_even": ERASES * BLOCKS * days // (erases * 365),
    }


if __name__ == "__main__":
    print(json.dumps(live(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
