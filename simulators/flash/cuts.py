# ruff: noqa: C901, SIM110, UP031 - MicroPython's words and shapes
# ruff: noqa: S311, T201 - seeded chance; its report goes to standard output
"""A board's journal whose power goes again and again, in any operation of its flash: one life, told as promises kept and broken.

``python`` is MicroPython here: real LittleFS over `simulators.flash.nor`, the firmware's own store and the agent's own journal. Each boot
opens the journal and compares it with what was promised before: every alarm and every kept state that was kept and not settled, every
other event too unless a gap tells of it, every note, the head of the chain. Then it presses, syncs, settles and makes room until the power
goes; the boots themselves are cut too. Prints one line of JSON. Usage: micropython -m simulators.flash.cuts CUTS SEED
"""

import json
import random
import sys

import vfs

from agent.journal.log import Journal
from devices.firmware.flash import FlashStore
from simulators.flash.nor import NorFlash

BLOCKS = 48
BOUNDS = {
    "max_bytes": 32768,
    "segment_bytes": 4096,
    "unkept_bytes": 4096,
    "scan_bytes": 4096,
}  # small: every part of it at work
LONGEST_LIFE = 300  # operations of the flash between two cuts, at most

TYPE_CHECKING = False
if TYPE_CHECKING:
    Number = tuple[int, int]  # boot, seq


def chance(n: int) -> int:
    """A number from 0 to n - 1."""
    return random.randint(0, n - 1)


class Life:
    """One board, boot after boot.

    Attributes:
        told: counts for the report.
        broken: promises that were broken, in words.
    """

    def __init__(self) -> None:
        self.chip = NorFlash(BLOCKS, chance)
        vfs.VfsLfs2.mkfs(self.chip)
        self.told = {
            "cuts": 0,
            "cut_while_opening": 0,
            "events": 0,
            "kept": 0,
            "settled": 0,
            "gaps": 0,
            "torn": 0,
            "in_trouble": 0,
        }
        self.broken: list[str] = []
        self._boot = 0
        self._owed: dict[Number, tuple[int, bytes]] = {}  # rank, envelope: kept, not settled
        self._doubtful: list[
            tuple[int, Number, int, bytes]
        ] = []  # position, number, rank, envelope: not known to be kept
        self._gaps: list[tuple[int, int, int]] = []
        self._notes = 0
        self._head: Number = (0, 0)

    def boot(self, longest: int) -> None:
        """Power on, open, compare, work until the power goes (with ``longest`` 0: only compare)."""
        self.chip = chip = NorFlash(BLOCKS, chance, self.chip)
        if longest:
            chip.cut_at = 1 + chance(longest)
        mounted = vfs.VfsLfs2(chip)  # reads, never writes
        vfs.mount(mounted, "/flash")
        store = FlashStore("/flash/journal")
        journal = Journal(store, **BOUNDS)
        journal.open()
        if chip.on:
            self._compare(journal)
            if longest:
                self._work(journal, chip)
        elif longest:
            self.told["cut_while_opening"] += 1
        if longest:
            self.told["cuts"] += 1
        vfs.umount("/flash")

    def _compare(self, journal: "Journal") -> None:
        report = journal.report
        if report.damaged or report.unreadable or journal.trouble is not None:
            self.broken.append("opened with %s %s %s" % (report.damaged, report.unreadable, journal.trouble))
        self.told["torn"] += report.bytes_cut
        self._hear_gaps(journal)
        for number in list(self._owed):
            rank, envelope = self._owed[number]
            entry = journal.get(number[0], number[1])
            if entry is None:
                if rank > 1 and self._is_gap(number):
                    self._owed.pop(number)  # evicted, and told
                else:
                    self.broken.append("event %s of rank %d is gone" % (number, rank))
            elif entry[1] != rank or entry[4] != envelope:
                self.broken.append("event %s is not the same" % (number,))
        gone = False
        for _position, number, rank, envelope in self._doubtful:
            entry = journal.get(number[0], number[1])
            if entry is None:
                gone = gone or rank < 2
            elif gone:
                self.broken.append("event %s survived an earlier one" % (number,))
            else:
                self._owed[number] = (rank, envelope)
        self._doubtful = []
        self._gaps = []
        if journal.notes.get("boot", 0) < self._notes:
            self.broken.append("note of boot %d is gone" % self._notes)
        last = journal.last
        if (last is not None and last[:2] < self._head) or (last is None and self._head != (0, 0)):
            self.broken.append("the chain goes back to %s from %s" % (last, self._head))

    def _hear_gaps(self, journal: "Journal") -> None:
        for boot, first, last, _hash16 in journal.take_gaps():
            self._gaps.append((boot, first, last))
            self.told["gaps"] += 1

    def _is_gap(self, number: "Number") -> bool:
        for boot, first, last in self._gaps:
            if boot == number[0] and first <= number[1] <= last:
                return True
        return False

    def _work(self, journal: "Journal", chip: "NorFlash") -> None:
        journal.gaps_declared()
        self._boot += 1
        journal.note("boot", self._boot)
        seq = 0
        for _ in range(300):
            for _ in range(1 + chance(4)):
                seq += 1
                rank = (0, 0, 1, 2, 3, 3, 3, 3)[chance(8)]
                envelope = b"%d/%d " % (self._boot, seq) * (1 + chance(60))
                position = journal.append(rank, self._boot, seq, bytes([seq & 255]) * 16, envelope)
                self._doubtful.append((position, (self._boot, seq), rank, envelope))
                self.told["events"] += 1
            clean = journal.sync()
            if not chip.on:
                return
            self._promise(journal)
            if clean:
                self._notes = self._boot
            else:
                self.told["in_trouble"] += 1
            self._hear_gaps(journal)
            journal.gaps_declared()
            if self._owed and (chance(2) or len(self._owed) > 40):
                self._settle(journal)

    def _promise(self, journal: "Journal") -> None:
        while self._doubtful and self._doubtful[0][0] <= journal.kept_position:
            _position, number, rank, envelope = self._doubtful.pop(0)
            self._owed[number] = (rank, envelope)
            self.told["kept"] += 1
        if journal.last is not None:
            self._head = journal.last[:2]

    def _settle(self, journal: "Journal") -> None:
        """A receipt for some events from the oldest on, or from any place."""
        numbers = sorted(self._owed)
        boot, first = numbers[chance(len(numbers)) if chance(4) == 0 else 0]
        last = first + chance(12)
        journal.settle(boot, first, last)
        for seq in range(first, last + 1):
            if self._owed.pop((boot, seq), None) is not None:
                self.told["settled"] += 1
        self._doubtful = [entry for entry in self._doubtful if entry[1][0] != boot or not first <= entry[1][1] <= last]


def main(cuts: int, seed: int) -> None:
    """Live through ``cuts`` power cuts, then compare once more with the power on."""
    random.seed(seed)
    life = Life()
    for _ in range(cuts):
        life.boot(LONGEST_LIFE)
    life.boot(0)
    told: dict[str, object] = {
        "broken": life.broken[:5],
        "broken_promises": len(life.broken),
        "twice": life.chip.twice,
    }
    told.update(life.told)
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
