"""One run of a board, from a reset to the next: a MicroPython process, its console, and the two sockets to its hardware.

The console is a pseudo-terminal that the process is tied to: when the host dies, however it dies, the kernel hangs up, and the process
ends with it. What the board told before it ended is always read to the end.
"""

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import signal
import socket
import sys
import termios
import tty
from collections.abc import Awaitable, Callable, Mapping

from simulators.board import records
from simulators.board.errors import BoardError, BoardStateError
from simulators.board.flash import MODULES

BACKLOG_BYTES = 4 * 1024 * 1024  # some 200,000 edges that the board has not taken
CONSOLE_BYTES = 65536
TYPED_MAX = 1024 * 1024
CTRL_C = b"\x03"
INTERPRETER = pathlib.Path(__file__).parent / "interpreter.py"
PROGRAM = "DABYL_MICROPYTHON"
"""In the environment: another MicroPython to run boards on, see `interpreter.py`."""


class Run:
    """A running process.

    Args:
        told: takes each record, in order.
        asked: answers a question: value and payload.
        heard: takes each piece that the console prints.
    """

    def __init__(
        self,
        told: Callable[[records.Record], None],
        asked: Callable[[records.Record], Awaitable[tuple[int, bytes]]],
        heard: Callable[[bytes], None],
    ) -> None:
        self._told = told
        self._asked = asked
        self._heard = heard
        self._typed = bytearray()
        self._prompt = False
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self, setup: Callable[[], Mapping[str, object]], flash: pathlib.Path, heap_bytes: int) -> None:
        """Start the process; its hardware is as `setup()` says at the moment from which on `send` tells the changes.

        Raises:
            BoardError: the MicroPython that the environment names cannot be run.
        """
        program = os.environ.get(PROGRAM)
        if program and not os.access(program, os.X_OK):
            raise BoardError(
                f"{PROGRAM} names {program}, which is no program: name MicroPython's unix port, or unset it"
            )
        self._console, terminal = os.openpty()
        events, far_events = socket.socketpair()
        calls, far_calls = socket.socketpair()
        try:
            os.set_blocking(self._console, False)
            _like_a_serial_line(terminal)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", os.fspath(INTERPRETER), str(terminal),
                "-X", f"heapsize={heap_bytes}", "-i", os.fspath(MODULES / "sim_start.py"),
                env={
                    **os.environ,
                    "DABYL_BOARD": f"{far_events.fileno()},{far_calls.fileno()}",
                    "DABYL_BOARD_MODULES": os.fspath(MODULES),
                    "DABYL_BOARD_FLASH": os.fspath(flash),
                },
                pass_fds=(terminal, far_events.fileno(), far_calls.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except BaseException:
            os.close(self._console)
            events.close()
            calls.close()
            raise
        finally:
            os.close(terminal)
            far_events.close()
            far_calls.close()
        asyncio.get_running_loop().add_reader(self._console, self.hear)
        reader, writer = await asyncio.open_connection(sock=events)
        questions, answers = await asyncio.open_connection(sock=calls)
        writer.write(records.packed(records.SETUP, payload=json.dumps(setup()).encode()))
        self._writer = writer
        self._tasks = (
            asyncio.create_task(self._listen(reader), name="what the board tells"),
            asyncio.create_task(self._answer(questions, answers), name="what the board asks"),
        )

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Send a record's bytes.

        Raises:
            BoardStateError: the board has stopped listening.
        """
        if self._writer is None:
            return  # what it tells stands in the setup
        if self._writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            raise BoardStateError("the board takes no more: it hangs, and nobody armed its watchdog")
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drained(self) -> None:
        """Return when most of what was sent is in the kernel's hands."""
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    def type(self, data: bytes) -> None:
        """Type at the console; kept until the board reads it, and thrown away past a megabyte, as a full FIFO does."""
        self._typed += data[: max(0, TYPED_MAX - len(self._typed))]
        if self._prompt:
            self._write()

    def up(self) -> None:
        """The board has started and takes what is typed; Ctrl-C before that would interrupt its own start."""
        self._prompt = True
        self._write()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if it lives."""
        assert self._process is not None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the process to end; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def end(self) -> None:
        """End the process at once, and take in what it had told by then."""
        if self._writer is None:
            return  # it did not start
        self.signal(signal.SIGKILL)
        await self.ended()
        await self._tasks[0]
        await _cancelled(self._tasks[1])  # an answer that nobody will read
        self.hear()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._console)
        loop.remove_writer(self._console)
        os.close(self._console)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (record := await records.received(reader)) is not None:
            self._told(record)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (record := await records.received(reader)) is not None:
                value, payload = await self._asked(record)
                writer.write(records.packed(record.kind, record.number, value, payload=payload))
        finally:
            writer.close()

    def hear(self) -> None:
        """Take in what the console has printed so far."""
        while True:
            try:
                data = os.read(self._console, CONSOLE_BYTES)
            except OSError as error:
                if error.errno != errno.EAGAIN:  # EIO: the process is gone
                    asyncio.get_running_loop().remove_reader(self._console)
                return
            if not data:
                return
            self._heard(data)

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._typed:
                del self._typed[: os.write(self._console, self._typed[:CONSOLE_BYTES])]
        except BlockingIOError:
            loop.add_writer(self._console, self._write)
            return
        except OSError:  # the process is gone
            self._typed.clear()
        loop.remove_writer(self._console)


def _like_a_serial_line(terminal: int) -> None:
    """No echo, no translation, but Ctrl-C interrupts (`interpreter.py`): the prompt turns that off and on by itself."""
    tty.setraw(terminal)
    attributes = termios.tcgetattr(terminal)
    attributes[3] |= termios.ISIG
    attributes[6][termios.VQUIT] = CTRL_C
    attributes[6][termios.VINTR] = attributes[6][termios.VSUSP] = b"\x00"  # no character
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    fcntl.fcntl(terminal, fcntl.F_SETFD, 0)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
