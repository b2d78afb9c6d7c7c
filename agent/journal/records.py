"""Framing of the journal's records: bytes in, values out, and back (docs/journal.md is the page of the format).

A record that decodes is whole: its CRC-32 covers everything but itself and is seeded with the number of its segment, so
that a record left over from another segment never passes. This module never reads a file and keeps no state.
MicroPython subset.
"""

from binascii import crc32
from struct import pack, unpack_from

from agent.journal.errors import InvalidRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    Head = tuple[int, int, int, bytes]  # position, boot, seq, hash16
    Gap = tuple[int, int, int, int, bytes]  # batch, boot, first, last, hash16 of the last

VERSION = 1
MARKER = 0xDA4A
FRAME = ">IHBBII"  # crc, marker, kind, rank, length of the body, bytes of this segment that were durable when written
FRAME_BYTES = 16
EVENT_FRAME = ">HBBIIQII16s"  # an event's frame after the CRC, and its fixed fields, in one go
EVENT_FIXED = 32  # position u64, boot u32, seq u32, hash 16
SCAN_FRAME = ">IHBBIIQII"  # frame and the three numbers of an event

SEGMENT = 1
EVENT = 2
HEAD = 3
SETTLED = 4
NOTE = 5
GAP = 6
DECLARED = 7

RANKS = 4
MAX_ENVELOPE = 65536
MAX_BODY = MAX_ENVELOPE + EVENT_FIXED
MAX_NOTES = 64
MAX_KEY = 32
MAX_U32 = 0xFFFFFFFF
MAX_U64 = 0xFFFFFFFFFFFFFFFF

_HEADER = ">HIQQII16sIIB"
_HEADER_BYTES = 55


def record(number: int, kind: int, rank: int, kept: int, body: bytes) -> bytes:
    """One framed record for segment `number`, of which `kept` bytes are durable."""
    rest = pack(">HBBII", MARKER, kind, rank, len(body), kept) + body
    return pack(">I", crc32(rest, number)) + rest


def event_record(
    number: int, rank: int, kept: int, position: int, boot: int, seq: int, hash16: bytes, envelope: bytes
) -> bytes:
    """A framed event; the caller has checked its fields with `check_event`."""
    rest = (
        pack(EVENT_FRAME, MARKER, EVENT, rank, EVENT_FIXED + len(envelope), kept, position, boot, seq, hash16)
        + envelope
    )
    return pack(">I", crc32(rest, number)) + rest


def check_event(rank: int, boot: int, seq: int, hash16: bytes, envelope: bytes) -> None:
    """Raise `InvalidRecord` for fields that no event record can hold."""
    if len(envelope) > MAX_ENVELOPE:
        raise InvalidRecord(
            "envelope of %d bytes: at most %d fit; send less in one event" % (len(envelope), MAX_ENVELOPE)
        )
    if not 0 <= rank < RANKS:
        raise InvalidRecord("rank %r: use 0 (alarm), 1 (kept state), 2 (state) or 3 (telemetry)" % (rank,))
    if not (0 <= boot <= MAX_U32 and 0 <= seq <= MAX_U32):
        raise InvalidRecord("event %r/%r: boot and seq are unsigned 32-bit numbers" % (boot, seq))
    if len(hash16) != 16:
        raise InvalidRecord("chain hash of %d bytes: it has 16" % len(hash16))


def parse_event(data: bytes, number: int) -> "tuple[int, int, int, int, bytes, bytes] | None":
    """(position, rank, boot, seq, hash16, envelope) of an event record that fills `data`, or None if it is damaged."""
    if len(data) < FRAME_BYTES + EVENT_FIXED:
        return None
    crc, marker, kind, rank, length, _kept = unpack_from(FRAME, data, 0)
    if marker != MARKER or kind != EVENT or length != len(data) - FRAME_BYTES:
        return None
    if crc32(memoryview(data)[4:], number) != crc:
        return None
    position, boot, seq, hash16 = unpack_from(">QII16s", data, FRAME_BYTES)
    return position, rank, boot, seq, hash16, bytes(data[FRAME_BYTES + EVENT_FIXED :])


