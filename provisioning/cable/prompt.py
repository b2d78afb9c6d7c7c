"""A conversation with a board's prompt, over mpremote's own transport: one connection for a whole enrolment.

Whatever goes wrong on the way is a `CableError`: the cable was pulled, the board died, does not answer, or has no room.
"""

import base64
import contextlib
import errno
import io
import re
import struct
import termios
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from provisioning.errors import CableError, Cause

CHUNK = 3072
"""Bytes of a file sent at once: as base64, in the source of one statement, they take a board little memory."""
SILENCE_S = 10.0
FIRST_TRY_S = 1.5
LOOK_S = 0.05
WRITE_S = 5.0
LINE_MAX = 4096
_NO_SPACE = re.compile(r"OSError: (?:\[Errno )?(?:28|ENOSPC)\b")
_LAST = re.compile(r"([A-Za-z]+(?:Error|Exception|Interrupt)\b.*)$")


class Prompt:
    """The open prompt of the board at a port; the board's own program does not run meanwhile.

    Args:
        port: a serial port's name.
        silence_s: so long it is waited for an answer.

    Raises:
        CableError: the port cannot be opened, is in use, or nothing with MicroPython answers.
    """

    def __init__(self, port: str, *, silence_s: float = SILENCE_S) -> None:
        self.port = port
        self._silence_s = silence_s
        try:
            self._line = SerialTransport(port, timeout=silence_s)
        except (TransportError, OSError, termios.error) as error:
            why = error.__context__ if isinstance(error, TransportError) else error
            reason = Cause.of(why) if isinstance(why, OSError) else str(error)[:200]
            raise CableError("port-shut", port=port, reason=reason) from None
        self._line.serial.write_timeout = WRITE_S

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Interrupt the board's program, and start it anew without it.

        A board that is just starting does not hear the first time, and a slow one must not be interrupted again and again: each try lasts
        twice as long as the one before.
        """
        left_s, try_s = self._silence_s, FIRST_TRY_S
        self._line.serial.timeout = LOOK_S  # or mpremote's first read lasts as long as all tries
        while left_s > 0:
            with self._cable(), contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not understand
                try:
                    self._line.enter_raw_repl(timeout_overall=try_s)
                except TransportError:
                    left_s, try_s = left_s - try_s, min(2 * try_s, max(left_s - try_s, 0.1))
                else:
                    self._line.serial.timeout = self._silence_s
                    return
        raise CableError("no-prompt", port=self.port)

    def close(self) -> None:
        """Let go of the port."""
        with contextlib.suppress(OSError):
            self._line.close()

    def run(self, code: str, *, seconds: float = SILENCE_S) -> str:
        """What a piece of code prints.

        Raises:
            CableError: it failed (``board-full`` when for want of room), or the board did not answer in time.
        """
        with self._cable():
            said, failed = self._line.exec_raw(code, timeout=max(seconds, self._silence_s))
        if failed:
            text = bytes(failed).decode(errors="replace").strip()
            if _NO_SPACE.search(text):
                raise CableError("board-full")
            found = _LAST.search(text)
            raise CableError("board-refuses", reason=(found.group(1) if found else text)[-300:])
        return bytes(said).decode(errors="replace").replace("\r\n", "\n")

    def write(self, path: str, data: bytes, told: Callable[[int], None] = lambda _sent: None) -> None:
        """Put a file onto the board, under its name only when it is whole; ``told`` hears how many bytes have gone over.

        Raises:
            CableError: as `run`.
        """
        new = path + ".new"
        self.run(f"from binascii import a2b_base64 as _d\n_f=open({new!r},'wb')\n_w=_f.write")
        for at in range(0, len(data), CHUNK):
            chunk = data[at : at + CHUNK]
            self.run(f"_w(_d({base64.b64encode(chunk)!r}))")
            told(len(chunk))
        self.run(f"_f.close()\nimport os\nos.rename({new!r},{path!r})")

    def restart(self) -> Iterator[str]:
        """Reset the board; the lines of its console from there on, "" whenever it says nothing for a while."""
        with self._cable():
            self._line.exec_raw_no_follow("import machine\nmachine.reset()")
        return self.lines()

    def lines(self) -> Iterator[str]:
        """The lines of the console, "" whenever it says nothing for a while. Ends never.

        Raises:
            CableError: the cable was pulled.
        """
        heard = b""
        while True:
            with self._cable():
                waiting = self._line.serial.in_waiting
                if not waiting:
                    time.sleep(0.02)
                heard += self._line.serial.read(waiting) if waiting else b""
            *whole, heard = heard.split(b"\n")
            heard = heard[-LINE_MAX:]
            yield from (line.decode(errors="replace").strip("\r\x04> ") for line in whole)
            if not whole:
                yield ""

    @contextlib.contextmanager
    def _cable(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as error:
            raise CableError("board-refuses", reason=str(error)[-300:]) from None
        except (TransportError, struct.error):
            raise CableError("no-answer", port=self.port) from None
        except OSError as error:  # pyserial's own errors, too
            silent = error.errno == errno.ETIMEDOUT or "timeout" in str(error).lower()
            raise CableError("no-answer" if silent else "cable-pulled", port=self.port) from None
        except (TypeError, termios.error):  # pyserial, of a port that was closed under it, or is gone
            raise CableError("cable-pulled", port=self.port) from None
