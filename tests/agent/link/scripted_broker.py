"""A broker of a few lines, which answers what the test wants or nonsense, and what a connection calls back."""

import asyncio
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from agent.link.connection import V5, Connection
from agent.link.dial import dial

HOST = "127.0.0.1"
WILL = ("dabyl/v1/pillar-017/presence", b"signed will")
RECEIPTS = "dabyl/v1/pillar-017/receipt"
EVENT = "dabyl/v1/pillar-017/event"
CONNACK5 = b"\x20\x03\x00\x00\x00"
CONNACK3 = b"\x20\x02\x00\x00"


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next packet's first byte and its rest."""
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(size)


def suback(subscribe: bytes, *, v5: bool = True, code: int = 1) -> bytes:
    body = subscribe[:2] + (b"\x00" if v5 else b"") + bytes([code])
    return bytes([0x90, len(body)]) + body


def publish(topic: str, payload: bytes, *, v5: bool = True) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2) + name + b"\x00\x07" + (b"\x00" if v5 else b"") + payload
    assert len(body) < 1 << 21
    return bytes([0x32, len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14]) + body


def contents(body: bytes) -> tuple[int, bytes]:
    """Identifier and payload of a message in MQTT 5."""
    at = 2 + int.from_bytes(body[:2])
    return int.from_bytes(body[at : at + 2]), body[at + 3 :]


class Broker:
    """Answers CONNECT and SUBSCRIBE as told, then keeps what comes. ``writer`` says more while it is connected."""

    writer: asyncio.StreamWriter

    def __init__(self, connack: bytes = CONNACK5, *, v5: bool = True, code: int = 1, then: bytes = b"") -> None:
        self.connack = connack
        self.v5 = v5
        self.code = code
        self.then = then
        self.packets: list[tuple[int, bytes]] = []
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            self.packets.append(await packet(reader))
            writer.write(self.connack)
            subscribe = await packet(reader)
            self.packets.append(subscribe)
            writer.write(suback(subscribe[1], v5=self.v5, code=self.code) + self.then)
            while True:
                self.packets.append(await packet(reader))
                self.answer()
        finally:
            self.ended.set()

    def answer(self) -> None:
        """What it does about the packet that came last: nothing."""

    def payloads(self) -> list[bytes]:
        """What it was sent in messages of MQTT 5, in order."""
        return [contents(body)[1] for first, body in self.packets if first & 0xF0 == 0x30]

    def count(self, kind: int) -> int:
        return sum(first & 0xF0 == kind for first, _ in self.packets)


class Told:
    """What the connection called back."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.batches: list[list[tuple[int, int]]] = []
        self.lost: list[str] = []

    @property
    def acknowledged(self) -> list[tuple[int, int]]:
        """All acknowledgements, in order."""
        return [one for batch in self.batches for one in batch]

    def arrived(self, topic: str, payload: bytes) -> None:
        """A message."""
        self.messages.append((topic, payload))

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110  the condition is about plain lists
            await asyncio.sleep(0.005)

    async def until_lost(self) -> None:
        await self.until(lambda: self.lost)


async def dialled(tls: ssl.SSLContext, port: int, told: Told, protocol: Any = V5, keepalive_s: int = 60) -> Connection:
    """A connection that is not open yet."""
    sock = await dial(HOST, port, tls, None)
    return Connection(
        sock,
        "pillar-017",
        protocol,
        keepalive_s,
        WILL,
        told.arrived,
        told.batches.append,
        told.lost.append,
    )


async def opened(tls: ssl.SSLContext, port: int, told: Told, keepalive_s: int = 60) -> Connection:
    """A connection that is open."""
    connection = await dialled(tls, port, told, keepalive_s=keepalive_s)
    await connection.open([RECEIPTS])
    return connection


def raw(connection: Connection) -> socket.socket:
    """The connection's TCP socket under its TLS, to meddle with; to be closed."""
    return socket.socket(fileno=os.dup(connection._sock.fileno()))


def narrow(broker: Broker, connection: Connection) -> None:
    """Let the kernel hold little of what the broker does not read."""
    broker.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)


def nothing_left_in(loop: asyncio.AbstractEventLoop, descriptor: int) -> bool:
    """Whether the loop watches the descriptor for nothing."""
    return not loop.remove_reader(descriptor) and not loop.remove_writer(descriptor)


def arrived(connection: Connection) -> None:
    """Wait, without letting the loop have a turn, until the kernel holds something to read."""
    with raw(connection) as line:
        assert select.select([line], [], [], 10)[0]
