"""What comes from the center: receipts and commands, verified before anything is believed.

Pure but for the journal's notes: bytes and time in, a verified value or a refusal out. Replays of receipts are harmless (an alarm's
state only rises, a settled event stays settled), but only the newest tells the time; replays of commands are refused by their number.
"""

from agent.wire import command, cose, receipt
from agent.wire.errors import MisaddressedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.parts import Centers
    from agent.wire.command import Command
    from agent.wire.receipt import Receipt


class Refused(Exception):  # noqa: N818  an outcome of a command, not a fault
    """A genuine command that must not be carried out. ``reason`` is one word."""

    def __init__(self, asked: "Command", reason: str) -> None:
        super().__init__(reason)
        self.command = asked
        self.reason = reason


class Inbound:
    """Verifies what arrives for one device."""

    def __init__(self, device: str, centers: "Centers") -> None:
        self._device = device
        self._centers = centers
        self._newest: dict[str, int] = {}
        self._last_command: bytes | None = None

    def receipt(self, message: bytes) -> "tuple[Receipt, bool]":
        """The verified receipt, and whether it is newer than any other of its center in this boot.

        Raises:
            WireError: not to be believed.
        """
        parts = cose.verify(message, receipt.CONTEXT, self._centers.find)
        read = receipt.decode(parts.payload)
        self._addressed(read.device)
        newer = read.n > self._newest.get(read.center, 0)
        if newer:
            self._newest[read.center] = read.n
        return read, newer

    def command(self, message: bytes, last_n: int, now_ms: int | None) -> "Command | None":
        """The verified command, to be carried out; None if it is the last one, delivered twice.

        Args:
            message: as it arrived.
            last_n: the number of the last command taken, as kept in the journal's notes.
            now_ms: the time, if known (ms since 1970 UTC).

        Raises:
            WireError: not to be believed.
            Refused: genuine, but replayed, expired, or not to be judged without a clock.
        """
        parts = cose.verify(message, command.CONTEXT, self._centers.find)
        if parts.payload == self._last_command:
            return None
        asked = command.decode(parts.payload)
        self._addressed(asked.device)
        reason = command.refusal(asked, last_n, now_ms)
        if reason is not None:
            raise Refused(asked, reason)
        self._last_command = parts.payload
        return asked

    def _addressed(self, device: str) -> None:
        if device != self._device:
            raise MisaddressedError("addressed to %s" % device)
