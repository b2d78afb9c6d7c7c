"""The event: what a device says happened."""

from agent.wire import cbor, fields
from agent.wire.chain import LINK_LENGTH
from agent.wire.errors import MalformedError, OversizedError

CONTEXT = b"dabyl/v1/event"
"""``external_aad`` of the signature."""
MAX_PAYLOAD = 49152
"""Bytes of an event's payload at most: with its envelope it stays below the message bound."""

ALARM = 0
STATE = 1
TELEMETRY = 2

CLOCK_UNSET = 0
CLOCK_HOLDOVER = 1
CLOCK_SYNCHRONISED = 2

_DATA_DEPTH = cbor.MAX_DEPTH - 1
"""How deep ``data`` may nest: the payload's own map is the outermost level."""


class Event:
    """One event (see ``docs/wire/contract.md``).

    ``at`` is milliseconds since 1970 UTC as the device knows it, ``clock`` how good that is (``CLOCK_*``), ``up`` milliseconds since
    this boot, ``prev`` the chain's link to the event before.
    """

    def __init__(
        self,
        device: str,
        kind: str,
        type: str,  # noqa: A002  the contract's name
        boot: int,
        seq: int,
        at: int,
        clock: int,
        up: int,
        prev: bytes,
        data: "dict[str, object]",
    ) -> None:
        self.device = device
        self.kind = kind
        self.type = type
        self.boot = boot
        self.seq = seq
        self.at = at
        self.clock = clock
        self.up = up
        self.prev = prev
        self.data = data

    def encode(self) -> bytes:
        """The payload: deterministic CBOR, the keys already in their order. What this makes, ``decode`` reads.

        Raises:
            MalformedError: a value that the contract does not have, so that no verifier would take the event.
            OversizedError: more than ``MAX_PAYLOAD`` bytes.
        """
        self.check()
        head = cbor.head
        text = cbor.text_string
        data = bytearray()
        cbor.encode_into(self.data, data, _DATA_DEPTH)
        out = b"".join(
            (
                b"\xaa\x62at",
                head(0, self.at),
                b"\x62up",
                head(0, self.up),
                b"\x63seq",
                head(0, self.seq),
                b"\x64boot",
                head(0, self.boot),
                b"\x64data",
                data,
                b"\x64kind",
                text(self.kind),
                b"\x64prev\x50",
                self.prev,
                b"\x64type",
                text(self.type),
                b"\x65clock",
                head(0, self.clock),
                b"\x66device",
                text(self.device),
            )
        )
        if len(out) > MAX_PAYLOAD:
            raise OversizedError("event of %d bytes, at most %d are allowed" % (len(out), MAX_PAYLOAD))
        return out

    def check(self) -> None:
        """That every field is what the contract says.

        Raises:
            MalformedError: one is not.
        """
        if not (
            type(self.at) is type(self.up) is type(self.seq) is type(self.boot) is type(self.clock) is int
            and 0 <= self.at <= fields.UINT53
            and 0 <= self.up <= fields.UINT53
            and 0 < self.seq <= fields.UINT32
            and 0 < self.boot <= fields.UINT32
            and 0 <= self.clock <= CLOCK_SYNCHRONISED
        ):
            # One condition is quick; these say which field it was.
            fields.uint(self.at, "at")
            fields.uint(self.up, "up")
            fields.uint(self.seq, "seq", 1, fields.UINT32)
            fields.uint(self.boot, "boot", 1, fields.UINT32)
            fields.uint(self.clock, "clock", 0, CLOCK_SYNCHRONISED)
        fields.free_map(self.data, "data")
        fields.word(self.kind, "kind", 32)
        fields.octets(self.prev, "prev", LINK_LENGTH)
        fields.word(self.type, "type")
        fields.identity(self.device, "device")


def decode(payload: bytes) -> Event:
    """The event in ``payload``.

    The encoding is deterministic, so the ten keys stand in one order only, and reading them one after the other is a third of the work
    of a general map.

    Raises:
        MalformedError, OversizedError: the payload is not an event of the contract.
    """
    if len(payload) > MAX_PAYLOAD:
        raise OversizedError("event of %d bytes, at most %d are allowed" % (len(payload), MAX_PAYLOAD))
    item = cbor.decode_item
    if payload[:4] != b"\xaa\x62at":
        raise MalformedError("event: not a map of the contract's ten fields, 'at' first")
    at, i = item(payload, 4)
    if payload[i : i + 3] != b"\x62up":
        raise _misplaced("up", i)
    up, i = item(payload, i + 3)
    if payload[i : i + 4] != b"\x63seq":
        raise _misplaced("seq", i)
    seq, i = item(payload, i + 4)
    if payload[i : i + 5] != b"\x64boot":
        raise _misplaced("boot", i)
    boot, i = item(payload, i + 5)
    if payload[i : i + 5] != b"\x64data":
        raise _misplaced("data", i)
    data, i = item(payload, i + 5, _DATA_DEPTH)
    if payload[i : i + 5] != b"\x64kind":
        raise _misplaced("kind", i)
    kind, i = item(payload, i + 5)
    if payload[i : i + 5] != b"\x64prev":
        raise _misplaced("prev", i)
    prev, i = item(payload, i + 5)
    if payload[i : i + 5] != b"\x64type":
        raise _misplaced("type", i)
    type_, i = item(payload, i + 5)
    if payload[i : i + 6] != b"\x65clock":
        raise _misplaced("clock", i)
    clock, i = item(payload, i + 6)
    if payload[i : i + 7] != b"\x66device":
        raise _misplaced("device", i)
    device, i = item(payload, i + 7)
    if i != len(payload):
        raise MalformedError("event: %d bytes after the end" % (len(payload) - i))
    event = Event(device, kind, type_, boot, seq, at, clock, up, prev, data)  # type: ignore[arg-type]  # check() is next
    event.check()
    return event


def type_of(payload: bytes) -> str:
    """The type of an event that was whole when it was made: the device's own, read from its journal.

    Raises:
        MalformedError: it is no event any more.
    """
    fields = cbor.loads(payload)
    type_ = fields.get("type") if isinstance(fields, dict) else None
    if type(type_) is not str:
        raise MalformedError("event: no map with a type")
    return type_


def _misplaced(name: str, i: int) -> MalformedError:
    return MalformedError("event: the field '%s' is not at byte %d, its place in the one encoding" % (name, i))


def rank_of(type: str) -> int:  # noqa: A002  the contract's name
    """The class of an event type: ``ALARM`` for ``alarm.*``, ``TELEMETRY`` for ``health.*`` and ``count.*``, else ``STATE``.

    A property of the type, so that no device and no attacker can choose an event's class.
    """
    family = type.split(".", 1)[0]
    if family == "alarm":
        return ALARM
    if family in {"health", "count"}:
        return TELEMETRY
    return STATE