def header_body(
    number: int, first: int, head: "Head | None", batch: int, declared: int, notes: "dict[str, int]"
) -> bytes:
    """Body of the record that opens a segment: everything from older segments that must outlive them.

    Args:
        number: the segment's number.
        first: events in older segments at or above this position do not count; they are written again here.
        head: last event kept before `first`, or None if there was none.
        batch: number of the latest batch of evictions.
        declared: latest batch whose gaps have been declared.
        notes: all notes.
    """
    position, boot, seq, hash16 = head or (0, 0, 0, bytes(16))
    parts = [pack(_HEADER, VERSION, number, first, position, boot, seq, hash16, batch, declared, len(notes))]
    for key in sorted(notes):
        parts.append(note_body(key, notes[key]))
    return b"".join(parts)


def parse_header(body: bytes) -> "tuple[int, int, Head | None, int, int, dict[str, int]] | None":
    """(number, first, head, batch, declared, notes), or None for a version that this code does not know."""
    if len(body) < _HEADER_BYTES:
        return None
    version, number, first, position, boot, seq, hash16, batch, declared, count = unpack_from(_HEADER, body, 0)
    if version != VERSION:
        return None
    notes: "dict[str, int]" = {}
    offset = _HEADER_BYTES
    for _ in range(count):
        note = parse_note(body[offset:])
        if note is None:
            return None
        notes[note[0]] = note[1]
        offset += 9 + body[offset]
    return number, first, (position, boot, seq, hash16) if position else None, batch, declared, notes


def check_note(key: str, value: int, notes: "dict[str, int]") -> None:
    """Raise `InvalidRecord` for a note that the format cannot hold beside `notes`."""
    if not 0 < len(key.encode()) <= MAX_KEY:
        raise InvalidRecord("note %r: a key has 1 to %d bytes" % (key, MAX_KEY))
    if not 0 <= value <= MAX_U64:
        raise InvalidRecord("note %s = %r: values are unsigned 64-bit numbers" % (key, value))
    if key not in notes and len(notes) >= MAX_NOTES:
        raise InvalidRecord("note %s: the journal holds at most %d notes" % (key, MAX_NOTES))


def note_body(key: str, value: int) -> bytes:
    """A note: length of the key, key in UTF-8, value u64."""
    name = key.encode()
    return pack(">B", len(name)) + name + pack(">Q", value)


def parse_note(body: bytes) -> "tuple[str, int] | None":
    """(key, value) at the start of `body`, or None if it holds no note."""
    if not body or len(body) < 9 + body[0]:
        return None
    try:
        key = bytes(body[1 : 1 + body[0]]).decode()
    except UnicodeError:
        return None
    return key, unpack_from(">Q", body, 1 + body[0])[0]


def settled_body(boot: int, first: int, last: int) -> bytes:
    """Events first..last of a boot are settled, as far as they stand before this record."""
    return pack(">III", boot, first, last)


def parse_settled(body: bytes) -> "tuple[int, int, int] | None":
    """(boot, first, last), or None if the body has another length."""
    if len(body) != 12:
        return None
    boot, first, last = unpack_from(">III", body, 0)
    return boot, first, last


def head_body(position: int, boot: int, seq: int, hash16: bytes) -> bytes:
    """An event that was settled before it could be written: only its place in the chain is kept."""
    return pack(">QII16s", position, boot, seq, hash16)


def parse_head(body: bytes) -> "Head | None":
    """(position, boot, seq, hash16), or None if the body has another length."""
    if len(body) != 32:
        return None
    position, boot, seq, hash16 = unpack_from(">QII16s", body, 0)
    return position, boot, seq, hash16


def gap_body(position: int, gap: "Gap") -> bytes:
    """Events that were evicted; `position` is that of the last one."""
    batch, boot, first, last, hash16 = gap
    return pack(">QIIII16s", position, batch, boot, first, last, hash16)


def parse_gap(body: bytes) -> "tuple[int, Gap] | None":
    """(position, gap), or None if the body has another length."""
    if len(body) != 40:
        return None
    position, batch, boot, first, last, hash16 = unpack_from(">QIIII16s", body, 0)
    return position, (batch, boot, first, last, hash16)


def declared_body(batch: int) -> bytes:
    """All gaps up to this batch stand in a kept journal.gap event."""
    return pack(">I", batch)


def parse_declared(body: bytes) -> "int | None":
    """The batch, or None if the body has another length."""
    return int(unpack_from(">I", body, 0)[0]) if len(body) == 4 else None


def segment_name(number: int) -> str:
    """File name of a segment."""
    return "%08d.seg" % number


def segment_number(name: str) -> int:
    """Number of a segment's file, or 0 for any other name."""
    if len(name) == 12 and name.endswith(".seg") and name[:8].isdigit():
        return int(name[:8])
    return 0
