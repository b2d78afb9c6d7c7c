"""Every power cut of a journal's life: one workload, the power gone at each change of the disk, each way of tearing.

The workload appends events of all ranks, commits them in groups, settles, notes, rotates, evicts, declares gaps, and
meets a failed sync and a full disk on its way. Before each operation that changes the disk, what the journal had
promised so far is written down together with a copy of the disk; later each copy loses its power in several ways, and
the journal is opened on what is left. `losses` names every promise that was broken; there should be none.
"""

from dataclasses import dataclass, field
from errno import EIO
from hashlib import sha256
from random import Random

from agent.journal.errors import DuplicateEvent
from agent.journal.log import Journal
from simulators.storage import TEARS, SimulatedDisk, Tear

MAX_BYTES = 8192
SEGMENT_BYTES = 1024
FINAL_BOOT = 99


@dataclass(frozen=True)
class Event:
    """An appended event."""

    position: int
    rank: int
    boot: int
    seq: int
    hash16: bytes
    envelope: bytes


@dataclass(frozen=True)
class Boundary:
    """The disk before one operation, and what had been promised by then."""

    operation: str
    disk: SimulatedDisk
    appended: tuple[Event, ...]
    kept_position: int
    settled: frozenset[tuple[int, int]]
    declared: tuple[tuple[int, int, int, bytes], ...]
    noted: dict[str, int]
    kept_notes: dict[str, int]


@dataclass
class Workload:
    """A journal's scripted life on one simulated disk.

    Args:
        seed: of all choices.
        steps: how many rounds of appending, settling, noting.
    """

    seed: int
    steps: int = 40
    events: list[Event] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=list)

    def run(self) -> None:
        """Live, and fill `boundaries`."""
        random = Random(self.seed)  # noqa: S311 - seeded on purpose
        self._disk = SimulatedDisk(on_change=self._before)
        self._settled: set[tuple[int, int]] = set()
        self._declared: list[tuple[int, int, int, bytes]] = []
        self._noted: dict[str, int] = {}
        self._kept_notes: dict[str, int] = {}
        self._journal: Journal | None = None
        boot = 0
        seq = 0
        for step in range(self.steps):
            if step % 15 == 0:
                boot += 1
                seq = 0
                self._journal = None
                journal = open_journal(self._disk)
                self._journal = journal
                self.events = [
                    event
                    for event in self.events
                    if event.position <= journal.kept_position or journal.get(event.boot, event.seq)
                ]
                self._noted = dict(journal.notes)  # what the last process noted and could not keep is gone with it
                self._note("boot", boot)
                self._sync()
            for _ in range(random.randint(1, 6)):
                seq += 1
                self._append(random.choice((0, 1, 2, 2, 3, 3, 3, 3)), boot, seq, random)
            if step == self.steps // 3:
                self._disk.faults = {"sync": [EIO]}
            if step == self.steps // 2:
                self._disk.capacity -= self._disk.free_bytes() - 300
            if step == self.steps * 2 // 3:
                self._disk.capacity = 1 << 40
            if random.random() < 0.2:
                self._note("command", step)
            if random.random() < 0.8:
                self._sync()
            if random.random() < 0.5:
                self._settle(random)
            self._declare(boot)
            seq = max((event.seq for event in self.events if event.boot == boot), default=seq)
        self._sync()
        self._before("end")

    def _append(self, rank: int, boot: int, seq: int, random: Random) -> None:
        assert self._journal is not None
        envelope = random.randbytes(random.randint(20, 200))
        hash16 = sha256(envelope).digest()[:16]
        position = (self.events[-1].position if self.events else 0) + 1
        self.events.append(Event(position, rank, boot, seq, hash16, envelope))  # it may reach the disk from now on
        assert self._journal.append(rank, boot, seq, hash16, envelope) == position

    def _note(self, key: str, value: int) -> None:
        assert self._journal is not None
        self._noted[key] = value
        self._journal.note(key, value)

    def _sync(self) -> None:
        assert self._journal is not None
        noted = dict(self._noted)
        if self._journal.sync():
            self._kept_notes = noted

    def _settle(self, random: Random) -> None:
        assert self._journal is not None
        recent = [event for event in self.events if event.position <= self._journal.kept_position][-40:]
        if not recent:
            return
        start = random.choice(recent)
        last = start.seq + random.randint(0, 6)
        self._settled.update((start.boot, seq) for seq in range(start.seq, last + 1) if self._knows(start.boot, seq))
        self._journal.settle(start.boot, start.seq, last)

    def _knows(self, boot: int, seq: int) -> bool:
        return any(event.boot == boot and event.seq == seq for event in self.events)

    def _declare(self, boot: int) -> None:
        assert self._journal is not None
        gaps = self._journal.take_gaps()
        if not gaps:
            return
        seq = max(event.seq for event in self.events if event.boot == boot) + 1
        self._append(1, boot, seq, Random(seq))  # noqa: S311 - as above
        if self._journal.sync() and self._journal.kept_position >= self.events[-1].position:
            self._declared += gaps
            self._journal.gaps_declared()

    def _before(self, operation: str) -> None:
        journal = self._journal
        previous = self.boundaries[-1].kept_position if self.boundaries else 0
        self.boundaries.append(
            Boundary(
                operation,
                self._disk.snapshot(),
                tuple(self.events),
                journal.kept_position if journal is not None else previous,
                frozenset(self._settled),
                tuple(self._declared),
                dict(self._noted),
                dict(self._kept_notes),
            )
        )


