"""Reading a journal back after a start: which segments there are, which events in them count, and what was damaged.

Only the newest segment can have a torn tail, and it is cut at the first invalid record, so that what survives is a
prefix of what was appended, unless a later record proves that the damaged place had been durable: then it is damage to
the medium, as everywhere in older segments, and what lies before and after is kept. Never raises for what it finds in
a file; an `OSError` of one file makes that file unreadable, not the journal. MicroPython subset.
"""

from binascii import crc32
from struct import pack, unpack_from

from agent.journal import records
from agent.journal.index import Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.journal.records import Head
    from agent.journal.store import Store

DAMAGE = 0
UNREADABLE_STRIDE = 1 << 32  # positions that an unreadable segment could have used
_MARKER_BYTES = pack(">H", records.MARKER)


class Report:
    """What `Journal.open` found.

    Attributes:
        events: events that count.
        unsettled: how many of them are still owed.
        bytes_cut: bytes of a torn tail.
        damaged: names of segments in which damaged bytes were passed over.
        unreadable: names of segments that could not be read or have a format of another version; they are left alone.
        removed: names of left-overs of interrupted work that were removed.
    """

    def __init__(self) -> None:
        self.events = 0
        self.unsettled = 0
        self.bytes_cut = 0
        self.damaged: "list[str]" = []
        self.unreadable: "list[str]" = []
        self.removed: "list[str]" = []


class Recovered:
    """Everything that the journal starts from."""

    def __init__(self) -> None:
        self.segments: "list[Segment]" = []
        self.highest = 0  # highest segment number in use, readable or not
        self.notes: "dict[str, int]" = {}
        self.head: "Head | None" = None
        self.next_position = 1
        self.batch = 0
        self.declared = 0
        self.report = Report()
        self.trouble: "OSError | None" = None
        self.sound = False  # the newest segment may be appended to
        self.doubtful: "Segment | None" = None  # else: it, if it could be read
        self.doubtful_from = 0  # offset in it from which on nothing proves that it is durable
        self.marks: "list[tuple[int, Head | None]]" = []  # offsets in it that move the chain's head without an event


def walk(
    store: "Store", name: str, number: int, start: int, end: int, chunk: int
) -> "Iterator[tuple[int, int, int, int, int, bytes, int, tuple[int, int, int]]]":
    """All valid records between two offsets of a segment, and the damaged stretches between them.

    Args:
        store: where the segment is.
        name: its file.
        number: its number, which seeds the CRC.
        start: offset of the first record.
        end: size of the file.
        chunk: bytes to read at a time; a longer record is read on its own.

    Yields:
        (kind, rank, offset, bytes, durable bytes when written, buffer, offset of the body in it, numbers); numbers are
        the first sixteen bytes of the body as (u64, u32, u32), which an event needs. For damage the kind is `DAMAGE`.

    Raises:
        OSError: from the store.
    """
    offset = start
    buf = b""
    view = memoryview(buf)
    base = start
    have = 0
    frame = records.SCAN_FRAME
    while offset < end:
        at = offset - base
        if at + 32 > have and base + have < end:
            buf = store.read(name, offset, min(chunk, end - offset))
            view, base, have, at = memoryview(buf), offset, len(buf), 0
        valid = False
        stop = at
        numbers = (0, 0, 0)
        kind = rank = kept = 0
        if at + 32 <= have:
            crc, marker, kind, rank, length, kept, high, middle, low = unpack_from(frame, buf, at)
            numbers = (high, middle, low)
        elif at + 16 <= have:
            crc, marker, kind, rank, length, kept = unpack_from(records.FRAME, buf, at)
        else:
            marker = 0
        if marker == records.MARKER and length <= records.MAX_BODY and offset + 16 + length <= end:
            stop = at + 16 + length
            if stop > have:
                buf = store.read(name, offset, max(min(chunk, end - offset), 16 + length))
                view, base, have, at = memoryview(buf), offset, len(buf), 0
                stop = 16 + length
            valid = stop <= have and crc32(view[at + 4 : stop], number) == crc
        if valid:
            yield kind, rank, offset, stop - at, kept, buf, at + 16, numbers
            offset = base + stop
        else:
            after = _next_valid(store, name, number, offset + 1, end, chunk)
            yield DAMAGE, 0, offset, after - offset, 0, b"", 0, (0, 0, 0)
            offset = after


