"""Making room: old segments are rewritten without what is settled, then without telemetry, then without state.

One segment at a time and in steps, so that every wait for the disk can happen beside the event loop: write the new
file, sync it, rename it over the old one, sync the folder. A power cut between any two steps leaves the old file or the
new one. The ranges that were evicted stand in the new file itself as gap records, so they appear together with the
eviction. Alarms (rank 0) and kept state (rank 1) are never dropped. MicroPython subset.
"""

from agent.journal import records
from agent.journal.index import DONE, Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.records import Gap
    from agent.journal.store import Store

KEEP_ALL = records.RANKS
MAX_GAPS = 32  # gap records in a segment; beyond it neighbours are joined
_WRITE_BYTES = 32768

_WRITE = 0
_SYNC_FILE = 1
_SYNC_DIR = 2


def plan(segments: "list[Segment]", goal: int) -> "list[tuple[Segment, int]]":
    """Which segments to rewrite, and from which rank on their unsettled events are dropped.

    Args:
        segments: closed segments, oldest first.
        goal: bytes to make free.

    Returns:
        (segment, lowest rank to drop) oldest first; `KEEP_ALL` drops only what is settled. Empty if nothing can go.
    """
    drop: "dict[int, int]" = {}
    freed = 0
    for segment in segments:
        dead = segment.dead_bytes()
        if segment.readable and dead * 4 >= segment.size:
            drop[segment.number] = KEEP_ALL
            freed += dead
    for rank in (3, 2):
        for segment in segments:
            if freed >= goal:
                break
            if segment.readable and segment.live_bytes[rank]:
                if segment.number not in drop:
                    freed += segment.dead_bytes()
                drop[segment.number] = rank
                freed += segment.live_bytes[rank]
    return [(segment, drop[segment.number]) for segment in segments if segment.number in drop]


