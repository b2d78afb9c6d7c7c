"""A broker that accepts everything and forwards nothing, over real mutual TLS: it says PUBACK and drops. Such brokers exist (a full queue,
a bridge that lost its other side), and only a receipt from the center tells them apart from a good one. MQTT 3.1.1 and 5, QoS 1 only.
"""

import asyncio
import contextlib
import ssl
import threading
from types import TracebackType
from typing import Self

from provisioning.authority.identity import IdentityFiles

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14


class SwallowingBroker:
    """Listens on ``port`` of 127.0.0.1, in a thread of its own; ``swallowed`` counts messages by the topic's last level."""

    def __init__(self, identity: IdentityFiles) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(identity.root))
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.load_cert_chain(identity.chain, identity.key)
        self.swallowed: dict[str, int] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="swallowing broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        clients: set[asyncio.Task[None]] = set()

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._client(reader, writer))
            clients.add(task)
            task.add_done_callback(clients.discard)

        server = await asyncio.start_server(came, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._over.wait()
        server.close()
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = 4
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                kind = head >> 4
                if kind == CONNECT:
                    version = body[6]
                    writer.write(b"\x20\x03\x00\x00\x00" if version == 5 else b"\x20\x02\x00\x00")
                elif kind == SUBSCRIBE:
                    granted = body[:2] + (b"\x00" if version == 5 else b"") + b"\x01\x01"
                    writer.write(bytes([0x90, len(granted)]) + granted)
                elif kind == PUBLISH:
                    size = int.from_bytes(body[:2])
                    leaf = body[2 : 2 + size].decode().rpartition("/")[2]
                    self.swallowed[leaf] = self.swallowed.get(leaf, 0) + 1
                    writer.write(b"\x40\x02" + body[2 + size : 4 + size])
                elif kind == PINGREQ:
                    writer.write(b"\xd0\x00")
                elif kind == DISCONNECT:
                    break
        writer.close()


async def _length(reader: asyncio.StreamReader) -> int:
    """MQTT's variable byte integer (MQTT 5, section 1.5.5)."""
    value = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value
