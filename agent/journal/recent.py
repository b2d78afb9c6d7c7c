"""A journal that still has its newest events in memory, so that what waits a moment for its turn to be sent is not read back from the disk.

Alarms seldom wait, and are read as ever. MicroPython subset; boards, which are short of memory, do without.
"""

from agent.journal.log import ALARM, Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.log import Entry
    from agent.journal.store import Store

RECENT_BYTES = 1048576
"""Envelopes in memory at most."""


class RecentJournal(Journal):
    """See ``Journal``, of which nothing is different but the time that ``next`` takes."""

    def __init__(self, store: "Store", **sizes: int) -> None:
        super().__init__(store, **sizes)
        self._recent: "list[Entry]" = []  # all unsettled events, alarms excepted, above the position before
        self._before = 0
        self._recent_bytes = 0
        self._batch = 0

    def append(self, rank: int, boot: int, seq: int, hash16: bytes, envelope: bytes) -> int:
        """See ``Journal``."""
        position = super().append(rank, boot, seq, hash16, envelope)
        if rank != ALARM:
            if not self._recent:
                self._before = position - 1
            self._recent.append((position, rank, boot, seq, envelope))
            self._recent_bytes += len(envelope)
            while self._recent_bytes > RECENT_BYTES:
                self._drop()
        return position

    def settle(self, boot: int, first: int, last: int) -> int:
        """See ``Journal``."""
        if self._recent and last >= self._recent[0][3]:  # mostly what is settled went out before
            self._recent = [entry for entry in self._recent if entry[2] != boot or not first <= entry[3] <= last]
            self._recent_bytes = sum([len(entry[4]) for entry in self._recent])
        return super().settle(boot, first, last)

    def next(self, lane: int, after_position: int) -> "Entry | None":
        """See ``Journal``."""
        if lane != ALARM and after_position >= self._before:
            if self._batch != self._writer.batch:  # some were evicted since, perhaps of these
                self._batch = self._writer.batch
                self._recent = []
                self._recent_bytes = 0
            while self._recent and self._recent[0][0] <= after_position:
                self._drop()
            if self._recent:
                return self._recent[0]
        return super().next(lane, after_position)

    def _drop(self) -> None:
        entry = self._recent.pop(0)
        self._before = entry[0]
        self._recent_bytes -= len(entry[4])
