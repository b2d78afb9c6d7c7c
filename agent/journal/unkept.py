"""Events that are not durable yet, in order: the first of them written and waiting for the disk, the rest not written.

Bounded by bytes: when the disk cannot keep up, telemetry and then state that was not written yet give way, and leave
a gap that says so. Alarms and kept state stay, whatever happens. Pure; MicroPython subset.
"""

from agent.journal.index import DONE, OTHER_LANE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.journal.records import Gap

EVICTED = 3  # state of an entry that stands for evicted events; 0 and 1 are the lanes, 2 is DONE
ENTRY_BYTES = 200  # memory of an entry beside its envelope, about


class Unkept:
    """One event, or a gap in its place."""

    __slots__ = ("batch", "boot", "envelope", "first", "hash16", "offset", "position", "rank", "seq", "size", "state")

    def __init__(self, position: int, rank: int, boot: int, seq: int, hash16: bytes, envelope: bytes) -> None:
        self.position = position
        self.rank = rank
        self.boot = boot
        self.seq = seq
        self.hash16 = hash16
        self.envelope = envelope
        self.state = OTHER_LANE if rank else 0
        self.offset = 0
        self.size = 0  # bytes of its event record, 0 if it is not written as an event
        self.first = seq
        self.batch = 0


class Tail:
    """The unkept entries in order of position."""

    def __init__(self) -> None:
        self.entries: "list[Unkept]" = []
        self.written = 0  # so many of the first entries are in the current segment
        self.bytes = 0
        self.written_bytes = 0

    def add(self, entry: "Unkept") -> None:
        """Put the newest event at the end."""
        self.entries.append(entry)
        self.bytes += ENTRY_BYTES + len(entry.envelope)

    def put_before(self, entries: "list[Unkept]") -> None:
        """Put older events, not written yet, before all others."""
        waiting = self.entries
        self.entries = []
        self.bytes = 0
        for entry in entries + waiting:
            self.add(entry)

    def find(self, boot: int, seq: int) -> "Unkept | None":
        """The entry of an event, or None."""
        for entry in self.entries:
            if entry.seq == seq and entry.boot == boot and entry.state != EVICTED:
                return entry
        return None

    def next_in(self, lane: int, after: int) -> "Unkept | None":
        """First unsettled entry of a lane above a position. Found by halving, for a slow disk leaves thousands of entries here."""
        entries = self.entries
        low, high = 0, len(entries)
        while low < high:
            middle = (low + high) >> 1
            if entries[middle].position > after:
                high = middle
            else:
                low = middle + 1
        for index in range(low, len(entries)):
            if entries[index].state == lane:
                return entries[index]
        return None

    def settle(self, boot: int, first: int, last: int) -> "tuple[int, int, int]":
        """Settle a range; returns (newly settled, lowest, highest number)."""
        newly = lowest = highest = 0
        for entry in self.entries:
            if entry.boot == boot and first <= entry.seq <= last and entry.state < DONE:
                entry.state = DONE
                if not newly:
                    lowest = entry.seq
                highest = entry.seq
                newly += 1
        return newly, lowest, highest

    def live(self, rank: int) -> int:
        """Unsettled entries of a rank."""
        count = 0
        for entry in self.entries:
            if entry.rank == rank and entry.state < DONE:
                count += 1
        return count

    def has_live(self) -> bool:
        """Whether anything but gaps waits, written or not."""
        for entry in self.entries:
            if entry.state != EVICTED:
                return True
        return False

    def is_urgent(self) -> bool:
        """Whether an alarm or kept state waits to be written."""
        for index in range(self.written, len(self.entries)):
            entry = self.entries[index]
            if entry.rank < 2 and entry.state < DONE:
                return True
        return False

    def take_kept(self, count: int) -> "list[Unkept]":
        """Remove the first `count` entries, which are durable now."""
        kept = self.entries[:count]
        self.entries = self.entries[count:]
        self.written -= count
        for entry in kept:
            self.bytes -= ENTRY_BYTES + len(entry.envelope)
            self.written_bytes -= len(entry.envelope)
        return kept

    def rewind(self) -> None:
        """Nothing is written any more: the segment it was in cannot be trusted."""
        self.written = 0
        self.written_bytes = 0
        for entry in self.entries:
            entry.offset = 0
            entry.size = 0

    def gaps(self) -> "list[Gap]":
        """Gaps among the entries."""
        return [(e.batch, e.boot, e.first, e.seq, e.hash16) for e in self.entries if e.state == EVICTED]

    def evict(self, entry: "Unkept", batch: int) -> None:
        """Let one unwritten entry give way."""
        self.bytes -= len(entry.envelope)
        entry.envelope = b""
        entry.state = EVICTED
        entry.batch = batch

    def shed(self, limit: int, next_batch: "Callable[[], int]") -> None:
        """Let unwritten telemetry, then state, give way, oldest first, until the tail is within `limit` bytes."""
        batch = 0
        for rank in (3, 2):
            for index in range(self.written, len(self.entries)):
                if self.bytes <= limit:
                    break
                entry = self.entries[index]
                if entry.rank == rank and entry.state < DONE:
                    batch = batch or next_batch()
                    self.evict(entry, batch)
                    self.bytes -= ENTRY_BYTES  # merging follows; a gap that stands alone costs little
        self.merge()

    def merge(self) -> None:
        """Join neighbouring gaps that are not written, and drop settled events that a later entry makes superfluous."""
        merged = self.entries[: self.written]
        for index in range(self.written, len(self.entries)):
            entry = self.entries[index]
            if len(merged) > self.written:
                before = merged[-1]
                if before.state == DONE:
                    merged.pop()
                elif (
                    before.state == EVICTED
                    and entry.state == EVICTED
                    and before.boot == entry.boot
                    and before.batch <= entry.batch
                ):
                    entry.first = before.first
                    merged.pop()
            merged.append(entry)
        self.entries = merged
        total = 0
        for entry in merged:
            total += ENTRY_BYTES + len(entry.envelope)
        self.bytes = total
