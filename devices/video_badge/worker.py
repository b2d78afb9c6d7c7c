"""One thread that does what waits for the disk, in order, so that neither the agent's loop nor the recorder waits."""

import queue
import threading
from collections.abc import Callable

Task = Callable[[], None]


class Worker:
    """Does tasks one after the other, from ``start`` to ``close``. ``failed`` is called with the OSError of a task that had one."""

    def __init__(self, name: str, failed: Callable[[OSError], None]) -> None:
        self._failed = failed
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return self._tasks.empty()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def do(self, task: Task) -> None:
        """Do this after all that was asked for before."""
        self._tasks.put(task)

    def close(self) -> None:
        """Do what is left, then end; returns when it is done."""
        if self._thread.is_alive():
            self._tasks.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except OSError as error:
                self._failed(error)