class Compaction:
    """One batch of rewriting under way.

    Args:
        store: the journal's files.
        todo: what `plan` returned.
        batch: number of this batch of evictions.
        declared: gaps up to this batch need not be carried over.
    """

    def __init__(self, store: "Store", todo: "list[tuple[Segment, int]]", batch: int, declared: int) -> None:
        self.batch = batch
        self.freed = 0  # bytes, so far
        self.damaged = 0  # events that could not be read, so far
        self._store = store
        self._todo = todo
        self._declared = declared
        self._step = _WRITE
        self._new: "Segment | None" = None
        self._gaps: "list[Gap]" = []

    def segment(self) -> "Segment | None":
        """The segment being rewritten, or None when all is done."""
        return self._todo[0][0] if self._todo else None

    def prepare(self) -> "tuple[str, bool] | None":
        """Do what comes before the next wait for the disk.

        Returns:
            (file to sync or "", whether to sync the folder), or None when all is done.

        Raises:
            OSError: from the store; `abandon` tidies up.
        """
        if self._step == _WRITE:
            while self._todo and self._todo[0][0].removed:
                self._todo = self._todo[1:]
        if not self._todo:
            return None
        name = _new_name(self._todo[0][0])
        if self._step == _WRITE:
            self._write(name)
            self._step = _SYNC_FILE
        return (name, False) if self._step == _SYNC_FILE else ("", True)

    def synced(self) -> None:
        """What `prepare` named is durable: go on.

        Raises:
            OSError: from the store; `abandon` tidies up.
        """
        segment = self._todo[0][0]
        if self._step == _SYNC_FILE:
            assert self._new is not None
            self._store.replace(_new_name(segment), segment.name)
            self.freed += segment.size - self._new.size
            segment.become(self._new)
            self._step = _SYNC_DIR
        else:
            segment.gaps = self._gaps
            self._new = None
            self._todo = self._todo[1:]
            self._step = _WRITE

    def may_abandon(self) -> bool:
        """Whether giving up leaves no doubt; after the rename only the folder's sync is left, and is tried again."""
        return self._step != _SYNC_DIR

    def abandon(self) -> None:
        """Give up; the old file stands."""
        if self._todo:
            try:
                self._store.remove(_new_name(self._todo[0][0]))
            except OSError:
                pass  # a left-over is removed at the next start, and overwritten by the next attempt
            self._todo = []

    def _write(self, name: str) -> None:
        segment, drop_from = self._todo[0]
        store = self._store
        try:
            store.create(name)
        except OSError:
            store.remove(name)
            store.create(name)
        number = segment.number
        self._new = new = Segment(number, segment.first)
        kept_gaps, indexes = self._choose(segment, drop_from)
        parts = [records.record(number, records.SEGMENT, 0, 0, self._header(segment))]
        offset = len(parts[0])
        waiting = offset
        for index in indexes:
            event = read_event(store, segment, index)
            if event is None:
                self.damaged += 1
                continue
            position, rank, boot, seq, hash16, envelope = event
            data = records.event_record(number, rank, offset, position, boot, seq, hash16, envelope)
            new.add(position, rank, boot, seq, offset, len(data))
            parts.append(data)
            offset += len(data)
            waiting += len(data)
            if waiting > _WRITE_BYTES:
                store.append(name, b"".join(parts))
                parts = []
                waiting = 0
        for gap in kept_gaps:
            parts.append(records.record(number, records.GAP, 0, offset, records.gap_body(0, gap)))
            offset += len(parts[-1])
        for boot, first, last in segment.settles:
            parts.append(records.record(number, records.SETTLED, 0, offset, records.settled_body(boot, first, last)))
            offset += len(parts[-1])
        self._gaps = kept_gaps
        if parts:
            store.append(name, b"".join(parts))
        new.size = offset

    def _header(self, segment: "Segment") -> bytes:
        name = segment.name
        frame = self._store.read(name, 0, records.FRAME_BYTES)
        if len(frame) == records.FRAME_BYTES:
            length = int.from_bytes(frame[8:12], "big")
            if length <= records.MAX_BODY:
                data = self._store.read(name, 0, records.FRAME_BYTES + length)
                body = data[records.FRAME_BYTES :]
                same = records.record(segment.number, frame[6], frame[7], int.from_bytes(frame[12:16], "big"), body)
                if same == data and frame[6] == records.SEGMENT:
                    return body
        return records.header_body(segment.number, segment.first, None, 0, 0, {})

    def _choose(self, segment: "Segment", drop_from: int) -> "tuple[list[Gap], list[int]]":
        """Gaps to write, and indexes of the events to copy."""
        gaps: "list[Gap]" = [gap for gap in segment.gaps if gap[0] > self._declared]
        copied: "list[int]" = []
        is_open = False
        for index in range(len(segment)):
            if segment.states[index] == DONE:
                continue
            if segment.ranks[index] < drop_from:
                copied.append(index)
                is_open = False
                continue
            event = read_event(self._store, segment, index)
            if event is None:
                self.damaged += 1
                continue
            _position, _rank, boot, seq, hash16, _envelope = event
            if is_open and gaps[-1][1] == boot:
                gaps[-1] = (self.batch, boot, gaps[-1][2], seq, hash16)
            else:
                gaps.append((self.batch, boot, seq, seq, hash16))
                is_open = True
        gaps = joined(gaps, 1)
        distance = 2
        while len(gaps) > MAX_GAPS and distance < 1 << 33:
            gaps = joined(gaps, distance)
            distance *= 2
        return gaps, copied


def joined(gaps: "list[Gap]", distance: int) -> "list[Gap]":
    """Gaps by boot and number, those of one boot joined that are at most `distance` apart; 1 joins what touches."""
    out: "list[Gap]" = []
    for batch, boot, first, last, hash16 in sorted(gaps, key=_by_number):
        gap = (batch, boot, first, last, hash16)
        if out and out[-1][1] == boot and first <= out[-1][3] + distance:
            before = out.pop()
            end = before if before[3] > last else gap
            gap = (max(before[0], batch), boot, before[2], end[3], end[4])
        out.append(gap)
    return out


def _by_number(gap: "Gap") -> "tuple[int, int]":
    return gap[1], gap[2]


def read_event(store: "Store", segment: "Segment", index: int) -> "tuple[int, int, int, int, bytes, bytes] | None":
    """(position, rank, boot, seq, hash16, envelope) from the disk, or None if the record is damaged.

    Raises:
        OSError: from the store.
    """
    data = store.read(segment.name, segment.offsets[index], segment.sizes[index])
    event = records.parse_event(data, segment.number)
    if event is None or event[0] != segment.positions[index]:
        return None
    return event


def _new_name(segment: "Segment") -> str:
    return "%08d.new" % segment.number
