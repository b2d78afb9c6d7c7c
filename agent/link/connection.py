"""One MQTT connection, from CONNECT to its end: ``agent.mqtt`` on a TLS socket, driven by the event loop.

A connection is used once; what must be sent again on the next one is the outbox's business. Everything here happens in the loop's thread.
"""

import asyncio
import ssl
import time

from agent.link.errors import LinkError
from agent.mqtt import packets, reasons, session
from agent.mqtt.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

V5 = packets.V5
V311 = packets.V311
PACKET_OVERHEAD = 256
"""Bytes of an MQTT packet around a message, at most: fixed header, topic, identifier, properties."""
MAX_RECEIVED = 131072
"""Bytes of a packet that the broker may send at most: twice the contract's largest message."""
_READ_BYTES = 16384
"""A TLS record holds no more (RFC 8446 §5.1)."""
_RECORDS_AT_ONCE = 64
"""Then the loop has its turn. What is left is still in the kernel, for OpenSSL reads no record ahead, and the descriptor announces it."""
_HUNG_UP = "the broker hung up"


class Connection:
    """A connection. The callbacks are called in the loop's thread, never from inside ``publish`` or ``flush``:

    * ``on_message(topic, payload)``
    * ``on_acknowledged([(mid, code), …])``: the broker's PUBACKs; ``code`` ≥ 0x80 is a refusal (MQTT 5 only; 3.1.1 cannot say no).
    * ``on_lost(reason)``: the connection is over, once. ``close`` calls it at once, and so does everything that ends a connection.
    """

    def __init__(
        self,
        sock: ssl.SSLSocket,
        client_id: str,
        version: int,
        keepalive_s: int,
        will: tuple[str, bytes],
        on_message: "Callable[[str, bytes], None]",
        on_acknowledged: "Callable[[list[tuple[int, int]]], None]",
        on_lost: "Callable[[str], None]",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._on_message = on_message
        self._on_acknowledged = on_acknowledged
        self._on_lost = on_lost
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._session = Session(version, MAX_RECEIVED, _now_ms())
        self._session.connect(client_id, keepalive_s, *will)
        self._keepalive: asyncio.TimerHandle | None = None
        self._unsent = b""
        self._writing = False
        self._lost = False
        self.answered = False
        """Whether the broker answered CONNECT at all."""

    async def open(self, topics: "list[str]") -> None:
        """CONNECT, then subscribe to ``topics`` with QoS 1; returns when the broker has answered both.

        Raises:
            LinkError: the broker refused or went away.
        """
        self._loop.add_reader(self._sock, self._readable)
        self._look()
        await self._connected
        self._session.subscribe(topics)
        self.flush()
        await self._subscribed
        if self._lost:  # it ended between the broker's answer and now
            raise LinkError("the connection ended right after the subscription")

    @property
    def receive_max(self) -> int:
        """Messages that the broker takes before it has acknowledged the first."""
        return self._session.receive_max

    @property
    def has_room(self) -> bool:
        """Whether ``publish`` takes another message now."""
        return not self._lost and self._session.has_room

    @property
    def max_packet(self) -> int | None:
        """Bytes of a packet at most, where the broker said so."""
        return self._session.max_packet

    def takes(self, size: int) -> bool:
        """Whether the broker takes a message of ``size`` bytes, as far as it has said."""
        most = self._session.max_packet
        return most is None or size + PACKET_OVERHEAD <= most

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int | None:
        """Queue a message with QoS 1, for ``flush``; its packet identifier, or None if there is no room for it."""
        return self._session.publish(topic, payload, retain) if self.has_room else None

    def flush(self) -> None:
        """Hand to the network what is queued; what it does not take now goes as soon as it does."""
        if self._lost:
            return
        unsent = memoryview(self._unsent + self._session.to_send(_now_ms()))
        self._unsent = b""
        try:
            while unsent:
                unsent = unsent[self._sock.send(unsent) :]
        except ssl.SSLWantReadError:  # TLS 1.2 renegotiates and waits for the broker; what comes then flushes again
            self._unsent = bytes(unsent)
        except ssl.SSLWantWriteError:
            self._unsent = bytes(unsent)
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._sock, self.flush)
            return
        except OSError as error:
            self._loop.call_soon(self._gave_way, _reason(error))
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock)

    def leave(self) -> None:
        """Say DISCONNECT after what is queued, so that the broker publishes no will; then it hangs up.

        Who said it must not close the connection: with something unread that is a reset (RFC 1122 §4.2.2.13), which takes from the broker
        what it has not read yet.
        """
        self._session.disconnect()
        self.flush()

    def close(self, reason: str) -> None:
        """End the connection after what is queued. The broker publishes the will."""
        self.flush()
        self._over(reason)

    def _readable(self) -> None:
        """Take what has come. OpenSSL hands out a record at a time, and a broker's acknowledgements come in a record each."""
        chunks = []
        ended = None
        try:
            for _ in range(_RECORDS_AT_ONCE):
                chunk = self._sock.recv(_READ_BYTES)
                if not chunk:
                    ended = _HUNG_UP
                    break
                chunks.append(chunk)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            ended = _reason(error)
        if chunks:
            ended = self._tell(self._session.receive(b"".join(chunks), _now_ms())) or ended
        if ended is not None:
            self._over(ended)
        self.flush()

    def _gave_way(self, reason: str) -> None:
        """Nothing can be sent any more. A broker that hangs up may have said why; else ``reason`` has to do."""
        if not self._lost:
            self._readable()
            self._over(reason)

    def _tell(self, happenings: "list[session.Happening]") -> str | None:
        """Hand up what happened; the broker's reason why it is over, if it is."""
        acknowledged = []
        ended = None
        for happening in happenings:
            what = happening[0]
            if what is session.ACKNOWLEDGED:
                acknowledged.append(happening[1:])
            elif what is session.MESSAGE:
                self._loop.call_soon(self._on_message, happening[1], happening[2])
            elif what is session.CONNECTED:
                self._connack(happening[1])
            elif what is session.SUBSCRIBED:
                self._suback(happening[1])
            elif what is session.DISCONNECTED:
                ended = reasons.describe(happening[1])
            else:
                ended = f"the broker sent what is no MQTT: {happening[1]}"
        if acknowledged:
            self._on_acknowledged(acknowledged)
        return ended

    def _connack(self, code: int) -> None:
        self.answered = True
        if code == 0:
            _resolve(self._connected)
            self._look()  # again, for the broker may have asked for another keepalive
            return
        error = LinkError(
            f"the broker refused: {reasons.describe(code)}",
            refused=code in reasons.NOT_MENDED_BY_TIME,
            version=code in reasons.UNACCEPTABLE_VERSION,
        )
        _fail(self._connected, error)

    def _suback(self, codes: bytes) -> None:
        refused = [code for code in codes if code >= 0x80]
        if refused:
            reason = f"the broker refused the subscription: {reasons.describe(refused[0])}"
            _fail(self._subscribed, LinkError(reason, refused=True))
        else:
            _resolve(self._subscribed)

    def _look(self) -> None:
        if self._keepalive is not None:
            self._keepalive.cancel()
        wait_ms = self._session.keepalive(_now_ms())
        if wait_ms is None:
            self._over("the broker is silent")
            return
        self._keepalive = self._loop.call_later(wait_ms / 1000, self._look)
        self.flush()

    def _over(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = True
        if self._keepalive is not None:
            self._keepalive.cancel()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        gone = LinkError(f"the connection ended: {reason}")
        _fail(self._connected, gone)
        _fail(self._subscribed, gone)
        self._on_lost(reason)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLEOFError):  # CPython also says so of a connection that was reset
        return _HUNG_UP
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    return error.strerror or "the network failed"


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: "asyncio.Future[None]", error: LinkError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # it may be that nobody waits for it any more
