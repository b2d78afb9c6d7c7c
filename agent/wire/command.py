"""The command: the center asks a device to do something. Every command ends in a signed event that says how it went."""

from agent.wire import cbor, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.wire.fields import Loads

CONTEXT = b"dabyl/v1/command"
MAX_LIFETIME_S = 604800
"""A command expires after a week at the latest."""
_NAMES = ("n", "at", "args", "name", "center", "device", "expires")


class Command:
    """One command. ``n`` rises per device; ``at`` is when it was issued (ms since 1970 UTC), ``expires`` seconds after that."""

    def __init__(
        self, device: str, center: str, n: int, at: int, expires: int, name: str, args: "dict[str, object]"
    ) -> None:
        self.device = device
        self.center = center
        self.n = n
        self.at = at
        self.expires = expires
        self.name = name
        self.args = args

    def encode(self) -> bytes:
        """The payload: deterministic CBOR."""
        return cbor.dumps(
            {
                "device": self.device,
                "center": self.center,
                "n": self.n,
                "at": self.at,
                "expires": self.expires,
                "name": self.name,
                "args": self.args,
            }
        )


def decode(payload: bytes, loads: "Loads" = cbor.loads) -> Command:
    """The command in ``payload``.

    Raises:
        MalformedError: the payload is not a command of the contract.
    """
    f = fields.open_map(payload, _NAMES, "command", loads)
    return Command(
        fields.identity(f["device"], "device"),
        fields.identity(f["center"], "center"),
        fields.uint(f["n"], "n", 1),
        fields.uint(f["at"], "at"),
        fields.uint(f["expires"], "expires", 1, MAX_LIFETIME_S),
        fields.word(f["name"], "name"),
        fields.free_map(f["args"], "args"),
    )


def refusal(command: Command, last_n: int, now_ms: "int | None") -> "str | None":
    """Why a genuine ``command`` must not be carried out, in one word, or None if it may be.

    Args:
        command: verified, and addressed to this device.
        last_n: the highest ``n`` that this device has taken, 0 if none.
        now_ms: time as known (ms since 1970 UTC), from the clock or from the last receipt; None if the device knows no time at all.
    """
    if command.n <= last_n:
        return "replayed"
    if now_ms is None:
        return "time-unknown"
    if now_ms > command.at + command.expires * 1000:
        return "expired"
    return None
