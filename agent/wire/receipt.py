"""The receipt: the center says what it has durably stored, and how far an alarm has come. Only a receipt settles an event."""

from agent.wire import cbor, fields
from agent.wire.chain import VOLATILE
from agent.wire.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.wire.fields import Loads

CONTEXT = b"dabyl/v1/receipt"
MAX_ENTRIES = 1000
"""Ranges, and alarms, in one receipt at most."""

RECEIVED = 1
ACKNOWLEDGED = 2
DISPATCHED = 3
CLOSED = 4
STATES = ("received", "acknowledged", "dispatched", "closed")
"""An alarm's states in their order; state ``n`` is ``STATES[n - 1]``."""

_NAMES = ("n", "at", "boots", "alarms", "center", "device", "settled")


class Receipt:
    """One receipt.

    ``n`` is the center's own counter, rising with each receipt or command it signs; ``at`` its time (ms since 1970 UTC); ``boots`` the
    highest regular boot of this device that it knows, 0 if none. ``settled`` are (boot, first, last) ranges now durably stored,
    ``alarms`` are (boot, seq, state) of alarms. An alarm's state only ever rises, so receipts may arrive twice and in any order.
    """

    def __init__(
        self,
        device: str,
        center: str,
        n: int,
        at: int,
        boots: int,
        settled: "list[tuple[int, int, int]]",
        alarms: "list[tuple[int, int, int]]",
    ) -> None:
        self.device = device
        self.center = center
        self.n = n
        self.at = at
        self.boots = boots
        self.settled = settled
        self.alarms = alarms

    def encode(self) -> bytes:
        """The payload: deterministic CBOR."""
        return cbor.dumps(
            {
                "device": self.device,
                "center": self.center,
                "n": self.n,
                "at": self.at,
                "boots": self.boots,
                "settled": self.settled,
                "alarms": self.alarms,
            }
        )


def decode(payload: bytes, loads: "Loads" = cbor.loads) -> Receipt:
    """The receipt in ``payload``.

    Raises:
        MalformedError: the payload is not a receipt of the contract.
    """
    f = fields.open_map(payload, _NAMES, "receipt", loads)
    settled = fields.triples(f["settled"], "settled", MAX_ENTRIES, (fields.UINT32, fields.UINT32, fields.UINT32))
    for entry in settled:
        if entry[1] > entry[2]:
            raise MalformedError("'settled' holds a range that ends before it begins")
    return Receipt(
        fields.identity(f["device"], "device"),
        fields.identity(f["center"], "center"),
        fields.uint(f["n"], "n", 1),
        fields.uint(f["at"], "at"),
        fields.uint(f["boots"], "boots", 0, VOLATILE - 1),
        settled,
        fields.triples(f["alarms"], "alarms", MAX_ENTRIES, (fields.UINT32, fields.UINT32, CLOSED)),
    )