def _next_valid(store: "Store", name: str, number: int, start: int, end: int, chunk: int) -> int:
    """Offset of the next valid record at or after `start`; `end` if there is none."""
    offset = start
    while offset + 16 <= end:
        buf = store.read(name, offset, min(chunk, end - offset))
        place = buf.find(_MARKER_BYTES, 4)
        while place >= 0 and place + 12 <= len(buf):
            crc, _marker, _kind, _rank, length = unpack_from(">IHBBI", buf, place - 4)
            at = offset + place - 4
            if length <= records.MAX_BODY and at + 16 + length <= end:
                data = store.read(name, at, 16 + length)
                if len(data) == 16 + length and crc32(memoryview(data)[4:], number) == crc:
                    return at
            place = buf.find(_MARKER_BYTES, place + 1)
        if len(buf) < 32:
            break
        offset += len(buf) - 16
    return end


def recover(store: "Store", chunk: int, found: "Recovered") -> None:
    """Read everything back into `found`.

    Args:
        store: the journal's files.
        chunk: bytes to read at a time.
        found: a fresh `Recovered`.

    Raises:
        OSError: if not even the names of the files can be read.
    """
    numbers = []
    for name in sorted(store.names()):
        number = records.segment_number(name)
        if number:
            numbers.append(number)
        elif name.endswith(".new"):
            _remove(store, name, found)
    found.highest = numbers[-1] if numbers else 0
    while numbers and _is_stillborn(store, numbers[-1], chunk):
        _remove(store, records.segment_name(numbers.pop()), found)
    for number in numbers:
        newest = number == numbers[-1]
        try:
            _read_segment(store, number, newest, chunk, found)
        except OSError as error:
            found.trouble = error
            found.sound = False
            found.report.unreadable.append(records.segment_name(number))
            found.next_position += UNREADABLE_STRIDE
    for segment in found.segments:
        found.report.events += len(segment)
        found.report.unsettled += segment.unsettled()


def _remove(store: "Store", name: str, found: "Recovered") -> None:
    try:
        store.remove(name)
        found.report.removed.append(name)
    except OSError as error:
        found.trouble = error


def _is_stillborn(store: "Store", number: int, chunk: int) -> bool:
    """Whether the newest segment was cut off while it was made: nothing in it counts."""
    name = records.segment_name(number)
    try:
        end = store.size(name)
        for kind, _rank, offset, _length, _kept, _buf, _body, _numbers in walk(store, name, number, 0, end, chunk):
            return kind == DAMAGE and not _was_durable(store, name, number, offset, end, chunk)
    except OSError:
        return False
    return True


def _was_durable(store: "Store", name: str, number: int, offset: int, end: int, chunk: int) -> bool:
    """Whether a record after `offset` says that this place had been durable when it was written."""
    for kind, _rank, _offset, _length, kept, _buf, _body, _numbers in walk(store, name, number, offset, end, chunk):
        if kind != DAMAGE and kept > offset:
            return True
    return False


