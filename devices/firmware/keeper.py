"""Keeps the journal's promises on a board, where flash is waited for: all that was appended in one turn of the loop shares a sync.

After trouble it tries again after 1 s, doubling up to 60 s; an alarm does not wait for that.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.journal.log import Journal
    from agent.parts import Schedule, Timer

FIRST_RETRY_MS = 1000
LAST_RETRY_MS = 60_000


class Keeper:
    """Syncs one opened journal.

    Args:
        journal: the journal; nothing else syncs it.
        schedule: when to do it.
        on_kept: called with ``kept_position`` whenever it rose.
        on_trouble: called with ``Journal.trouble`` whenever it came, changed or went.
    """

    def __init__(
        self,
        journal: "Journal",
        schedule: "Schedule",
        on_kept: "Callable[[int], object]",
        on_trouble: "Callable[[tuple[int, str] | None], object]",
    ) -> None:
        self._journal = journal
        self._schedule = schedule
        self._on_kept = on_kept
        self._on_trouble = on_trouble
        self._told = journal.trouble
        self._due = False
        self._retry: "Timer | None" = None
        self._retry_ms = FIRST_RETRY_MS

    def wake(self, urgent: bool = False) -> None:
        """Something was appended, noted or settled: make it durable in the loop's next turn."""
        if self._due:
            return
        if self._retry is not None:
            if not urgent:
                return
            self._retry.cancel()
            self._retry = None
        self._due = True
        self._schedule.soon(self.sync)

    def sync(self) -> None:
        """Make everything durable now, as far as the flash can."""
        self._due = False
        journal = self._journal
        before = journal.kept_position
        if journal.sync():
            self._retry_ms = FIRST_RETRY_MS
        elif self._retry is None:
            self._retry = self._schedule.at(self._schedule.now_ms() + self._retry_ms, self._again)
            self._retry_ms = min(self._retry_ms * 2, LAST_RETRY_MS)
        if journal.kept_position > before:
            self._on_kept(journal.kept_position)
        if journal.trouble != self._told:
            self._told = journal.trouble
            self._on_trouble(self._told)

    def _again(self) -> None:
        self._retry = None
        self.sync()
