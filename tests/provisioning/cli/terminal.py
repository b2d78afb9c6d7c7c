"""A command on a terminal, and somebody who reads it and types."""

import codecs
import os
import pty
import select
import subprocess
import time

MOST_S = 60.0


class Terminal:
    """A process on a terminal."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._near, far = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=far, stdout=far, stderr=far, env=environment, start_new_session=True
        )
        os.close(far)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.shown = ""
        self._at = 0

    def until(self, text: str) -> None:
        """Wait until it shows a text, after what was waited for before."""
        end = time.monotonic() + MOST_S
        while (found := self.shown.find(text, self._at)) < 0:
            assert time.monotonic() < end, self.shown
            if select.select([self._near], [], [], 0.1)[0]:
                try:
                    self.shown += self._decoder.decode(os.read(self._near, 65536))
                except OSError:  # it has ended
                    assert text in self.shown[self._at :], self.shown
        self._at = found + len(text)

    def type(self, text: str) -> None:
        """Type at it."""
        os.write(self._near, text.encode())

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        os.close(self._near)