def _read_segment(store: "Store", number: int, newest: bool, chunk: int, found: "Recovered") -> None:
    name = records.segment_name(number)
    segment = Segment(number, found.next_position)
    segment.size = store.size(name)
    listed = False
    cut = segment.size
    found.doubtful_from = 0
    found.marks = []
    for kind, rank, offset, length, kept, buf, body, numbers in walk(store, name, number, 0, segment.size, chunk):
        found.doubtful_from = max(found.doubtful_from, kept)
        if kind == records.EVENT:
            if numbers[0] >= found.next_position and rank < records.RANKS and length >= 48:
                segment.add(numbers[0], rank, numbers[1], numbers[2], offset, length)
                found.next_position = numbers[0] + 1
                found.head = (numbers[0], numbers[1], numbers[2], buf[body + 16 : body + 32])
            continue
        if kind == DAMAGE:
            if newest and not _was_durable(store, name, number, offset, segment.size, chunk):
                cut = offset
                break
            if name not in found.report.damaged:
                found.report.damaged.append(name)
            continue
        data = buf[body : body + length - 16]
        if kind == records.SEGMENT:
            if not _open_segment(data, segment, found):
                raise OSError(5, "%s has a format of another version" % name)
            if not listed:
                found.segments.append(segment)
                listed = True
        else:
            if kind == records.SETTLED and not listed:
                found.segments.append(segment)
                listed = True
            _apply(kind, data, segment, found)
        found.marks.append((offset, found.head))
    if not listed:
        found.segments.append(segment)
    if newest:
        found.sound = True
        _cut(store, name, segment, cut, found)


def _open_segment(data: bytes, segment: "Segment", found: "Recovered") -> bool:
    header = records.parse_header(data)
    if header is None:
        return False
    _number, first, head, batch, declared, notes = header
    for older in found.segments:
        older.cut_from(first)
    segment.first = first
    found.head = head
    found.next_position = first
    found.batch = max(found.batch, batch, declared)
    found.declared = max(found.declared, declared)
    found.notes.update(notes)
    return True


def _apply(kind: int, data: bytes, segment: "Segment", found: "Recovered") -> None:
    if kind == records.SETTLED:
        settled = records.parse_settled(data)
        if settled is not None:
            newly, low, high, older = settle(found.segments, settled[0], settled[1], settled[2], segment)
            if newly and older:
                segment.note_settled(settled[0], low, high)
    elif kind == records.NOTE:
        note = records.parse_note(data)
        if note is not None:
            found.notes[note[0]] = note[1]
    elif kind == records.HEAD:
        _advance(records.parse_head(data), found)
    elif kind == records.GAP:
        parsed = records.parse_gap(data)
        if parsed is not None:
            position, gap = parsed
            segment.gaps.append(gap)
            found.batch = max(found.batch, gap[0])
            _advance((position, gap[1], gap[3], gap[4]), found)
    elif kind == records.DECLARED:
        declared = records.parse_declared(data)
        if declared is not None:
            found.declared = max(found.declared, declared)
            found.batch = max(found.batch, declared)


def _advance(head: "Head | None", found: "Recovered") -> None:
    if head is not None and head[0] >= found.next_position:
        found.head = head
        found.next_position = head[0] + 1


def _cut(store: "Store", name: str, segment: "Segment", cut: int, found: "Recovered") -> None:
    """Take a torn tail away and make what is left durable, so that it may be appended to."""
    try:
        if cut < segment.size:
            found.report.bytes_cut += segment.size - cut
            store.truncate(name, cut)
            segment.size = cut
        store.sync(name)
        store.sync_dir()  # whoever made this segment may have died before its name was durable
        segment.kept = segment.size
    except OSError as error:
        found.trouble = error
        found.sound = False
        found.doubtful = segment


def settle(
    segments: "list[Segment]", boot: int, first: int, last: int, here: "Segment | None"
) -> "tuple[int, int, int, bool]":
    """Settle a range of a boot in all segments.

    Returns:
        (newly settled, lowest and highest of their numbers, whether one of them is in another segment than `here`).
    """
    total = lowest = highest = found = 0
    older = False
    for segment in segments:
        count, newly, low, high = segment.settle(boot, first, last)
        if newly:
            if not total:
                lowest = low
            total += newly
            highest = high
            if segment is not here:
                older = True
        found += count
        if found > last - first:
            break
    return total, lowest, highest, older
