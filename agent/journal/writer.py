"""Puts the journal's records into segment files, in order, and makes room; `agent.journal.log` is what callers see.

No record reaches the disk before an earlier one: a new segment is begun only when all of the old one is durable, or
after a failed sync, and then everything not durable is written again into it (a second fsync after a failed one proves
nothing). On a full disk a reserve is given back to alarms and to making room. MicroPython subset. It is long because making
room moves the same segments, tail and sizes that appending and syncing do: apart, each would have to know the other's state.
"""

from agent.journal import records, recovery
from agent.journal.compaction import Compaction, plan, read_event
from agent.journal.index import DONE, Segment
from agent.journal.room import ENOSPC, Room, error_number
from agent.journal.unkept import EVICTED, Tail, Unkept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.records import Head
    from agent.journal.recovery import Recovered
    from agent.journal.store import Store


class Writer:
    """Segment files, and what waits to be written to them.

    Args:
        store: the files.
        max_bytes: bound of all segments, see `Journal`.
        segment_bytes: a segment is closed at this size.
        unkept_bytes: bound of the tail.
    """

    def __init__(self, store: "Store", max_bytes: int, segment_bytes: int, unkept_bytes: int) -> None:
        self.trouble: "tuple[int, str] | None" = None
        self.segments: "list[Segment]" = []
        self.tail = Tail()
        self.notes: "dict[str, int]" = {}
        self.head: "Head | None" = None  # last kept event
        self.kept_position = 0
        self.next_position = 1
        self.bytes = 0
        self.batch = 0
        self.declared = 0
        self.damaged = 0
        self.listed = False  # the folder has been read
        self.blocked = False  # wait for flush() before the disk is tried again
        self.work: "Compaction | None" = None
        self._store = store
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._unkept_bytes = unkept_bytes
        self._highest = 0  # number of the newest segment file
        self._current: "Segment | None" = None  # the segment that may be appended to
        self._torn = False  # it may end in part of a record
        self._stale = False  # it lacks a note or a declaration; the header of a new one will hold it
        self._dir_dirty = False
        self._room = Room(store, segment_bytes)
        self._inflight: "tuple[Compaction | None, int, int] | None" = None  # work, entries, bytes being synced
        self._work_turn = False
        self._plan_at = 0  # do not look for something to evict below so many bytes

    def start(self, found: "Recovered") -> None:
        """Go on from what the start found on the disk."""
        self.listed = True
        if found.trouble is not None:
            self.say(found.trouble, "reading the journal")
        self.segments = found.segments
        for segment in self.segments:
            segment.readable = segment.name not in found.report.unreadable
            self.bytes += segment.size
        self._highest = found.highest
        if found.sound:
            self._current = self.segments[-1]
        notes = dict(found.notes)
        notes.update(self.notes)
        self._stale = len(self.notes) > 0  # noted while the folder could not be read
        self.notes = notes
        self.head = found.head
        self.next_position = max(self.next_position, found.next_position)
        self.kept_position = found.next_position - 1
        if not found.sound and self.segments:
            self._stale = True
        if found.doubtful is not None:
            self._doubt(found.doubtful, found)
        self.batch = max(self.batch, found.batch)
        self.declared = found.declared
        self._room.take()

    def _doubt(self, segment: "Segment", found: "Recovered") -> None:
        """What the newest segment holds is not known to be durable: write it again into the next one."""
        index = 0
        while index < len(segment) and segment.offsets[index] < found.doubtful_from:
            index += 1
        again: "list[Unkept]" = []
        for place in range(index, len(segment)):
            try:
                event = read_event(self._store, segment, place)
            except OSError:
                return  # it stays where it is; a later start will read it
            if event is not None:
                again.append(Unkept(*event))
                if segment.states[place] == DONE:
                    again[-1].state = DONE
        if not again:
            return
        self.head = None
        for offset, head in found.marks:
            if offset < found.doubtful_from or offset == 0:
                self.head = head
        if index and (self.head is None or segment.positions[index - 1] > self.head[0]):
            try:
                event = read_event(self._store, segment, index - 1)
            except OSError:
                return  # as above
            if event is not None:
                self.head = (event[0], event[2], event[3], event[4])
        segment.cut_from(again[0].position)
        self.kept_position = again[0].position - 1
        self.tail.put_before(again)

    def flush(self) -> None:
        """Try the disk again after trouble."""
        if not self.listed:
            return
        self.blocked = False
        if self._room.full:
            self._room.take()
        self.write_tail()
        if not self.blocked and not self._room.full and self.is_clean():
            self.trouble = None

    def is_at_rest(self) -> bool:
        """Whether everything is durable and nothing else is to be done."""
        current = self._current
        return (
            current is not None
            and current.size == current.kept
            and not self.tail.entries
            and not self._stale
            and not self._wants_work()
        )

    def _wants_work(self) -> bool:
        return self.work is not None or self._room.full or self.bytes > self._max_bytes - 2 * self._segment_bytes

    def needs_flush(self) -> bool:
        """Whether `flush` could change anything."""
        return self.trouble is not None or self._room.full or not self.listed

    def is_clean(self) -> bool:
        """Whether nothing waits to be written."""
        return self.listed and not self._torn and not self._stale and not self.tail.has_live()

    # Syncing

    def begin(self) -> "tuple[str, bool] | None":
        """See `Journal.begin_sync`."""
        if self._inflight is not None or not self.listed:
            return None
        while True:
            if not self.blocked and (self._stale or self.tail.written < len(self.tail.entries)):
                self.write_tail()
            current = self._current
            ready = current is not None and (current.size > current.kept or self._dir_dirty)
            if self._wants_work() and (not ready or self._work_turn):
                self._work_turn = False
                worked = self._start_work()
                token = self._go_on()
                if token is not None:
                    self._inflight = (self.work, 0, 0)
                    return token
                if worked:
                    continue  # room was made without a wait, or could not be made: look again
            if not ready or current is None:
                return None
            self._inflight = (None, self.tail.written, current.size)
            return current.name, self._dir_dirty

    def end(self, token: "tuple[str, bool]", error: "OSError | None") -> None:
        """See `Journal.end_sync`."""
        assert self._inflight is not None
        work, count, size = self._inflight
        self._inflight = None
        if work is not None:
            self._end_work(work, error)
        elif error is not None:
            self.say(error, "sync of " + token[0])
            self._leave_segment()
            self.blocked = True
        else:
            self._mark_kept(count, size, token[1])
            self._work_turn = True
        if not self.blocked and self.tail.entries:
            self.write_tail()

    def _mark_kept(self, count: int, size: int, dir_synced: bool) -> None:
        current = self._current
        assert current is not None
        current.kept = size
        if dir_synced:
            self._dir_dirty = False
        for entry in self.tail.take_kept(count):
            if entry.size:
                done = entry.state == DONE
                current.add(entry.position, entry.rank, entry.boot, entry.seq, entry.offset, entry.size, done)
            elif entry.state == EVICTED:
                current.gaps.append((entry.batch, entry.boot, entry.first, entry.seq, entry.hash16))
            self.head = (entry.position, entry.boot, entry.seq, entry.hash16)
            self.kept_position = entry.position
        if not self._room.full and not self.blocked:
            self.trouble = None
        if dir_synced:
            self.drop_settled()

    # Writing

    def write_tail(self) -> None:
        """Write what waits, as far as it may be written now."""
        tail = self.tail
        if self._stale:
            self._open_segment()
        while tail.written < len(tail.entries):
            entry = tail.entries[tail.written]
            if self._room.full and not self._room.reserved and not tail.is_urgent():
                return
            if tail.written_bytes > self._unkept_bytes >> 1:
                return
            current = self._open_segment()
            if current is None:
                return
            if tail.written == len(tail.entries) or tail.entries[tail.written] is not entry:
                continue  # a segment was left, and what it held is written again first
            if entry.rank > 1 and entry.state < DONE and self.bytes + len(entry.envelope) + 64 > self._max_bytes:
                tail.evict(entry, self.next_batch())
                tail.merge()
                continue
            if entry.state == EVICTED and not tail.has_live():
                return  # it may grow; it is written before the next event
            size = 0
            if entry.state < DONE:
                data = records.event_record(
                    current.number,
                    entry.rank,
                    current.kept,
                    entry.position,
                    entry.boot,
                    entry.seq,
                    entry.hash16,
                    entry.envelope,
                )
                size = len(data)
            elif entry.state == DONE:
                body = records.head_body(entry.position, entry.boot, entry.seq, entry.hash16)
                data = records.record(current.number, records.HEAD, 0, current.kept, body)
            else:
                body = records.gap_body(entry.position, (entry.batch, entry.boot, entry.first, entry.seq, entry.hash16))
                data = records.record(current.number, records.GAP, 0, current.kept, body)
            offset = current.size
            if self._append(current, data):
                entry.offset = offset
                entry.size = size
                tail.written += 1
                tail.written_bytes += len(entry.envelope)
            elif self.blocked:
                return

    def put(self, kind: int, body: bytes) -> bool:
        """Append a record that is not an event, if the disk takes it now."""
        if self.blocked:
            return False
        current = self._current if self._current is not None and not self._torn else self._open_segment()
        if current is None:
            return False
        return self._append(current, records.record(current.number, kind, 0, current.kept, body))

    def settle(self, boot: int, first: int, last: int) -> int:
        """Settle a range, and put a record of it where it will be found again."""
        total, low, high, older = recovery.settle(self.segments, boot, first, last, self._current)
        newly, lowest, highest = self.tail.settle(boot, first, last)
        if newly:
            low, high = (low if total else lowest), highest
        if total + newly:
            self._put_settled(boot, low, high, older)
        return total + newly

    def _put_settled(self, boot: int, first: int, last: int, older: bool) -> None:
        if self.put(records.SETTLED, records.settled_body(boot, first, last)) and older and self._current is not None:
            self._current.note_settled(boot, first, last)

    def _hits(self, boot: int, first: int, last: int, place: int) -> bool:
        for older in self.segments[:place]:
            if older.settle(boot, first, last)[0]:
                return True
        return False

    def put_for_good(self, kind: int, body: bytes) -> None:
        """Append a record whose content a segment's header holds too: if not now, then there."""
        if not self.put(kind, body):
            self._stale = True

    def _append(self, current: "Segment", data: bytes) -> bool:
        try:
            self._store.append(current.name, data)
        except OSError as error:
            self._torn = True
            self._disk_error(error, "append")
            return False
        current.size += len(data)
        self.bytes += len(data)
        self.blocked = False
        return True

    def _open_segment(self) -> "Segment | None":
        """The segment to append to; makes a new one when it is due and may be."""
        syncing = self._inflight is not None and self._inflight[0] is None
        if self._current is not None and self._torn:
            try:
                self._store.truncate(self._current.name, self._current.size)
                self._torn = False
            except OSError as error:
                self._disk_error(error, "truncate")
                if syncing:
                    return None
                self._leave_segment()
        if self._stale and not syncing:
            self._leave_segment()
        current = self._current
        if current is not None and current.size < self._segment_bytes:
            return current
        if current is not None and (self.tail.written or syncing):
            return None  # first all of it must be durable, else a later event could outlive an earlier one
        return self._new_segment() if self.listed else None

    def _new_segment(self) -> "Segment | None":
        number = self._highest + 1
        name = records.segment_name(number)
        entries = self.tail.entries
        first = entries[0].position if entries else self.next_position
        body = records.header_body(number, first, self.head, self.batch, self.declared, self.notes)
        data = records.record(number, records.SEGMENT, 0, 0, body)
        try:
            self._store.create(name)
            self._highest = number
            self._store.append(name, data)
        except OSError as error:
            try:
                self._store.remove(name)
            except OSError:
                pass  # the next segment has a number of its own anyway
            self._disk_error(error, "create " + name)
            return None
        segment = Segment(number, first)
        segment.size = len(data)
        self.segments.append(segment)
        self._current = segment
        self._torn = False
        self._stale = False
        self._dir_dirty = True
        self.bytes += len(data)
        self._plan_at = 0
        return segment

    def _leave_segment(self) -> None:
        """Never write to the current segment again; what is not durable is written anew into the next one."""
        current = self._current
        self._current = None
        self._torn = False
        self.tail.rewind()
        if current is not None and current.size > current.kept:
            try:
                self._store.truncate(current.name, current.kept)
                self.bytes -= current.size - current.kept
                current.size = current.kept
            except OSError:
                pass  # only tidiness: the next header says from where on it does not count

    # Room

    def drop_settled(self) -> None:
        """Remove closed segments for which nothing is owed; their notes and chain head stand in a durable header."""
        current = self._current
        if current is None or not current.kept or self._dir_dirty:
            return
        busy = self.work.segment() if self.work is not None else None
        place = 0
        while place < len(self.segments):
            segment = self.segments[place]
            if segment is current or segment is busy or segment.unsettled() or segment.gaps or not segment.readable:
                place += 1
                continue
            for boot, first, last in segment.settles:
                if self._hits(boot, first, last, place):
                    self._put_settled(boot, first, last, True)
            try:
                self._store.remove(segment.name)
            except OSError as error:
                self.say(error, "remove")
                return
            segment.removed = True
            self.bytes -= segment.size
            self.segments.pop(place)
            self._plan_at = 0

    def _start_work(self) -> bool:
        """Begin to make room if it is due."""
        current = self._current
        room = self._max_bytes - 2 * self._segment_bytes
        if self.work is None and current is not None and current.kept and not self._dir_dirty:
            if (self.bytes > room or self._room.full) and self.bytes >= self._plan_at:
                closed = [segment for segment in self.segments if segment is not current]
                todo = plan(closed, max(self._max_bytes // 8, self.bytes - room))
                self._plan_at = self.bytes + (self._segment_bytes >> 2)
                if todo:
                    self.work = Compaction(self._store, todo, self.next_batch(), self.declared)
        return self.work is not None

    def _go_on(self) -> "tuple[str, bool] | None":
        """The next file or folder that has to be synced to make room, or None if nothing is under way any more."""
        while self.work is not None:
            try:
                token = self.work.prepare()
            except OSError as error:
                if not self._room.give(error):
                    self._stop_work(error)
                continue
            if token is not None:
                return token
            self.work = None
            self._plan_at = 0
            if self._room.full:
                self._room.take()
            self.drop_settled()
        return None

    def _end_work(self, work: "Compaction", error: "OSError | None") -> None:
        freed, damaged = work.freed, work.damaged
        try:
            if error is not None:
                raise error
            work.synced()
        except OSError as trouble:
            self._stop_work(trouble)
        self.bytes -= work.freed - freed
        self.damaged += work.damaged - damaged

    def _stop_work(self, error: OSError) -> None:
        self.say(error, "making room")
        self._plan_at = self.bytes + (self._segment_bytes >> 2)
        if self.work is not None and self.work.may_abandon():
            self.work.abandon()
            self.work = None

    def next_batch(self) -> int:
        """Number for a new batch of evictions."""
        self.batch += 1
        return self.batch

    def _disk_error(self, error: OSError, doing: str) -> None:
        """Decide whether to go on at once, because room was found, or to wait for flush()."""
        self.say(error, doing)
        if error_number(error) == ENOSPC:
            self._room.full = True
            self._plan_at = 0
            if self._room.give(error):
                return
            if self.tail.is_urgent():
                before = len(self.tail.entries)
                self.tail.shed(0, self.next_batch)
                if len(self.tail.entries) < before:
                    return
        self.blocked = True

    def say(self, error: OSError, doing: str) -> None:
        """Show trouble with the disk."""
        self.trouble = (error_number(error), "%s: %s" % (doing, error))
