"""What the agent tells the people and programs beside it: one line per fact, to standard error.

Three formats: ``text`` for people and the system journal, ``json`` for programs, and ``trace`` (JSON too) with every stage of every
event and its monotonic time, by which a demonstration or a benchmark follows an event through the house. Never a secret, never the
content of an event.
"""

import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

TEXT = "text"
JSON = "json"
TRACE = "trace"
FORMATS = (TEXT, JSON, TRACE)

ERROR = "error"
WARNING = "warning"
INFO = "info"
# Prefixes by which systemd's journal knows a line's priority (sd-daemon(3)).
_PRIORITY = {ERROR: "<3>", WARNING: "<4>", INFO: "<6>"}


class Log:
    """Writes lines. ``tracing`` tells whether stages are wanted, so that a caller need not make up facts in vain."""

    def __init__(self, form: str = TEXT, journald: bool = False) -> None:
        self._json = form != TEXT
        self.tracing = form == TRACE
        self._journald = journald
        self._left_out = 0

    def stage(self, stage: str, **facts: object) -> None:
        """One stage of one event, with the monotonic time in nanoseconds (``mono_ns``: now, if it is not among the facts)."""
        if self.tracing:
            self._write_json({"stage": stage, "mono_ns": time.monotonic_ns(), **facts})

    def info(self, message: str, **facts: object) -> None:
        """Something that a person reading along wants to know."""
        self._say(INFO, message, facts)

    def warning(self, message: str, **facts: object) -> None:
        """Something that is not as it should be, and that the agent lives with."""
        self._say(WARNING, message, facts)

    def error(self, message: str, **facts: object) -> None:
        """Something that needs a person."""
        self._say(ERROR, message, facts)

    def _say(self, level: str, message: str, facts: "dict[str, object]") -> None:
        if self._json:
            self._write_json({"level": level, "message": message, **facts})
            return
        told = "".join(f" {name}={value}" for name, value in facts.items())
        line = f"dabyl: {message}{told}"
        if not line.isprintable():  # what others said may hold line ends and terminal codes
            line = "".join(character if character.isprintable() else "?" for character in line)
        self._write(f"{_PRIORITY[level] if self._journald else ''}{line}\n")

    def _write_json(self, fields: "dict[str, object]") -> None:
        from json import dumps  # noqa: PLC0415  a device that logs text need not hold it

        self._write(dumps(fields, default=str) + "\n")

    def _write(self, line: str) -> None:
        """Write a line where it can be written at once: a reader that has stopped, or gone, must never stop an alarm."""
        if sys.stderr is None:  # closed before the start
            return
        if self._left_out:
            line = f"({self._left_out} lines were left out, for nobody read them) {line}"
        try:
            # A pipe that is ready takes 4,096 bytes (PIPE_BUF) without blocking; files and terminals are always ready.
            if not _ready(sys.stderr):
                self._left_out += 1
                return
            sys.stderr.write(line)
            sys.stderr.flush()
        except (OSError, ValueError):
            return
        self._left_out = 0


def _ready(stream: "TextIO") -> bool:
    """Whether a line can be written without waiting."""
    try:
        descriptor = stream.fileno()
    except ValueError:  # not a file of the system's
        return True
    return bool(select.select((), (descriptor,), (), 0)[1])
