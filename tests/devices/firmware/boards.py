"""The host's side of tests with boards: identities as DER, programs on MicroPython, and TLS servers that misbehave on purpose."""

import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from provisioning.authority.identity import IdentityFiles

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).parent
MICROPYTHON = pathlib.Path(sys.executable).parent / "micropython"
HEAP = "220K"
"""Twice the heap of an ESP32 without PSRAM, for the words here are twice as long."""
PATIENCE_S = 20
DER = serialization.Encoding.DER


def lay_out(folder: pathlib.Path, root: pathlib.Path, chain: pathlib.Path, key: pathlib.Path) -> int:
    """Write an identity as a board holds it; how many certificates its chain has."""
    folder.mkdir(exist_ok=True)
    authority = x509.load_pem_x509_certificate(root.read_bytes())
    (folder / "root.der").write_bytes(authority.public_bytes(DER))
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    for n, certificate in enumerate(certificates):
        (folder / f"chain{n}.der").write_bytes(certificate.public_bytes(DER))
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    plain = private.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.der").write_bytes(plain)
    for name, file in (("root", root), ("chain", chain), ("key", key)):
        (folder / f"{name}.pem").write_bytes(file.read_bytes())
        (folder / f"{name}.pem").chmod(0o600)
    return len(certificates)


def lay_out_identity(folder: pathlib.Path, identity: IdentityFiles) -> int:
    """The same, from what the authority made."""
    return lay_out(folder, identity.root, identity.chain, identity.key)


class Program:
    """A program of this folder on MicroPython, or on CPython for those that run on both. What it says is in ``said``."""

    def __init__(
        self,
        script: str,
        folder: pathlib.Path,
        settings: dict[str, Any],
        *,
        board: bool = True,
        heap: str = HEAP,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        interpreter = [str(MICROPYTHON), "-X", f"heapsize={heap}"] if board else [sys.executable]
        fixed = {"MICROPYPATH": f"{ROOT}:.frozen", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._news = threading.Condition()
        self.said: list[dict[str, Any]] = []
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix="settings-", delete=False) as file:
            json.dump(settings, file)  # MicroPython takes no long argument
        self._process = subprocess.Popen(
            [*interpreter, str(HERE / script), str(folder), file.name],
            env={**os.environ, **fixed, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def tell(self, *commands: str) -> None:
        """Command lines for it."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(command + "\n" for command in commands).encode())
        self._process.stdin.flush()

    def of(self, what: str, **facts: Any) -> list[dict[str, Any]]:
        """What it said so far of this kind, with these facts."""
        told = list(self.said)
        return [one for one in told if one["what"] == what and facts.items() <= one.items()]

    def until(self, what: str, count: int = 1, **facts: Any) -> dict[str, Any]:
        """Wait until it has said so this often; what it said last."""
        with self._news:
            happened = self._news.wait_for(lambda: len(self.of(what, **facts)) >= count, PATIENCE_S)
        assert happened, f"it did not say {what} {facts}, but {self.said!r:.3000}"
        return self.of(what, **facts)[count - 1]

    def status(self) -> dict[str, Any]:
        """Its answer to ``status``."""
        count = len(self.of("status"))
        self.tell("status")
        return self.until("status", count + 1)

    def sockets(self) -> int:
        """How many sockets it has open."""
        folder = pathlib.Path(f"/proc/{self._process.pid}/fd")
        return sum(str(one.readlink()).startswith("socket:") for one in folder.iterdir())

    def finish(self) -> int:
        """Wait for its end; its exit code."""
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def kill(self) -> None:
        """As a power cut does."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                told = {"what": "noise", "line": line.decode(errors="replace")}
            with self._news:
                self.said.append(told)
                self._news.notify_all()


@contextlib.contextmanager
def serving(handler: Callable[[Any], object], tls: ssl.SSLContext | None, *, small: bool = False) -> Iterator[int]:
    """A server that gives each connection to ``handler``, on a thread each; its port. ``small``: the kernel keeps little for it."""
    listener = socket.socket()
    if small:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600
        )  # by which the other side's kernel sizes its buffer
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    opened: list[socket.socket] = []

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            if tls is None:
                with plain:
                    handler(plain)
            else:
                with tls.wrap_socket(plain, server_side=True) as secured:
                    handler(secured)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                opened.append(plain)
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for plain in opened:
            with contextlib.suppress(OSError):
                plain.close()


def packet(connection: Any) -> tuple[int, bytes]:
    """The next MQTT packet's first byte and its rest."""
    first = exactly(connection, 1)[0]
    size = shift = 0
    while True:
        byte = exactly(connection, 1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, exactly(connection, size)


def exactly(connection: Any, size: int) -> bytes:
    """So many bytes."""
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that is told by nobody."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
