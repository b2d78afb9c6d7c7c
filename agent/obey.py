"""What the center says, carried out: receipts settle events and move alarms on, commands are done or refused, all else is reported.

A command is carried out only once its number is durable, so that no power cut lets it be replayed; a disk in trouble does not hold it up.
"""

from agent.inbound import Inbound, Refused
from agent.keys.errors import KeysError
from agent.limit import Limit
from agent.wire import topics
from agent.wire.errors import WireError
from agent.wire.receipt import RECEIVED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.clock import Clock
    from agent.journal.log import Journal
    from agent.link.outbox import Outbox
    from agent.outgoing import Outgoing
    from agent.parts import Centers, Keeper, Log
    from agent.wire.command import Command

    OnReceipt = Callable[[int, int, int], None]
    OnCommand = Callable[[str, dict[str, object]], "dict[str, object] | None"]

MINUTE_MS = 60_000
TOLD_A_MINUTE = 10
"""Refused commands told to the center, at most; refused messages, which anybody can send, are told once a minute, with their count."""


class Obedience:
    """Takes verified words of the center and acts on them.

    * ``on_receipt(boot, seq, state)``: an alarm has come this far.
    * ``on_command(name, args)``: carry out a command of the device's kind; its result, or None if it is unknown.
    """

    def __init__(
        self,
        device: str,
        centers: "Centers",
        journal: "Journal",
        keeper: "Keeper",
        outbox: "Outbox",
        outgoing: "Outgoing",
        clock: "Clock",
        log: "Log",
        on_receipt: "OnReceipt",
        on_command: "OnCommand",
    ) -> None:
        self._centers = centers
        self._journal = journal
        self._keeper = keeper
        self._outbox = outbox
        self._outgoing = outgoing
        self._clock = clock
        self._log = log
        self._on_receipt = on_receipt
        self._on_command = on_command
        self._inbound = Inbound(device, centers)
        self._commands_told = Limit(TOLD_A_MINUTE, MINUTE_MS)
        self._messages_told = Limit(1, MINUTE_MS)
        self._accepted: list[tuple[int, Command]] = []
        self.refused = 0
        """Messages that were not believed, since the start."""

    def message(self, leaf: str, message: bytes) -> None:
        """A message arrived on the device's ``receipt`` or ``command`` topic."""
        try:
            if leaf == topics.RECEIPT:
                self._receipt(message)
            else:
                self._command(message)
        except WireError as error:
            self._refuse(leaf, error)

    def started(self) -> None:
        """Answer for a command that the last boot accepted and did not finish: it is not done again."""
        notes = self._journal.notes
        taken = notes.get("command", 0)
        if taken > notes.get("command_done", 0):
            self._outgoing.emit("command.failed", {"n": taken, "reason": "the device restarted before it was done"})
            self._done(taken)

    def kept(self, position: int) -> None:
        """The journal has made everything up to ``position`` durable: the numbers of commands accepted before it, too."""
        while self._accepted and self._accepted[0][0] <= position:
            self._carry_out(self._accepted.pop(0)[1])

    def disk_trouble(self) -> None:
        """The journal cannot make anything durable now: do not wait for it."""
        self.kept(self._outgoing.head)

    def _receipt(self, message: bytes) -> None:
        read, newer = self._inbound.receipt(message)
        journal, tracing = self._journal, self._log.tracing
        if newer:
            self._clock.told(read.at)
            if read.boots > journal.notes.get("boot_floor", -1):
                journal.note("boot_floor", read.boots)
                self._keeper.wake()
        states = {(boot, seq): state for boot, seq, state in read.alarms}
        for boot, first, last in read.settled:
            if not journal.settle(boot, first, last):
                continue
            self._outbox.others.settled()
            for alarm_boot, seq, type_ in self._outgoing.settled(boot, first, last):
                self._outbox.alarms.settled()
                if type_ == "alarm.raised":
                    states.setdefault((alarm_boot, seq), RECEIVED)
                elif tracing:  # an escalation names no alarm of its own: settled, and nothing for the logic
                    self._log.stage("receipt", boot=alarm_boot, seq=seq, state=RECEIVED)
        for (boot, seq), state in states.items():
            if tracing:
                self._log.stage("receipt", boot=boot, seq=seq, state=state)
            self._on_receipt(boot, seq, state)

    def _command(self, message: bytes) -> None:
        try:
            asked = self._inbound.command(message, self._journal.notes.get("command", 0), self._clock.known())
        except Refused as refused:
            if self._commands_told.allows(self._clock.up()):
                told: dict[str, object] = {
                    "n": refused.command.n,
                    "name": refused.command.name,
                    "reason": refused.reason,
                }
                self._outgoing.emit("command.refused", told)
            return
        if asked is None:
            return
        self._log.info("command", name=asked.name, n=asked.n)
        self._journal.note("command", asked.n)
        # The journal keeps things in order: once this event is durable, so is the note before it.
        self._outgoing.emit("command.accepted", {"n": asked.n, "name": asked.name})
        self._accepted.append((self._outgoing.head, asked))
        if self._journal.trouble is not None:
            self.disk_trouble()

    def _done(self, n: int) -> None:
        self._journal.note("command_done", n)
        self._keeper.wake()

    def _carry_out(self, asked: "Command") -> None:
        self._end(asked)
        self._done(asked.n)

    def _end(self, asked: "Command") -> None:
        try:
            result = (
                self._replace_centers(asked)
                if asked.name == "center-keys"
                else self._on_command(asked.name, asked.args)
            )
        except (KeysError, OSError) as error:
            self._outgoing.emit("command.failed", {"n": asked.n, "name": asked.name, "reason": str(error)[:200]})
            return
        if result is None:
            self._outgoing.emit("command.failed", {"n": asked.n, "name": asked.name, "reason": "unknown"})
        else:
            self._outgoing.emit("command.completed", {"n": asked.n, "name": asked.name, "result": result})

    def _replace_centers(self, asked: "Command") -> "dict[str, object]":
        keys = asked.args.get("keys")
        self._centers.replace(keys if isinstance(keys, list) else [])
        return {}

    def _refuse(self, leaf: str, error: WireError) -> None:
        self.refused += 1
        if self._messages_told.allows(self._clock.up()):
            self._log.warning("a message was refused", kind=leaf, reason=error.reason, refused=self.refused)
            self._outgoing.emit("message.refused", {"class": leaf, "reason": error.reason, "count": self.refused})