def open_journal(disk: SimulatedDisk) -> Journal:
    """A journal of the workload's sizes, opened."""
    journal = Journal(disk, max_bytes=MAX_BYTES, segment_bytes=SEGMENT_BYTES)
    journal.open()
    return journal


def losses(boundary: Boundary, tear: Tear, random: Random, *, again: bool = False) -> list[str]:
    """Cut the power at a boundary, open the journal on what is left, and say which promises are broken.

    Args:
        boundary: one of a workload's.
        tear: how the cut treats what was not synced.
        random: source of the tear's chance.
        again: cut the power a second time, while the journal is being opened and written to.
    """
    disk = boundary.disk.after_power_cut(tear, random)
    if again:
        disk = _cut_while_opening(disk, random)
    journal = open_journal(disk)
    broken = _broken(boundary, journal)
    broken += _broken_afterwards(journal, disk)
    return [f"{boundary.operation}, {tear}: {what}" for what in broken]


def matrix(workload: Workload, *, seed: int, tears: tuple[Tear, ...] = TEARS, repeat: int = 1) -> tuple[int, list[str]]:
    """All boundaries in all ways: (number of cuts, broken promises)."""
    cuts = 0
    broken: list[str] = []
    for number, boundary in enumerate(workload.boundaries):
        for tear in tears:
            rounds = 1 if tear in {"none", "all"} else repeat
            for turn in range(rounds):
                random = Random(f"{seed}/{number}/{tear}/{turn}")  # noqa: S311 - as above
                broken += losses(boundary, tear, random, again=turn == 1 or random.random() < 0.1)
                cuts += 1
    return cuts, broken


def _cut_while_opening(disk: SimulatedDisk, random: Random) -> SimulatedDisk:
    left = random.randint(0, 4)
    copies: list[SimulatedDisk] = []

    def before(_operation: str) -> None:
        if len(copies) <= left:
            copies.append(disk.snapshot())

    disk.on_change = before
    open_journal(disk).sync()
    disk.on_change = None
    copies.append(disk.snapshot())
    return copies[min(left, len(copies) - 1)].after_power_cut(random.choice(TEARS), random)


def _broken(boundary: Boundary, journal: Journal) -> list[str]:
    by_number = {(event.boot, event.seq): event for event in boundary.appended}
    present: set[tuple[int, int]] = set()
    broken: list[str] = []
    for lane in (0, 1):
        position = 0
        while (entry := journal.next(lane, position)) is not None:
            position, rank, boot, seq, envelope = entry
            event = by_number.get((boot, seq))
            if event is None or (event.rank, event.envelope) != (rank, envelope) or (rank == 0) != (lane == 0):
                broken.append(f"{boot}/{seq} was never appended like this")
            present.add((boot, seq))
    top = max((by_number[number].position for number in present if number in by_number), default=0)
    last = journal.last
    if last is not None:
        head = by_number.get((last[0], last[1]))
        if head is None or head.hash16 != last[2] or head.position < top:
            broken.append(f"the head {last[0]}/{last[1]} is not the chain's, or before position {top}")
        else:
            top = head.position
    if top < boundary.kept_position:
        broken.append(f"position {top} is the last, {boundary.kept_position} was kept")
    for key, value in boundary.kept_notes.items():
        if not value <= journal.notes.get(key, -1) <= boundary.noted[key]:
            broken.append(f"note {key} is {journal.notes.get(key)}, {value} was kept")
    return broken + _missing(boundary, journal, present, top)


def _missing(boundary: Boundary, journal: Journal, present: set[tuple[int, int]], top: int) -> list[str]:
    """Events up to position `top` that are neither there nor settled nor declared as evicted."""
    gaps = [*boundary.declared, *journal.take_gaps()]
    missing: list[str] = []
    for event in boundary.appended:
        evicted = event.rank > 1 and any(
            boot == event.boot and first <= event.seq <= last for boot, first, last, _hash in gaps
        )
        number = (event.boot, event.seq)
        if event.position <= top and number not in present and number not in boundary.settled and not evicted:
            kind = "kept" if event.position <= boundary.kept_position else "an earlier"
            missing.append(f"{kind} event {number} of rank {event.rank} is missing")
    return missing


def _broken_afterwards(journal: Journal, disk: SimulatedDisk) -> list[str]:
    """Go on in a new boot, restart without a cut, and see that nothing was used twice."""
    broken: list[str] = []
    last = journal.last
    if last is not None:
        try:
            journal.append(0, last[0], last[1], bytes(16), b"again")
            broken.append(f"number {last[0]}/{last[1]} was taken twice")
        except DuplicateEvent:
            pass
    before = journal.unsettled_count()
    disk.capacity = 1 << 40
    position = journal.append(0, FINAL_BOOT, 1, bytes(range(16)), b"after the cut")
    if not journal.sync() or journal.kept_position != position:
        broken.append(f"nothing can be kept after the cut: {journal.trouble}")
    owed = journal.unsettled_count()
    reopened = open_journal(disk)
    if reopened.get(FINAL_BOOT, 1) != (position, 0, FINAL_BOOT, 1, b"after the cut"):
        broken.append("the first event after the cut is gone at the next start")
    if reopened.last != (FINAL_BOOT, 1, bytes(range(16))):
        broken.append("the head after the cut is gone at the next start")
    if reopened.unsettled_count() != owed or owed > before + 1:
        broken.append(f"{reopened.unsettled_count()} owed at the next start, {owed} before it")
    return broken
