"""Keeps the journal's promises beside an asyncio loop: group commit, with the waiting done on one bare thread.

Only `Journal.carry_out` runs on the thread; everything else, callbacks included, runs in the loop, so a disk that hangs
for minutes blocks neither the loop nor `append`. All events appended while one sync runs share the next. On a quick disk
the next one waits some milliseconds for more of them, unless there is an alarm among them: hundreds of syncs a second
cost a burst a quarter of its processor time, and wear out a card. After trouble it tries again after 1 s, doubling up to
60 s. The thread never keeps the process alive. Imports only `_thread`: the `threading` module would cost a megabyte on a
device.
"""

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Callable

    from agent.journal.log import Journal

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
GATHER_S = 0.01
"""From the start of a sync to the start of the next, at least, for what came meanwhile and is no alarm."""


class Keeper:
    """Syncs one opened journal.

    Args:
        journal: the journal; from now on nothing else calls its `begin_sync`, `end_sync` and `sync`.
        loop: the loop in which everything runs.
        on_kept: called with `kept_position` whenever it rose.
        on_trouble: called with `Journal.trouble` whenever it came, changed or went.
    """

    def __init__(
        self,
        journal: "Journal",
        loop: "AbstractEventLoop",
        *,
        on_kept: "Callable[[int], object] | None" = None,
        on_trouble: "Callable[[tuple[int, str] | None], object] | None" = None,
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._on_kept = on_kept
        self._on_trouble = on_trouble
        self._told = journal.trouble
        self._go = _thread.allocate_lock()
        self._go.acquire()
        self._has_thread = False
        self._token: tuple[str, bool] | None = None
        self._scheduled = False
        self._began = 0.0
        self._asked = False  # something came since the last sync began
        self._urgent = False  # an alarm, too
        self._timer: TimerHandle | None = None
        self._retry_s = FIRST_RETRY_S
        self._idle: Future[None] | None = None
        self._stopped = False

    @property
    def is_syncing(self) -> bool:
        """Whether the thread waits for the disk now."""
        return self._token is not None

    def wake(self, *, urgent: bool = False) -> None:
        """Something was appended, noted or settled: make it durable soon.

        Args:
            urgent: an alarm: wait neither for company, nor for the next retry after trouble.
        """
        self._asked = True
        self._urgent = self._urgent or urgent
        if self._stopped or self._scheduled or self._token is not None:
            return
        if self._timer is not None:
            if not urgent:
                return
            self._timer.cancel()
            self._timer = None
            self._journal.flush()
        self._scheduled = True
        self._loop.call_soon(self._start)

    async def stop(self, timeout_s: float = 10.0) -> bool:
        """Make durable what is appended, then stop; a hanging disk is left alone after `timeout_s`.

        Returns:
            Whether everything is durable.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._stopped:
            self._stopped = True
            self._journal.flush()
            self._idle = self._loop.create_future()
            alarm = self._loop.call_later(timeout_s, self._settle_idle)
            if self._token is None:
                self._start()
            await self._idle
            alarm.cancel()
            if self._has_thread and self._token is None:
                self._has_thread = False
                self._go.release()  # the thread finds no token and ends
        return self._token is None and self._journal.unkept_count == 0 and self._journal.trouble is None

    def _start(self) -> None:
        self._scheduled = False
        if self._token is not None or self._timer is not None:
            return
        token = self._journal.begin_sync()
        if token is not None:
            self._token = token
            self._began = self._loop.time()
            self._asked = self._urgent = False
            if not self._has_thread:
                self._has_thread = True
                _thread.start_new_thread(self._work, ())
            self._go.release()
        elif self._stopped:
            self._settle_idle()
        elif self._journal.trouble is not None:
            self._retry_later()
        self._tell_trouble()

    def _work(self) -> None:
        """The thread: waits for a token, waits for the disk, hands the result to the loop."""
        while True:
            self._go.acquire()
            token = self._token
            if token is None:
                return
            error: OSError | None = None
            try:
                self._journal.carry_out(token)
            except OSError as trouble:
                error = trouble
            except Exception as trouble:  # noqa: BLE001 - a thread has nobody above it; the loop learns of it
                error = OSError(5, "%s: %s" % (type(trouble).__name__, trouble))
            try:
                self._loop.call_soon_threadsafe(self._done, token, error)
            except RuntimeError:
                return  # the loop was closed; nobody waits for an answer

    def _done(self, token: tuple[str, bool], error: "OSError | None") -> None:
        self._token = None
        journal = self._journal
        before = journal.kept_position
        journal.end_sync(token, error)
        if error is None:
            self._retry_s = FIRST_RETRY_S if journal.trouble is None else self._retry_s
        if journal.kept_position > before and self._on_kept is not None:
            self._on_kept(journal.kept_position)
        if error is None:
            self._go_on()
        elif self._stopped:
            self._settle_idle()
        else:
            self._retry_later()
        self._tell_trouble()

    def _go_on(self) -> None:
        """The next sync, at once or after a while, if anything waits for it."""
        gather_s = self._began + GATHER_S - self._loop.time()
        if self._asked and not self._urgent and not self._stopped and gather_s > 0:
            self._timer = self._loop.call_later(gather_s, self._gathered)
        else:
            self._start()

    def _gathered(self) -> None:
        self._timer = None
        self._start()

    def _retry_later(self) -> None:
        if self._timer is None and not self._stopped:
            self._timer = self._loop.call_later(self._retry_s, self._retry)
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)

    def _retry(self) -> None:
        self._timer = None
        self._journal.flush()
        self._start()

    def _tell_trouble(self) -> None:
        trouble = self._journal.trouble
        if trouble != self._told:
            self._told = trouble
            if self._on_trouble is not None:
                self._on_trouble(trouble)

    def _settle_idle(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
