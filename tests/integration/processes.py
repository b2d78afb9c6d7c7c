"""A process under test whose lines of JSON are kept as they come, and waiting that ends in an answer or in everything that was said."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PATIENCE_S = 30.0
LOOK_S = 0.01
TOLD_LINES = 60


class GoneError(AssertionError):
    """What was waited for did not happen."""


def until(reached: Callable[[], object], what: str, *others: "Process", timeout_s: float = PATIENCE_S) -> None:
    """Wait until ``reached()`` is true; it is asked a hundred times a second, less often where asking takes time: the threads that
    read what processes say must not starve, for a process blocks when nobody reads.

    Raises:
        GoneError: it was not in time; with the last lines of the processes named.
    """
    end = time.monotonic() + timeout_s
    asked = time.monotonic()
    while not reached():
        now = time.monotonic()
        if now > end:
            said = "\n".join(f"--- {process.name}\n{process.tail()}" for process in others)
            raise GoneError(f"did not happen within {timeout_s:g} s: {what}\n{said}")
        time.sleep(max(LOOK_S, 4 * (now - asked)))
        asked = time.monotonic()


class Process:
    """A running program. Its standard error is read to the end; lines that are JSON objects are in ``lines``."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.lines: list[dict[str, Any]] = []
        self.text: list[str] = []
        self._popen = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"lines of {name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._popen.poll() is None

    def said(self, **facts: object) -> list[dict[str, Any]]:
        """The lines that have all of these facts."""
        return [line for line in list(self.lines) if all(line.get(name) == value for name, value in facts.items())]

    def wait_said(self, *, timeout_s: float = PATIENCE_S, times: int = 1, **facts: object) -> dict[str, Any]:
        """Wait for ``times`` lines with these facts; the latest of them.

        Raises:
            GoneError: it was not said in time, or the process ended before.
        """
        end = time.monotonic() + timeout_s
        while True:
            ended = not self._reader.is_alive()
            found = self.said(**facts)
            if len(found) >= times:
                return found[-1]
            if ended or time.monotonic() > end:
                why = "ended" if ended else f"did not say within {timeout_s:g} s"
                raise GoneError(f"{self.name} {why}: {facts}\n{self.tail()}")
            time.sleep(LOOK_S)

    def tail(self) -> str:
        """Its last lines, JSON or not."""
        return "\n".join(self.text[-TOLD_LINES:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 15) -> int:
        """Send a signal, wait for the end and for all that was said; the exit code. SIGKILL, and a failure, if it does not end."""
        if self.running:
            self._popen.send_signal(number)
        return self.wait_end(timeout_s)

    def wait_end(self, timeout_s: float = 15) -> int:
        """Wait for the end; the exit code."""
        try:
            code = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.destroy()
            raise GoneError(f"{self.name} did not end within {timeout_s:g} s\n{self.tail()}") from None
        self._reader.join()
        return code

    def destroy(self) -> None:
        """SIGKILL, without questions."""
        if self.running:
            self._popen.kill()
        self._popen.wait()
        self._reader.join()
        if self._popen.stderr is not None:
            self._popen.stderr.close()

    def _read(self) -> None:
        stream = self._popen.stderr
        assert stream is not None
        for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            self.text.append(line)
            if line.startswith("{"):
                try:
                    fields = json.loads(line)
                except ValueError:  # cut by a kill
                    continue
                self.lines.append(fields)


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, timeout_s: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, with more of an ``environment``."""
    return subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
