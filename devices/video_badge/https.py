"""A connection to an HTTPS server (HTTP/1.1, RFC 9112): requests, and answers of a bounded size, one after the other.

Python's own client reads headers with its mail parser, with which it takes a running badge 1 MB. What the evidence server does not send is
not read here: an answer in chunks has its status and headers, no body, and is the connection's last.
"""

import errno
import socket
import ssl
from collections.abc import Mapping

from agent.link.dial import plain

HEAD_MAX = 16_384
"""Bytes of status and headers at most."""
BODY_MAX = 65_536


class HttpError(Exception):
    """What came is no answer of HTTP/1.1."""


class Connection:
    """A verified connection.

    Args:
        server: (host, port); the host must stand in the server's certificate.
        tls: how to verify it.
        timeout_s: for each wait.

    Raises:
        OSError: there is no connection, or the certificate is not believed.
    """

    def __init__(self, server: tuple[str, int], tls: ssl.SSLContext, timeout_s: float) -> None:
        host, port = server
        self._host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raw = socket.create_connection((plain(host), port), timeout_s)  # type: ignore[arg-type]  # getaddrinfo takes bytes
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = tls.wrap_socket(raw, server_hostname=plain(host))
        except BaseException:
            raw.close()
            raise
        self._answers = self.socket.makefile("rb")
        self.usable = True
        """Whether another request can follow."""

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request: status, headers by lower-case name, body.

        Raises:
            OSError: the connection broke.
            HttpError: what came is no answer.
        """
        told = {"Host": self._host, **headers}
        if body is not None or method not in ("GET", "HEAD"):
            told["Content-Length"] = str(len(body or b""))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        self.usable = False  # until the answer is whole
        self.socket.sendall("\r\n".join(lines).encode("ascii"))
        if body:
            self.socket.sendall(body)
        status, found = self._head()
        while status < 200:  # on its way
            status, found = self._head()
        if method == "HEAD" or status in (204, 304):
            size = 0
        elif "transfer-encoding" in found:
            return status, found, b""
        else:
            size = _size(found)
        answer = self._answers.read(min(size, BODY_MAX))
        if len(answer) < min(size, BODY_MAX):
            raise HttpError("the answer was cut off")
        self.usable = size <= BODY_MAX and found.get("connection", "").lower() != "close"
        return status, found, answer

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self.socket.close()

    def _head(self) -> tuple[int, dict[str, str]]:
        left = HEAD_MAX
        lines: list[str] = []
        while not lines or lines[-1]:
            line = self._answers.readline(left)
            left -= len(line)
            if not line and not lines:
                raise ConnectionResetError(errno.ECONNRESET, "the server hung up")
            if not line.endswith(b"\n"):
                raise HttpError("the head of the answer was cut off, or is too long")
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        version, _, rest = lines[0].partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or not (rest[:3].isascii() and rest[:3].isdigit()):
            raise HttpError("the answer has no status")
        found: dict[str, str] = {}
        for header in lines[1:-1]:
            name, colon, value = header.partition(":")
            if not colon or name != name.strip():
                raise HttpError("the answer has a header that is none")
            found[name.lower()] = value.strip()
        if version == "HTTP/1.0":
            found["connection"] = "close"
        return int(rest[:3]), found


def _size(found: Mapping[str, str]) -> int:
    told = found.get("content-length", "0")
    if not (told.isascii() and told.isdigit()) or len(told) > 15:
        raise HttpError("the answer tells no length")
    return int(told)
