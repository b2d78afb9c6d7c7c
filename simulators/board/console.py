"""What a board prints: lines for people and tests, and whether the prompt is in raw mode, which decides what a soft reset starts."""

import collections
from collections.abc import Callable

LINES = 10_000
LINE_BYTES = 4096
TAIL_BYTES = 200
RAW = b"raw REPL; CTRL-B to exit"
FRIENDLY = b"\r\n>>> "


class Console:
    """The last 10,000 lines of a board's console.

    Attributes:
        lines: oldest first, each with the number of the boot that printed it.
        raw: whether the prompt is in raw mode, as a program such as mpremote puts it.
        also: takes each piece as it comes, where somebody is connected.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.lines: collections.deque[tuple[int, str]] = collections.deque(maxlen=LINES)
        self.raw = False
        self.also: Callable[[bytes], None] | None = None
        self._changed = changed
        self._boot = 0
        self._line = b""
        self._tail = b""

    def booted(self, number: int) -> None:
        """What is printed from now on belongs to this boot."""
        self._finish()
        self._boot = number
        self._tail = b""

    def heard(self, data: bytes) -> None:
        """Take what the board printed."""
        data = data.replace(b"\r\r\n", b"\r\n")
        if self.also is not None:
            self.also(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        raw, friendly = self._tail.rfind(RAW), self._tail.rfind(FRIENDLY)
        if raw != friendly:
            self.raw = raw > friendly
        *whole, self._line = (self._line + data).split(b"\n")
        for line in whole:
            self._keep(line)
        if len(self._line) > LINE_BYTES:
            self._finish()
        self._changed()

    def of_boot(self, number: int) -> list[str]:
        """The lines of one boot."""
        return [line for boot, line in self.lines if boot == number]

    def tail(self) -> str:
        """The last lines, for an error's message."""
        return "\n".join([*(line for _, line in list(self.lines)[-15:]), self._line.decode(errors="replace")]).strip()

    def _finish(self) -> None:
        if self._line:
            self._keep(self._line)
            self._line = b""

    def _keep(self, line: bytes) -> None:
        self.lines.append((self._boot, line.rstrip(b"\r").decode(errors="replace")))
