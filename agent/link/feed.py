"""What a connection is fed from the outbox, and what is to be thought of a connection that does not digest it.

It decides and has no I/O of its own: ``connection`` is anything with ``has_room``, ``takes``, ``publish`` and ``flush``, and time comes
from ``clock``. What a broker acknowledges settles nothing.
"""

from agent.wire import event, topics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agent.clock import Clock
    from agent.link.outbox import Outbox
    from agent.seal import Sealed

STALLED_MS = 20_000
"""A message that the broker did not acknowledge for so long means that the connection is dead, whatever TCP says."""
SUSPECT_BYTES = 4096
SUSPICIONS = 3
"""A large message that was under way when the connection broke, this often in a row, is taken for the reason."""


class Feed:
    """Feeds one connection after the other from one outbox.

    Args:
        device: the device's identity.
        outbox: what is owed.
        clock: the time.
        log: told of what a broker refuses.
        on_quarantine: called with (boot, seq, size) of an event that is not sent any more, for brokers refuse it for its size.
    """

    def __init__(
        self,
        device: str,
        outbox: "Outbox",
        clock: "Clock",
        log: "Any",
        on_quarantine: "Callable[[int, int, int], None]",
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._log = log
        self._on_quarantine = on_quarantine
        self._alarms = topics.topic(device, topics.ALARM)
        self._others = topics.topic(device, topics.EVENT)
        self._connection: Any = None
        self._sent: dict[int, tuple[int, int, int, int]] = {}
        self._suspicions: dict[int, int] = {}
        self._heard_ms = 0

    def begin(self, connection: "Any") -> None:
        """``connection`` is open. Nothing is sent before the first ``pump``."""
        self._connection = connection
        self.heard()
        self._outbox.connected(self._heard_ms, connection.receive_max - 1)  # one is left for presence

    def end(self) -> None:
        """The connection is over."""
        self._connection = None
        self._outbox.lost()
        self._suspect()

    def express(self, sealed: "Sealed") -> "int | None":
        """Send a new event from memory; its packet identifier, or None if it has to queue.

        An alarm goes to the network at once, ahead of its being kept. Other events go with the next ``pump``.
        """
        connection = self._connection
        alarm = sealed.rank == event.ALARM
        if connection is None or not self._outbox.free(alarm):
            return None
        if not connection.has_room or not connection.takes(len(sealed.envelope)):
            return None
        mid: int = connection.publish(self._alarms if alarm else self._others, sealed.envelope)
        if alarm:
            connection.flush()
        return mid

    def adopt(self, mid: int, position: int, sealed: "Sealed") -> None:
        """The event sent by ``express`` has this position in the journal."""
        self._outbox.sent_directly(sealed.rank == event.ALARM, position)
        self._began(mid, position, sealed.boot, sealed.seq, len(sealed.envelope))

    def queue(self, position: int, sealed: "Sealed") -> None:
        """The event, which ``express`` did not send, is in the journal at this position."""
        self._outbox.appended(sealed.rank == event.ALARM, position)

    def pump(self) -> None:
        """Send what the outbox has to send now."""
        while self._connection is not None and self._connection.has_room:
            entry = self._outbox.next(self._clock.up())
            if entry is None:
                break
            position, rank, boot, seq, envelope = entry
            size = len(envelope)
            if not self._connection.takes(size):
                self._quarantine(position, boot, seq, size)
                continue
            mid = self._connection.publish(self._alarms if rank == event.ALARM else self._others, envelope)
            self._began(mid, position, boot, seq, size)
            if self._log.tracing:
                self._log.stage("published", boot=boot, seq=seq)
        if self._connection is not None:
            self._connection.flush()

    def heard(self) -> None:
        """The broker gave a sign of life."""
        self._heard_ms = self._clock.up()

    def acknowledged(self, acknowledged: "list[tuple[int, int]]") -> None:
        """The broker has taken these: (packet identifier, code)."""
        self.heard()
        for mid, code in acknowledged:
            sent = self._sent.pop(mid, None)
            if sent is None:
                continue
            self._outbox.acknowledged(sent[0])
            self._suspicions.pop(sent[0], None)
            if code >= 0x80:
                self._log.warning("the broker refused a message", code=hex(code))

    @property
    def stalled_ms(self) -> int:
        """How much longer than it may the broker has acknowledged nothing of what is under way; below 0 while all is well."""
        return self._clock.up() - self._heard_ms - STALLED_MS if self._outbox.under_way else -STALLED_MS

    def _began(self, mid: int, position: int, boot: int, seq: int, size: int) -> None:
        if not self._outbox.under_way:
            self.heard()
        self._outbox.begin(position)
        self._sent[mid] = (position, boot, seq, size)

    def _suspect(self) -> None:
        """Blame the largest message that was under way; quarantine it when the connection broke on it again and again."""
        worst = None
        for sent in self._sent.values():
            if sent[3] >= SUSPECT_BYTES and (worst is None or sent[3] > worst[3]):
                worst = sent
        self._sent = {}
        if worst is None:
            return
        count = self._suspicions.pop(worst[0], 0) + 1
        if count < SUSPICIONS:
            self._suspicions[worst[0]] = count
        else:
            self._quarantine(worst[0], worst[1], worst[2], worst[3])

    def _quarantine(self, position: int, boot: int, seq: int, size: int) -> None:
        self._outbox.quarantine(position)
        self._on_quarantine(boot, seq, size)
