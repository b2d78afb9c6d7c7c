"""The journal: keeps signed events in order on any store until they are settled, and survives a power cut anywhere.

What it guarantees: an event at or below `kept_position` is durable until it is settled, or evicted and declared; no
event reaches the disk before an earlier one; alarms are never evicted; trouble with the disk never raises, it shows in
`trouble` while events wait in memory. What it never does: look into an envelope, read a clock, start a thread.
MicroPython subset; one loop calls everything except `carry_out`.
"""

from agent.journal import records, recovery
from agent.journal.compaction import joined, read_event
from agent.journal.errors import DuplicateEvent
from agent.journal.unkept import Unkept
from agent.journal.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.journal.index import Segment
    from agent.journal.recovery import Report
    from agent.journal.store import Store

    Entry = tuple[int, int, int, int, bytes]  # position, rank, boot, seq, envelope

ALARM = 0
KEPT_STATE = 1
STATE = 2
TELEMETRY = 3

_UNLISTED_BASE = 1 << 48  # first position while the folder could not be read, above all that it can hold


class Journal:
    """An append-only log in segment files.

    Args:
        store: the files, see `agent.journal.store`; a method `reserve(name, size)` is used if there is one.
        max_bytes: bound of all segments; alarms and kept state may exceed it.
        segment_bytes: a segment is closed at this size. At most a quarter of `max_bytes`.
        unkept_bytes: bound of what waits in memory for the disk; alarms and kept state may exceed it.
        scan_bytes: bytes read at a time by `open`.

    Attributes:
        report: what `open` found.

    Raises:
        ValueError: if the sizes do not fit each other.
    """

    def __init__(
        self,
        store: "Store",
        *,
        max_bytes: int = 67108864,
        segment_bytes: int = 262144,
        unkept_bytes: int = 1048576,
        scan_bytes: int = 65536,
    ) -> None:
        if segment_bytes < 1024 or max_bytes < 4 * segment_bytes:
            raise ValueError("journal: segment_bytes is at least 1024 and max_bytes at least four segments")
        self.report: "Report" = recovery.Report()
        self._store = store
        self._unkept_bytes = unkept_bytes
        self._scan_bytes = scan_bytes
        self._writer = Writer(store, max_bytes, segment_bytes, unkept_bytes)
        self._tail = self._writer.tail
        self._appended: "tuple[int, int] | None" = None  # boot, seq of the last event, kept or not
        self._handed = 0  # batch up to which take_gaps has handed out

    # Start and state

    def open(self) -> "Report":
        """Read the journal back; never raises for what is on the disk. Call it once, before anything else."""
        self._recover()
        return self.report

    @property
    def last(self) -> "tuple[int, int, bytes] | None":
        """(boot, seq, hash16) of the last kept event, or None if there was never one."""
        head = self._writer.head
        return head[1:] if head else None

    @property
    def notes(self) -> "dict[str, int]":
        """Small facts by key, as last noted."""
        return self._writer.notes

    @property
    def kept_position(self) -> int:
        """Every event at or below this position is durable (or settled, or evicted)."""
        return self._writer.kept_position

    @property
    def trouble(self) -> "tuple[int, str] | None":
        """(errno, text) while the disk gives trouble, else None."""
        return self._writer.trouble

    @property
    def damaged(self) -> int:
        """Events lost to damage of the medium, as far as noticed since `open`."""
        return self._writer.damaged

    @property
    def bytes_used(self) -> int:
        """Bytes in all segments."""
        return self._writer.bytes

    @property
    def unkept_count(self) -> int:
        """Entries that wait for the disk."""
        return len(self._tail.entries)

    # Writing

    def append(self, rank: int, boot: int, seq: int, hash16: bytes, envelope: bytes) -> int:
        """Take up the next event; it is durable when `kept_position` has reached the position returned.

        Args:
            rank: 0 alarm, 1 kept state (both never evicted), 2 state, 3 telemetry.
            boot: boot number.
            seq: number within the boot, above the one before.
            hash16: first half of the SHA-256 over the event's payload.
            envelope: the signed event, at most 64 KiB.

        Raises:
            InvalidRecord: a value does not fit the format.
            DuplicateEvent: the number was used, or falls behind.
        """
        records.check_event(rank, boot, seq, hash16, envelope)
        newest = self._appended
        if newest is not None:
            if newest[0] == boot:
                if seq <= newest[1]:
                    raise DuplicateEvent(
                        "event %d/%d: numbers rise within a boot, and %d was the last" % (boot, seq, newest[1])
                    )
            elif self._has_boot(boot):
                raise DuplicateEvent("event %d/%d: that boot is over; a new one takes a new number" % (boot, seq))
        self._appended = (boot, seq)
        writer = self._writer
        position = writer.next_position
        writer.next_position = position + 1
        self._tail.add(Unkept(position, rank, boot, seq, hash16, envelope))
        if not writer.blocked or rank == ALARM:
            writer.write_tail()
        if self._tail.bytes > self._unkept_bytes:
            self._tail.shed(self._unkept_bytes - self._unkept_bytes // 8, writer.next_batch)
        return position

    def note(self, key: str, value: int) -> None:
        """Keep a small fact; `notes` shows it at once, and it is durable when `sync` has returned True.

        Raises:
            InvalidRecord: key or value does not fit the format.
        """
        records.check_note(key, value, self.notes)
        self.notes[key] = value
        self._writer.put_for_good(records.NOTE, records.note_body(key, value))

    def settle(self, boot: int, first: int, last: int) -> int:
        """A signed receipt names these events: nothing is owed for them any more.

        Unknown numbers are ignored. Not synced on its own: losing it in a power cut only means to send again.

        Returns:
            How many events were newly settled.
        """
        total = self._writer.settle(boot, first, last)
        if total:
            self._writer.drop_settled()
        return total

    # Making durable

    def flush(self) -> None:
        """Try the disk again after trouble."""
        if not self._writer.listed:
            self._recover()
        self._writer.flush()

    def begin_sync(self) -> "tuple[str, bool] | None":
        """Start making durable what has been written: a token for `carry_out`, or None if there is nothing to do."""
        return self._writer.begin()

    def carry_out(self, token: "tuple[str, bool]") -> None:
        """Wait for the disk; the only thing that may run beside the loop, on any thread.

        Raises:
            OSError: hand it to `end_sync`.
        """
        if token[0]:
            self._store.sync(token[0])
        if token[1]:
            self._store.sync_dir()

    def end_sync(self, token: "tuple[str, bool]", error: "OSError | None") -> None:
        """Take note of how `carry_out` ended."""
        self._writer.end(token, error)

    def sync(self) -> bool:
        """Make everything durable now, and room if it is due; True if nothing waits any more. Blocks, never raises."""
        writer = self._writer
        if writer.needs_flush():
            self.flush()
        while True:
            token = writer.begin()
            if token is None:
                return writer.is_clean()
            try:
                self.carry_out(token)
            except OSError as error:
                writer.end(token, error)
                return False
            writer.end(token, None)
            if writer.is_at_rest():
                return True

    # Reading

    def next(self, lane: int, after_position: int) -> "Entry | None":
        """The first unsettled event above a position, kept or not, in lane 0 (alarms) or lane 1 (the rest).

        An event that cannot be read now is passed over: damage counts in `damaged`, an error of the disk is told by
        `trouble`, and the event is offered again when the caller starts over.

        Returns:
            (position, rank, boot, seq, envelope), or None.
        """
        segments = self._writer.segments
        low, high = 0, len(segments)
        while low < high:
            middle = (low + high) >> 1
            if segments[middle].top() > after_position:
                high = middle
            else:
                low = middle + 1
        for place in range(low, len(segments)):
            segment = segments[place]
            index = segment.next_in(lane, after_position) if segment.readable else -1
            while index >= 0:
                entry = self._read(segment, index)
                if entry is not None:
                    return entry
                index = segment.next_in(lane, segment.positions[index])
        unkept = self._tail.next_in(lane, after_position)
        return (unkept.position, unkept.rank, unkept.boot, unkept.seq, unkept.envelope) if unkept else None

    def get(self, boot: int, seq: int) -> "Entry | None":
        """An event by its number, settled or not, as long as it is here."""
        unkept = self._tail.find(boot, seq)
        if unkept is not None:
            return unkept.position, unkept.rank, unkept.boot, unkept.seq, unkept.envelope
        for segment in self._writer.segments:
            index = segment.find(boot, seq)
            if index >= 0:
                return self._read(segment, index)
        return None

    def unsettled_alarms(self) -> "Iterator[Entry]":
        """All alarms that are still owed, oldest first."""
        position = 0
        while True:
            entry = self.next(0, position)
            if entry is None:
                return
            yield entry
            position = entry[0]

    def unsettled_count(self, rank: "int | None" = None) -> int:
        """How many events of a rank, or of all, are still owed."""
        total = 0
        for one in range(records.RANKS):
            if rank is None or rank == one:
                total += self._tail.live(one)
                for segment in self._writer.segments:
                    total += segment.live[one]
        return total

    # Gaps

    def take_gaps(self) -> "list[tuple[int, int, int, bytes]]":
        """Ranges (boot, first, last, hash16 of the last) that were evicted and are not declared yet.

        Put them into a journal.gap event, append it with rank 1, and call `gaps_declared` when it is kept. Until then
        they are handed out again, after a restart too.
        """
        writer = self._writer
        if writer.batch <= writer.declared:
            return []  # as ever, and it is asked at each event
        self._handed = writer.work.batch - 1 if writer.work is not None else writer.batch
        gaps = self._tail.gaps()
        for segment in writer.segments:
            gaps.extend(segment.gaps)
        owed = [gap for gap in gaps if writer.declared < gap[0] <= self._handed]
        return [gap[1:] for gap in joined(owed, 1)]

    def gaps_declared(self) -> None:
        """The event with the gaps of the last `take_gaps` is kept: do not hand them out again."""
        writer = self._writer
        if self._handed > writer.declared:
            writer.declared = self._handed
            for segment in writer.segments:
                segment.gaps = [gap for gap in segment.gaps if gap[0] > writer.declared]
            writer.put_for_good(records.DECLARED, records.declared_body(writer.declared))
            writer.drop_settled()

    # Inside

    def _recover(self) -> None:
        writer = self._writer
        found = recovery.Recovered()
        try:
            recovery.recover(self._store, self._scan_bytes, found)
        except OSError as error:
            writer.say(error, "reading the journal's folder")
            writer.blocked = True
            writer.next_position = max(writer.next_position, _UNLISTED_BASE)
            return
        if self._tail.entries and found.next_position > self._tail.entries[0].position:
            writer.say(OSError(5, "positions overlap; restart the agent"), "start")
            writer.blocked = True
            return
        self.report = found.report
        writer.start(found)
        if self._appended is None and found.head is not None:
            self._appended = found.head[1:3]
        writer.drop_settled()

    def _has_boot(self, boot: int) -> bool:
        for segment in self._writer.segments:
            if segment.has_boot(boot):
                return True
        for entry in self._tail.entries:
            if entry.boot == boot:
                return True
        return False

    def _read(self, segment: "Segment", index: int) -> "Entry | None":
        try:
            event = read_event(self._store, segment, index)
        except OSError as error:
            self._writer.say(error, "reading an event")
            return None
        if event is None:
            if segment.states[index] != 2:
                segment.mark_done(index)
                self._writer.damaged += 1
            return None
        return event[0], event[1], event[2], event[3], event[5]
