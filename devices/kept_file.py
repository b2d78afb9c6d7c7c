"""A small file in which a device keeps what it has to know after a restart, written by a thread so that nothing waits for the disk.

What is written is the newest text only: where the disk is slower than the texts come, older ones are left out.
"""

import pathlib
import threading
from collections.abc import Callable

from agent.durable import replace_file


class KeptFile:
    """One file.

    Args:
        path: where; its folder is made if it is not there.
        limit: most bytes that are read.
        trouble: called from the thread, with True when the file cannot be written any more, with False when it can again.
    """

    def __init__(self, path: str, limit: int, trouble: Callable[[bool], None]) -> None:
        self._path = pathlib.Path(path)
        self._limit = limit
        self._trouble = trouble
        self._changed = threading.Condition()
        self._text: str | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="kept file", daemon=True)

    def read(self) -> str:
        """What was kept last; nothing where there is none, or where it cannot be read."""
        try:
            with self._path.open("rb") as file:
                found = file.read(self._limit + 1)
            return found.decode() if len(found) <= self._limit else ""
        except (OSError, UnicodeDecodeError):
            return ""

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def keep(self, text: str) -> None:
        """Keep this in the place of what was kept before, soon."""
        with self._changed:
            self._text = text
            self._changed.notify()

    def close(self) -> None:
        """Write what is left, then end; returns when it is done. Harmless twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failing = False
        while (text := self._next()) is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(str(self._path), text.encode())
            except OSError:
                failed = True
            else:
                failed = False
            if failed != failing:
                failing = failed
                self._trouble(failing)

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._text is not None or self._closed)
            text, self._text = self._text, None
            return text
