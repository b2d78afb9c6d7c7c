"""The event: what a device says happened."""

from agent.wire import cbor, fields
from agent.wire.chain import LINK_LENGTH
from agent.wire.errors import OversizedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.wire.fields import Loads

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

_NAMES = ("at", "up", "seq", "boot", "data", "kind", "prev", "type", "clock", "device")


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
        """The payload: deterministic CBOR, the keys already in their order.

        Raises:
            MalformedError: a value that the contract does not have.
            OversizedError: more than ``MAX_PAYLOAD`` bytes.
        """
        head = cbor.head
        device = self.device.encode()
        kind = self.kind.encode()
        type_ = self.type.encode()
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
                cbor.dumps(self.data),
                b"\x64kind",
                head(3, len(kind)),
                kind,
                b"\x64prev\x50",
                self.prev,
                b"\x64type",
                head(3, len(type_)),
                type_,
                b"\x65clock",
                head(0, self.clock),
                b"\x66device",
                head(3, len(device)),
                device,
            )
        )
        if len(out) > MAX_PAYLOAD:
            raise OversizedError("event of %d bytes, at most %d are allowed" % (len(out), MAX_PAYLOAD))
        return out


def decode(payload: bytes, loads: "Loads" = cbor.loads) -> Event:
    """The event in ``payload``. ``loads`` is a strict deterministic CBOR decoder (the center passes a faster one of equal strictness).

    Raises:
        MalformedError, OversizedError: the payload is not an event of the contract.
    """
    if len(payload) > MAX_PAYLOAD:
        raise OversizedError("event of %d bytes, at most %d are allowed" % (len(payload), MAX_PAYLOAD))
    f = fields.open_map(payload, _NAMES, "event", loads)
    return Event(
        fields.identity(f["device"], "device"),
        fields.word(f["kind"], "kind", 32),
        fields.word(f["type"], "type"),
        fields.uint(f["boot"], "boot", 1, fields.UINT32),
        fields.uint(f["seq"], "seq", 1, fields.UINT32),
        fields.uint(f["at"], "at"),
        fields.uint(f["clock"], "clock", 0, CLOCK_SYNCHRONISED),
        fields.uint(f["up"], "up"),
        fields.octets(f["prev"], "prev", LINK_LENGTH),
        fields.free_map(f["data"], "data"),
    )


def rank_of(type: str) -> int:  # noqa: A002  the contract's name
    """The class of an event type: ``ALARM`` for ``alarm.*``, ``TELEMETRY`` for ``health.*`` and ``count.*``, else ``STATE``.

    A property of the type, so that no device and no attacker can choose an event's class.
    """
    family = type.split(".", maxsplit=1)[0]
    if family == "alarm":
        return ALARM
    if family in {"health", "count"}:
        return TELEMETRY
    return STATE
