"""What is going to happen to a board, in order, to the microsecond.

Holds actions with the instant at which they are due and carries them out on one thread, each with the instant it was *due*, as the
kernel stamps an edge when it happens and not when somebody reads it. Actions of one instant keep the order in which they were added.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

Action = Callable[[int], None]  # takes the instant it was due, in nanoseconds of CLOCK_MONOTONIC


class Timeline:
    """Actions in time.

    Args:
        lock: the board's; held around every action.
        emptied: called, with the lock held, when nothing is left to happen.
    """

    def __init__(self, lock: threading.RLock, emptied: Callable[[], None]) -> None:
        self._lock = lock
        self._emptied = emptied
        self._due: list[tuple[int, int, Action]] = []
        self._order = itertools.count()
        self._added = threading.Condition(lock)
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, due_ns: int, action: Action) -> None:
        """Adds one action. The caller holds the lock."""
        if self._closed:
            return
        heapq.heappush(self._due, (due_ns, next(self._order), action))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="board timeline", daemon=True)
            self._thread.start()
        elif self._due[0][2] is action:
            self._added.notify()

    def advance(self, now_ns: int) -> None:
        """Carries out everything due until now, so that what the caller does next comes after it. The caller holds the lock."""
        if not self._due:
            return
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, action = heapq.heappop(self._due)
            action(due_ns)
        if not self._due:
            self._emptied()

    @property
    def empty(self) -> bool:
        """Whether nothing is going to happen. The caller holds the lock."""
        return not self._due

    def close(self) -> None:
        """Forgets what has not happened yet and ends the thread."""
        with self._lock:
            self._closed = True
            self._due.clear()
            self._added.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        with self._lock:
            while not self._closed:
                now_ns = time.monotonic_ns()
                self.advance(now_ns)
                if self._due:
                    self._added.wait((self._due[0][0] - time.monotonic_ns()) / 1_000_000_000)
                elif not self._closed:
                    self._added.wait()
