"""The link under a broker that sends more than its window, as Mosquitto 2.0.11 does: nothing is dropped while somebody takes, and memory
stays bounded while nobody does. The broker is a script, because the fault of one version must not decide what is tested.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from center.config import BrokerAccess
from center.link import PATIENCE_S, QUEUE, WINDOW, Link
from tests.center.loopback import until
from tests.center.scripted import Pki

MESSAGES = 3 * QUEUE
_CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK = 0x20, 0x32, 0x40, 0x82, 0x90
_TOPIC = b"dabyl/v1/sos-0001/event"


class PouringBroker:
    """Lets one client in after the other, and pours MESSAGES numbered QoS 1 messages into each, whatever its window."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(str(certificate), str(key))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.windows: list[int] = []
        self.acknowledged: list[int] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, EOFError), self._tls.wrap_socket(plain, server_side=True) as sock:
                self._converse(sock)

    def _converse(self, sock: ssl.SSLSocket) -> None:
        self.connections += 1
        _, connect = _packet(sock)
        at = connect.index(
            b"\x21", 10
        )  # property 33, Receive Maximum, in the properties after the 10 bytes of fixed fields
        self.windows.append(struct.unpack_from(">H", connect, at + 1)[0])
        sock.sendall(bytes([_CONNACK, 3, 0, 0, 0]))
        while True:
            kind, body = _packet(sock)
            if kind == _SUBSCRIBE:
                sock.sendall(bytes([_SUBACK, 4]) + body[:2] + b"\x00\x01")
                threading.Thread(target=_pour, args=(sock,), daemon=True).start()
            elif kind == _PUBACK:
                self.acknowledged.append(struct.unpack_from(">H", body)[0])


def _pour(sock: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        for mid in range(1, MESSAGES + 1):
            body = struct.pack(">H", len(_TOPIC)) + _TOPIC + struct.pack(">H", mid) + b"\x00x"
            sock.sendall(bytes([_PUBLISH, len(body)]) + body)


def _packet(sock: ssl.SSLSocket) -> tuple[int, bytes]:
    """The next packet; lengths of one or two bytes are all that this conversation has."""
    kind, length = _exactly(sock, 2)
    if length & 0x80:
        length = (length & 0x7F) | (_exactly(sock, 1)[0] << 7)
    return kind, _exactly(sock, length)


def _exactly(sock: ssl.SSLSocket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise EOFError
        out += part
    return out


class Scene:
    """Broker and link. ``ahead_s`` is how far the link's clock is set ahead."""

    def __init__(self, directory: Path) -> None:
        pki = Pki(directory / "pki", time.time_ns() // 1_000_000)
        certificate, key = pki.leaf("center", "center-1")
        self.broker = PouringBroker(*pki.leaf("broker", "broker-1"))
        self.ahead_s = 0.0
        access = BrokerAccess((("127.0.0.1", self.broker.port),), pki.root, certificate, key)
        self.link = Link(
            access,
            "center-1",
            ("dabyl/v1/+/event",),
            draw=lambda: 0.0,
            clock=lambda: time.monotonic() + self.ahead_s,
            on_state=lambda _up, _text: None,
        )
        self.link.start()

    def take(self, count: int) -> list[int]:
        """As the service does: out of the queue, then PUBACK."""
        batch = [self.link.received.get(timeout=10) for _ in range(count)]
        for message in batch:
            self.link.acknowledge(message)
        return [message.mid for message in batch]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.link.stop()
    made.broker.close()


def test_a_broker_that_pours_more_than_its_window_is_slowed_down_and_nothing_is_dropped(scene: Scene) -> None:
    until(scene.link.received.full, "the queue is full")
    taken: list[int] = []
    while len(taken) < MESSAGES:
        taken += scene.take(50)
        left = min(QUEUE, MESSAGES - len(taken))
        until(lambda left=left: scene.link.received.qsize() == left, "reading goes on")  # type: ignore[misc]  # bound now
    until(lambda: len(scene.broker.acknowledged) == MESSAGES, "every PUBACK")
    assert taken == scene.broker.acknowledged == list(range(1, MESSAGES + 1))
    assert (scene.link.dropped, scene.broker.connections) == (0, 1)


def test_the_queue_holds_the_windows_that_two_connections_are_told(scene: Scene) -> None:
    until(lambda: bool(scene.broker.windows), "the connection")
    assert scene.broker.windows == [WINDOW]
    assert 2 * WINDOW <= QUEUE


def test_while_nobody_takes_memory_stays_bounded_and_all_of_it_comes_again_on_a_new_connection(scene: Scene) -> None:
    until(scene.link.received.full, "the queue is full")
    scene.ahead_s += PATIENCE_S + 1
    until(lambda: scene.link.dropped == MESSAGES - QUEUE, "patience ends, once and not for each message")
    assert scene.link.received.qsize() == QUEUE
    scene.take(QUEUE)
    scene.link.renew()
    taken: list[int] = []
    while len(taken) < MESSAGES:
        taken += scene.take(100)
    assert taken == list(range(1, MESSAGES + 1))
    assert (scene.link.dropped, scene.broker.connections) == (MESSAGES - QUEUE, 2)


def test_stopping_does_not_wait_for_room_in_the_queue(scene: Scene) -> None:
    until(scene.link.received.full, "the queue is full")
    began = time.monotonic()
    scene.link.stop()
    assert time.monotonic() - began < PATIENCE_S - 1
