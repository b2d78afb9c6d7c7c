"""From a fact to a kept and sent event: seal, send, append, declare what had to be evicted.

An alarm that nothing older waits before goes out ahead of its being written. What cannot be signed now (a token that was pulled) waits in
memory, in order, with the time at which it happened, and is signed as soon as that is possible.
"""

import time

from agent.keys.errors import KeysError
from agent.wire import event
from agent.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agent.journal.log import Journal
    from agent.parts import Keeper, Link, Log, Schedule
    from agent.seal import Sealed, Sealer, Stamp

    Waiting = tuple[Stamp, str, dict[str, object], int | None]

KEEP_RANK = {event.ALARM: 0, event.STATE: 2, event.TELEMETRY: 3}
"""The journal's rank of an event class; what must never be evicted besides alarms has rank 1."""
NEVER_EVICTED = ("journal.gap", "device.reset")
MAX_UNSIGNED = 1000
"""Events that wait for a signature, at most; beyond that the oldest that is no alarm is dropped."""
SIGN_AGAIN_MS = 1000
RANGES_PER_GAP = 500


class Outgoing:
    """The way out for one boot's events. ``on_sealed(tag, sealed)`` is called for each event that was emitted with a tag."""

    def __init__(
        self,
        schedule: "Schedule",
        sealer: "Sealer",
        journal: "Journal",
        keeper: "Keeper",
        link: "Link",
        log: "Log",
        on_sealed: "Callable[[int, Sealed], None]",
    ) -> None:
        self._schedule = schedule
        self._sealer = sealer
        self._journal = journal
        self._keeper = keeper
        self._link = link
        self._log = log
        self._on_sealed = on_sealed
        self._unsigned: list[Waiting] = []
        self._declaring: int | None = None
        self.head = journal.kept_position
        """Position of the newest event."""
        self.open_alarms: dict[tuple[int, int], str] = {}
        """Alarm events that no receipt has settled: (boot, seq) to type."""

    def emit(self, type_: str, data: "dict[str, object]", tag: int | None = None) -> None:
        """Number, sign, send and keep an event, now or as soon as the key signs again."""
        waiting = (self._sealer.stamp(), type_, data, tag)
        if self._unsigned or not self._sign(waiting):
            self._wait(waiting)

    @property
    def unsigned(self) -> int:
        """Events that wait in memory for a signature."""
        return len(self._unsigned)

    def kept(self, position: int) -> None:
        """The journal has made everything up to ``position`` durable."""
        if self._log.tracing:
            self._log.stage("kept", position=position)
        if self._declaring is not None and position >= self._declaring:
            self._declaring = None
            self._journal.gaps_declared()
            self._keeper.wake()
            self._declare_gaps()  # what was evicted meanwhile

    def settled(self, boot: int, first: int, last: int) -> "list[tuple[int, int, str]]":
        """A receipt settles this range; the alarm events in it (boot, seq, type) that were open until now."""
        names = [name for name in self.open_alarms if name[0] == boot and first <= name[1] <= last]
        return [(name[0], name[1], self.open_alarms.pop(name)) for name in names]

    def _sign(self, waiting: "Waiting") -> bool:
        """Seal and send; False if the key does not sign now."""
        stamp, type_, data, tag = waiting
        try:
            sealed = self._sealer.seal(type_, data, stamp)
        except WireError as error:
            self._log.error("an event cannot be told in the contract's terms", type=type_, reason=str(error))
            return True
        except KeysError as error:
            self._log.error("the key does not sign; events wait for it", reason=str(error))
            return False
        self._send(sealed)
        if tag is not None:
            self._on_sealed(tag, sealed)
        if type_ != "journal.gap":
            self._declare_gaps()
        return True

    def _send(self, sealed: "Sealed") -> None:
        link, tracing = self._link, self._log.tracing
        alarm = sealed.rank == event.ALARM
        rank = 1 if sealed.type in NEVER_EVICTED else KEEP_RANK[sealed.rank]
        times = [time.monotonic_ns()] if tracing else []
        mid = link.express(sealed) if alarm else None
        if tracing:
            times.append(time.monotonic_ns())
        self.head = position = self._journal.append(rank, sealed.boot, sealed.seq, sealed.link, sealed.envelope)
        if tracing:
            times.append(time.monotonic_ns())
        if not alarm:
            mid = link.express(sealed)
        if tracing:
            self._trace(sealed, position, mid is not None, times)
        self._keeper.wake(urgent=alarm)
        if alarm:
            self.open_alarms[sealed.boot, sealed.seq] = sealed.type
            if not link.up:
                link.hurry()
        if mid is not None:
            link.adopt(mid, position, sealed)
        else:
            link.queue(position, sealed)

    def _trace(self, sealed: "Sealed", position: int, published: bool, times: "list[int]") -> None:
        sealed_ns, sent_ns, written_ns = times
        name: dict[str, Any] = {"boot": sealed.boot, "seq": sealed.seq}
        self._log.stage("sealed", mono_ns=sealed_ns, **name, type=sealed.type)
        if published:
            self._log.stage("published", mono_ns=sent_ns if sealed.rank == event.ALARM else time.monotonic_ns(), **name)
        self._log.stage("written", mono_ns=written_ns, **name, position=position)

    def _wait(self, waiting: "Waiting") -> None:
        unsigned = self._unsigned
        if not unsigned:
            self._schedule.at(self._schedule.now_ms() + SIGN_AGAIN_MS, self._sign_again)
        unsigned.append(waiting)
        if len(unsigned) > MAX_UNSIGNED:
            others = (n for n, one in enumerate(unsigned) if event.rank_of(one[1]) != event.ALARM)
            dropped = next(others, None)
            if dropped is not None:
                self._log.error("an event is dropped, for the key has not signed for long", type=unsigned[dropped][1])
                del unsigned[dropped]

    def _sign_again(self) -> None:
        unsigned = self._unsigned  # whatever is emitted meanwhile queues behind
        while unsigned and self._sign(unsigned[0]):
            unsigned.pop(0)
        if unsigned:
            self._schedule.at(self._schedule.now_ms() + SIGN_AGAIN_MS, self._sign_again)

    def _declare_gaps(self) -> None:
        """Say what the journal had to evict, in a signed event; once that is kept, the journal may forget it."""
        if self._declaring is not None:
            return
        gaps = self._journal.take_gaps()
        if not gaps:
            return
        for start in range(0, len(gaps), RANGES_PER_GAP):
            ranges = [list(gap) for gap in gaps[start : start + RANGES_PER_GAP]]
            if not self._sign((self._sealer.stamp(), "journal.gap", {"ranges": ranges}, None)):
                return  # the journal hands them out again
        self._declaring = self.head
