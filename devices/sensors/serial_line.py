"""One serial port, kept open as far as there is one: a thread that opens it, reads, writes, and opens it again.

A port that is not there, goes away, or belongs to somebody else is an ordinary state and is told as one; the next attempt follows after a
pause that doubles up to ``PAUSE_MAX_MS``. Nothing is decoded here. The thread hands over by ``take``, which the loop calls after ``wake``;
what waits there is bounded. Reads are at most a hundred a second, each of twice what the line can carry in that time: what comes faster is
thrown away in the kernel, so that the newest is never old, and the next ``Heard`` says so. A line on which short questions are answered
one by one is read at once: it is ``prompt``.
"""

import collections
import contextlib
import dataclasses
import os
import select
import termios
import threading
import time
from collections.abc import Callable

import serial

PAUSE_MS = 250
PAUSE_MAX_MS = 8_000
READ_PAUSE_S = 0.01
PROMPT_PAUSE_S = 0.001
READ_MIN = 64
BACKLOG_MAX = 2048
"""More than this in the kernel is too much; its buffer of a terminal holds 4095 bytes."""
WAITING_MAX = 65_536
HAPPENINGS_MAX = 1024
WRITING_MAX = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The port is open."""

    at_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """The port cannot be opened, or is gone. Told once, and again when the reason changes."""

    at_ms: int
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """Bytes. ``overran``: others before them were thrown away."""

    at_ms: int
    data: bytes
    overran: bool = False


Happening = Opened | Closed | Heard


def monotonic_ms() -> int:
    """The clock of all readings."""
    return time.monotonic_ns() // 1_000_000


class SerialLine:
    """One port, 8N1.

    Args:
        path: the device file; the ones below ``/dev/serial/by-id`` stay the same however it is plugged.
        baud: its rate.
        wake: called from the thread when there is something to ``take``, and not again before it was taken.
        prompt: read up to a thousand times a second, and have an adapter hand bytes on as they come.
    """

    def __init__(self, path: str, baud: int, wake: Callable[[], None], *, prompt: bool = False) -> None:
        self._path = path
        self._baud = baud
        self._wake = wake
        self._prompt = prompt
        self._pause_s = PROMPT_PAUSE_S if prompt else READ_PAUSE_S
        self._read_max = max(READ_MIN, int(baud / 10 * 2 * self._pause_s))
        self._lock = threading.Lock()
        self._happened: collections.deque[Happening] = collections.deque()
        self._waiting = 0
        self._overran = False
        self._told = ""
        self._outgoing = bytearray()
        self._stopped = False
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._thread = threading.Thread(target=self._run, name=f"serial {path}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Give the port back; returns when it is."""
        if self._stopped:
            return
        self._stopped = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._bell_in)
        os.close(self._bell_out)

    def take(self) -> list[Happening]:
        """What happened since the last call, oldest first."""
        with self._lock:
            happened = list(self._happened)
            self._happened.clear()
            self._waiting = 0
        return happened

    def write(self, data: bytes) -> bool:
        """Send soon. False, and nothing of it is sent, if too much waits already, as it does while the port is closed."""
        with self._lock:
            if len(self._outgoing) + len(data) > WRITING_MAX:
                return False
            self._outgoing += data
        self._ring()
        return True

    def _run(self) -> None:
        pause_ms = PAUSE_MS
        while not self._stopped:
            try:
                port = serial.Serial(self._path, self._baud, timeout=0, write_timeout=0, exclusive=True)
            except (serial.SerialException, OSError, ValueError, termios.error) as error:
                self._tell_closed(str(error))
            else:
                if self._attend(port):
                    pause_ms = PAUSE_MS
            self._rest(pause_ms / 1000)
            pause_ms = min(pause_ms * 2, PAUSE_MAX_MS)

    def _attend(self, port: serial.Serial) -> bool:
        """Serve an open port until it is gone; return whether it brought anything."""
        brought = False
        if self._prompt:
            with contextlib.suppress(ValueError, OSError):  # what is no USB adapter cannot, and need not
                port.set_low_latency_mode(True)
        with self._lock:
            self._outgoing.clear()
        self._tell(Opened(monotonic_ms()))
        self._told = ""
        try:
            while not self._stopped:
                writing = [port.fileno()] if self._outgoing else []
                readable, writable, _ = select.select([port.fileno(), self._bell_out], writing, [])
                if self._bell_out in readable:
                    os.read(self._bell_out, 4096)
                if writable:
                    self._send(port)
                if port.fileno() in readable:
                    brought = True
                    self._receive(port)
                    self._rest(self._pause_s)
        except (serial.SerialException, OSError, termios.error) as error:
            self._tell_closed(str(error))
        finally:
            port.close()
        return brought

    def _receive(self, port: serial.Serial) -> None:
        data = port.read(self._read_max)
        at_ms = monotonic_ms()
        overran = port.in_waiting > BACKLOG_MAX
        if overran:
            port.reset_input_buffer()
        self._tell(Heard(at_ms, data, self._overran))
        self._overran = overran

    def _send(self, port: serial.Serial) -> None:
        with self._lock:
            data = bytes(self._outgoing)
        sent = port.write(data)
        with self._lock:
            del self._outgoing[:sent]

    def _rest(self, seconds: float) -> None:
        """Wait; writing does not end it, closing does."""
        until = time.monotonic() + seconds
        while not self._stopped and (left := until - time.monotonic()) > 0:
            if select.select([self._bell_out], [], [], left)[0]:
                os.read(self._bell_out, 4096)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            os.write(self._bell_in, b"!")

    def _tell_closed(self, why: str) -> None:
        if why == self._told:
            return
        self._told = why
        with self._lock:
            if len(self._happened) >= HAPPENINGS_MAX:  # nobody listens; what was before does not matter any more
                self._happened.clear()
                self._waiting = 0
        self._tell(Closed(monotonic_ms(), why))

    def _tell(self, happening: Happening) -> None:
        with self._lock:
            first = not self._happened
            self._happened.append(happening)
            if isinstance(happening, Heard):
                self._waiting += len(happening.data)
                self._make_room()
        if first:
            self._wake()

    def _make_room(self) -> None:
        """Forget the oldest bytes if too many wait; what is left begins after a gap."""
        while self._waiting > WAITING_MAX:
            index = next(i for i, one in enumerate(self._happened) if isinstance(one, Heard))
            gone = self._happened[index]
            assert isinstance(gone, Heard)
            del self._happened[index]
            self._waiting -= len(gone.data)
            self._overran = True
