"""The board's end of the socket: takes one agent at a time, reads its records, writes the board's without ever blocking.

One thread does the reading and whatever could not be written at once. A record goes out in the caller's thread if the socket takes it,
which is what keeps an injected edge within microseconds of the agent. An agent that stops reading is hung up on after
`BACKLOG_BYTES`, never waited for. It knows nothing of levels.
"""

import contextlib
import os
import pathlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable

from simulators.errors import WiringError
from simulators.gpio import records

BACKLOG_BYTES = 4 * 1024 * 1024  # 262,144 edges
SOCKET_PATH_BYTES = 107  # sockaddr_un, unix(7)


class BoardServer:
    """A Unix socket on which the agent's pins find their board.

    Args:
        path: where to listen; a socket left there by a dead board is replaced.
        lock: held around every callback, and by the caller of `send`.
        attached: returns the handshake for an agent that has just connected.
        detached: the agent's process ended or closed its pins.
        received: one record of the agent, as unpacked from `records.RECORD`.

    Raises:
        WiringError: the path is too long for a Unix socket, or a living board listens on it.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        lock: threading.RLock,
        attached: Callable[[], bytes],
        detached: Callable[[], None],
        received: Callable[[int, int, int, int, int], None],
    ) -> None:
        self._path = path
        self._lock = lock
        self._attached = attached
        self._detached = detached
        self._received = received
        self._agent: socket.socket | None = None
        self._backlog = bytearray()
        self._unread = b""
        self.agent_pid: int | None = None
        self._listener = _listen(path)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=f"board {path.name}", daemon=True)
        self._thread.start()

    def send(self, record: bytes) -> None:
        """Sends one record to the agent, if there is one. The caller holds the lock."""
        agent = self._agent
        if agent is None:
            return
        if not self._backlog:
            with contextlib.suppress(OSError):
                # Blocked: it goes to the backlog. Broken: the thread finds the end of the stream.
                sent = agent.send(record, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                if sent == len(record):
                    return
                record = record[sent:]
        self._backlog += record
        if len(self._backlog) > BACKLOG_BYTES:
            self._hang_up()
        elif len(self._backlog) == len(record):
            self._wake()

    def drop_agent(self) -> None:
        """Hangs up on the agent; its pins connect again by themselves."""
        with self._lock:
            self._hang_up()

    def close(self) -> None:
        """Ends the thread and removes the socket. Safe to call twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"w")

    def _serve(self) -> None:
        while True:
            ready = self._selector.select()
            with self._lock:
                if self._closing:
                    self._tear_down()
                    return
                for key, events in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj == self._wake_read:
                        os.read(self._wake_read, 4096)
                    elif key.fileobj is self._agent:
                        if events & selectors.EVENT_WRITE:
                            self._flush()
                        if events & selectors.EVENT_READ and key.fileobj is self._agent:
                            self._read()
                self._watch()

    def _accept(self) -> None:
        agent, _ = self._listener.accept()
        agent.setblocking(False)
        self._hang_up()  # an agent started anew takes the board from one that hangs
        credentials = agent.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.agent_pid = struct.unpack("3i", credentials)[0]
        self._agent = agent
        self._selector.register(agent, selectors.EVENT_READ)
        self.send(self._attached())

    def _read(self) -> None:
        agent = self._agent
        assert agent is not None
        try:
            chunk = agent.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._hang_up()
            return
        chunk = self._unread + chunk
        whole = len(chunk) - len(chunk) % records.RECORD.size
        self._unread = chunk[whole:]
        for record in records.RECORD.iter_unpack(chunk[:whole]):
            self._received(*record)

    def _flush(self) -> None:
        assert self._agent is not None
        try:
            sent = self._agent.send(self._backlog, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()
            return
        del self._backlog[:sent]

    def _watch(self) -> None:
        """Asks for writability only while something waits to be written."""
        if self._agent is not None:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._backlog else 0)
            if self._selector.get_key(self._agent).events != events:
                self._selector.modify(self._agent, events)

    def _hang_up(self) -> None:
        agent, self._agent = self._agent, None
        if agent is None:
            return
        self._selector.unregister(agent)
        agent.close()
        self._backlog.clear()
        self._unread = b""
        self.agent_pid = None
        self._detached()

    def _tear_down(self) -> None:
        self._hang_up()
        self._selector.close()
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._path.unlink(missing_ok=True)


def _listen(path: pathlib.Path) -> socket.socket:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise WiringError(
            f"{path} is longer than the {SOCKET_PATH_BYTES} bytes of a Unix socket's path: take a shorter folder"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            try:
                listener.connect(os.fspath(path))
            except ConnectionRefusedError:
                path.unlink()  # left behind by a board that was killed
                listener.close()
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            else:
                raise WiringError(f"another board already listens on {path}: one board per socket")
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(4)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise WiringError(f"cannot listen on {path}: {error}") from error
    except WiringError:
        listener.close()
        raise
    return listener
