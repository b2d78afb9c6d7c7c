"""Presence: a device says that it is connected; the will, signed beforehand, says that it no longer is."""

from agent.wire import cbor, fields
from agent.wire.event import CLOCK_SYNCHRONISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.wire.fields import Loads

CONTEXT = b"dabyl/v1/presence"
_NAMES = ("at", "up", "boot", "kind", "clock", "device", "online", "session", "software", "keepalive")


class Presence:
    """One presence. (boot, session) rises with every connection, so that an old will cannot be replayed.

    ``keepalive`` in seconds: the center expects a sign of life within 1.5 times that. It is the MQTT keepalive, or how long a badge sleeps.
    """

    def __init__(
        self,
        device: str,
        kind: str,
        boot: int,
        session: int,
        online: bool,
        at: int,
        clock: int,
        up: int,
        keepalive: int,
        software: str,
    ) -> None:
        self.device = device
        self.kind = kind
        self.boot = boot
        self.session = session
        self.online = online
        self.at = at
        self.clock = clock
        self.up = up
        self.keepalive = keepalive
        self.software = software

    def encode(self) -> bytes:
        """The payload: deterministic CBOR."""
        return cbor.dumps(
            {
                "device": self.device,
                "kind": self.kind,
                "boot": self.boot,
                "session": self.session,
                "online": self.online,
                "at": self.at,
                "clock": self.clock,
                "up": self.up,
                "keepalive": self.keepalive,
                "software": self.software,
            }
        )


def decode(payload: bytes, loads: "Loads" = cbor.loads) -> Presence:
    """The presence in ``payload``.

    Raises:
        MalformedError: the payload is not a presence of the contract.
    """
    f = fields.open_map(payload, _NAMES, "presence", loads)
    return Presence(
        fields.identity(f["device"], "device"),
        fields.word(f["kind"], "kind", 32),
        fields.uint(f["boot"], "boot", 1, fields.UINT32),
        fields.uint(f["session"], "session", 1, fields.UINT32),
        fields.flag(f["online"], "online"),
        fields.uint(f["at"], "at"),
        fields.uint(f["clock"], "clock", 0, CLOCK_SYNCHRONISED),
        fields.uint(f["up"], "up"),
        fields.uint(f["keepalive"], "keepalive", 1, 65535),
        fields.text(f["software"], "software", 64),
    )
