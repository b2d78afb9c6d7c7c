"""Child processes of a benchmark: started apart from the terminal's Ctrl-C, read line by line, always ended, and looked at in /proc.

Each line of a child's standard error is kept. Nothing here is left running: `Child` is a context manager that kills on the way out.
"""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

START_S = 30.0
STOP_S = 10.0


class BenchmarkError(Exception):
    """A benchmark could not run. The text says what was waited for, and ends with what the process said last."""


class Child:
    """A process and what it says on standard error."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None, name: str = "") -> None:
        self.name = name or pathlib.Path(command[0]).name
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._over = False
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            command,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, name=f"reads {self.name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def kill(self) -> int:
        """SIGKILL. Returns the instant just before it, CLOCK_MONOTONIC ns; afterwards every line it said is there. Safe to call twice."""
        now_ns = time.monotonic_ns()
        self._process.kill()
        self._process.wait()
        self._finish()
        return now_ns

    def stop(self) -> int:
        """SIGTERM, and SIGKILL after 10 s. Returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._finish()
        return self._process.returncode

    def wait_for(self, found: Callable[[str], bool], what: str, timeout_s: float = START_S) -> str:
        """The first line, among those said and those to come, for which ``found`` is true.

        Raises:
            BenchmarkError: it ended, or did not say so in time.
        """
        deadline = time.monotonic() + timeout_s
        seen = 0
        with self._heard:
            while True:
                for line in self.lines[seen:]:
                    if found(line):
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if self._over or left <= 0:
                    tail = "\n".join(self.lines[-8:])
                    raise BenchmarkError(f"{self.name}: waited for '{what}'; it said last:\n{tail}")
                self._heard.wait(left)

    def stages(self) -> list[dict[str, Any]]:
        """What an agent run with ``--log trace`` said, in order; a line cut off by a kill is left out."""
        with self._heard:
            lines = list(self.lines)
        found = []
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and "stage" in told:
                found.append(told)
        return found

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._heard:
                self.lines.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    def _finish(self) -> None:
        self._reader.join(STOP_S)
        if self._process.stderr is not None and not self._reader.is_alive():
            self._process.stderr.close()


def pss_kb(pid: int) -> int:
    """Proportional set size in kB (proc(5), smaps_rollup): pages shared with other processes count in part."""
    return _number_after(pathlib.Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def uss_kb(pid: int) -> int:
    """Pages of this process alone, in kB: what it costs a machine on which nothing else runs Python."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup")
    return _number_after(rollup, "Private_Clean:") + _number_after(rollup, "Private_Dirty:")


def peak_rss_kb(pid: int) -> int:
    """The highest resident set so far, in kB (proc(5), status, VmHWM)."""
    return _number_after(pathlib.Path(f"/proc/{pid}/status"), "VmHWM:")


def cpu_ns(pid: int) -> int:
    """Time on a processor of all its threads, in nanoseconds (proc(5), schedstat; ``stat`` counts in ticks of 10 ms)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid))


def wakeups(pid: int) -> int:
    """How often its threads went to sleep of their own accord, which is how often something woke them."""
    return sum(_number_after(task / "status", "voluntary_ctxt_switches:") for task in _tasks(pid))


def lower_priority(pid: int) -> None:
    """Let a process that would run on another machine not take processor time from what is measured: nice 19 for all its threads."""
    for task in _tasks(pid):
        os.setpriority(os.PRIO_PROCESS, int(task.name), 19)


def _tasks(pid: int) -> list[pathlib.Path]:
    return list(pathlib.Path(f"/proc/{pid}/task").iterdir())


def _number_after(file: pathlib.Path, label: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(label):
            return int(line.split()[1])
    raise BenchmarkError(f"{file} has no line '{label}': this kernel does not tell")
