"""A subscriber that costs less than what it measures: a process of its own that stamps each message as it comes off the socket.

``python -m benchmarks.watcher HOST PORT CA CERTIFICATE KEY CLIENT FILTER…`` speaks just enough MQTT 3.1.1 (QoS 1, acknowledged) over
mutual TLS, by hand, because a Python client library at the subscriber would bound the throughput of every publisher alike. Records go to
standard output whenever nothing more waits on the socket. `Watcher` starts one and collects.
"""

import dataclasses
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from benchmarks.processes import BenchmarkError
from provisioning.authority.identity import IdentityFiles

RECORD = struct.Struct("<qHI")
"""Instant in ns of CLOCK_MONOTONIC, bytes of the topic, bytes of the payload; both follow."""
KEEPALIVE_S = 60
PING_S = 20
_READY = RECORD.pack(0, 0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A message as the subscriber got it; ``ns`` of CLOCK_MONOTONIC."""

    ns: int
    topic: str
    payload: bytes


class Watcher:
    """A running subscriber. ``messages`` grows while it runs; a context manager.

    Args:
        host: of the broker.
        port: of the broker.
        identity: a certificate that may read the filters.
        client: the certificate's CN.
        filters: topic filters.

    Raises:
        BenchmarkError: it could not subscribe.
    """

    def __init__(self, host: str, port: int, identity: IdentityFiles, client: str, filters: Sequence[str]) -> None:
        files = (identity.root, identity.chain, identity.key)
        command = [sys.executable, "-m", "benchmarks.watcher", host, str(port), *map(os.fspath, files), client]
        self.messages: list[Message] = []
        self._arrived = threading.Condition()
        self._ready = False
        self._over = False
        self._process = subprocess.Popen(
            [*command, *filters], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
        )
        threading.Thread(target=self._read, name=f"reads {client}", daemon=True).start()
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._ready or self._over, 20) or not self._ready:
                self._process.kill()
                raise BenchmarkError(f"the subscriber {client} could not subscribe to {', '.join(filters)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def mark(self) -> int:
        """How many messages there are now, for ``since``."""
        with self._arrived:
            return len(self.messages)

    def since(self, mark: int, topic: str) -> list[Message]:
        """The messages on ``topic`` after ``mark``."""
        with self._arrived:
            return [message for message in self.messages[mark:] if message.topic == topic]

    def wait(self, enough: Callable[[Sequence[Message]], bool], mark: int, timeout_s: float) -> bool:
        """Block until ``enough`` says so of the messages since ``mark``; False if it did not in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._over or enough(self.messages[mark:]), timeout_s)

    def _read(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        waiting = bytearray()
        while True:
            chunk = os.read(descriptor, 1 << 20)
            with self._arrived:
                if not chunk:
                    self._over = True
                    self._arrived.notify_all()
                    return
                waiting += chunk
                del waiting[: self._take(waiting)]
                self._arrived.notify_all()

    def _take(self, waiting: bytearray) -> int:
        at = 0
        while len(waiting) - at >= RECORD.size:
            ns, topic_size, size = RECORD.unpack_from(waiting, at)
            topic_at = at + RECORD.size
            end = topic_at + topic_size + size
            if len(waiting) < end:
                break
            at = end
            if not ns:
                self._ready = True
                continue
            topic = waiting[topic_at : topic_at + topic_size].decode()
            self.messages.append(Message(ns, topic, bytes(waiting[topic_at + topic_size : end])))
        return at


def main(argv: list[str]) -> int:
    """Subscribe and write records until killed, or until nobody reads."""
    host, port, ca, certificate, key, client, *filters = argv
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as sock,
    ):
        plain_socket: ssl.SSLSocket = sock
        plain_socket.settimeout(None)
        name = client.encode()
        body = b"\x00\x04MQTT\x04\x02" + struct.pack(">HH", KEEPALIVE_S, len(name)) + name
        sock.sendall(bytes((0x10, len(body))) + body)
        if _exactly(sock, 4)[3]:
            return 1
        wanted = b"".join(struct.pack(">H", len(one)) + one.encode() + b"\x01" for one in filters)
        sock.sendall(bytes((0x82, len(wanted) + 2)) + b"\x00\x01" + wanted)
        if 0x80 in _exactly(sock, 4 + len(filters))[4:]:
            return 1
        os.write(1, _READY)
        _follow(sock)
    return 0


def _follow(sock: ssl.SSLSocket) -> None:
    waiting = bytearray()
    out = bytearray()
    while True:
        if not sock.pending() and not select.select([sock], [], [], 0)[0]:
            while out:
                del out[: os.write(1, out)]
            if not select.select([sock], [], [], PING_S)[0]:
                sock.sendall(b"\xc0\x00")
                continue
        chunk = sock.recv(65536)
        now_ns = time.monotonic_ns()
        if not chunk:
            return
        waiting += chunk
        acknowledgements = bytearray()
        at = 0
        while (found := _packet(waiting, at)) is not None:
            head, begin, at = found
            if head >> 4 != 3:
                continue
            topic_end = begin + 2 + int.from_bytes(waiting[begin : begin + 2])
            payload_at = topic_end
            if head & 6:
                payload_at += 2
                acknowledgements += b"\x40\x02" + waiting[topic_end:payload_at]
            out += RECORD.pack(now_ns, topic_end - begin - 2, at - payload_at)
            out += waiting[begin + 2 : topic_end]
            out += waiting[payload_at:at]
        del waiting[:at]
        if acknowledgements:
            sock.sendall(acknowledgements)


def _packet(waiting: bytearray, at: int) -> tuple[int, int, int] | None:
    """(first byte, where the body begins, where it ends) of the whole packet at ``at``, if it is whole (MQTT 3.1.1, 2.2.3)."""
    size = shift = 0
    place = at + 1
    while place < len(waiting):
        byte = waiting[place]
        place += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (waiting[at], place, place + size) if place + size <= len(waiting) else None
    return None


def _exactly(sock: ssl.SSLSocket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = sock.recv(count - len(found))
        if not chunk:
            raise SystemExit(1)
        found += chunk
    return found


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
