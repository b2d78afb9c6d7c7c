"""One child process that cannot outlive its parent and leaves no zombie.

The kernel sends the child SIGKILL when the *thread* that made it ends (prctl(2), PR_SET_PDEATHSIG). So the child is made by a thread of
its own, which does nothing but wait for it, and which therefore ends neither before it nor after the program.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

from simulators.errors import BrokerStartError

LOG_TAIL_BYTES = 2000
TRAMPOLINE = (
    "import ctypes,os,signal,sys;"
    "ctypes.CDLL(None).prctl(1,signal.SIGKILL);"  # PR_SET_PDEATHSIG
    "os.getppid()==int(sys.argv[1]) or sys.exit(1);"
    "os.execv(sys.argv[2],sys.argv[2:])"
)


class ChildProcess:
    """A running child.

    Args:
        command: program and arguments; the program is an absolute path.
        log: file that its output is appended to.

    Raises:
        BrokerStartError: the program cannot be run.
    """

    def __init__(self, command: list[str], log: pathlib.Path) -> None:
        self._command = command
        self._log = log
        self._started = threading.Event()
        self.exited = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failures: list[OSError] = []
        self._thread = threading.Thread(target=self._keep, name=f"child {pathlib.Path(command[0]).name}", daemon=True)
        self._thread.start()
        self._started.wait()
        for failure in self._failures:
            self._thread.join()
            raise BrokerStartError(f"cannot run {command[0]}: {failure}") from failure

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return not self.exited.is_set()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; nothing happens if the child has ended."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals, grace_s: float) -> None:
        """Sends the signal, and SIGKILL if the child still lives after `grace_s`. Returns when it is gone."""
        self.send(number)
        if not self.exited.wait(grace_s):
            self.send(signal.SIGKILL)
        self._thread.join()

    def log_tail(self) -> str:
        """The end of the log, for an error's message."""
        try:
            return self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _keep(self) -> None:
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    _tied_to_parent(self._command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
                )
        except OSError as error:
            self._failures.append(error)
            self._started.set()
            return
        self._started.set()
        self._process.wait()
        self.exited.set()


def _tied_to_parent(command: list[str]) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return [setpriv, "--pdeathsig", "KILL", "--", *command]
    return [sys.executable, "-I", "-S", "-c", TRAMPOLINE, str(os.getpid()), *command]
