"""One MQTT connection of a board, from CONNECT to its end: ``agent.mqtt`` on a pair of asyncio streams, MicroPython's or CPython's.

A connection is used once; what must be sent again on the next one is the outbox's business. Two things call it: the task that reads
(``open``, then ``run``), and whoever publishes. Neither waits for the other.
"""

import asyncio

from agent.link.errors import LinkError
from agent.mqtt import reasons, session
from agent.mqtt.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PACKET_OVERHEAD = 256
"""Bytes of an MQTT packet around a message, at most: fixed header, topic, identifier, properties."""
MAX_RECEIVED = 16384
"""Bytes of a packet that the broker may send at most. Receipts and commands have a few hundred, and the heap of a board is small."""
HUNG_UP = "the broker hung up"
_READ_BYTES = 1024


class Connection:
    """A connection over ``reader`` and ``writer``, which ``close_streams`` closes. Callbacks:

    * ``on_message(topic, payload)``
    * ``on_acknowledged([(mid, code), …])``: the broker's PUBACKs; ``code`` ≥ 0x80 is a refusal (MQTT 5 only; 3.1.1 cannot say no).
    * ``on_lost(reason)``: the connection is over, once. ``close`` calls it at once, and so does everything that ends a connection.

    ``why(error)`` puts an error of the streams into words.
    """

    def __init__(
        self,
        reader: "Any",
        writer: "Any",
        close_streams: "Callable[[], None]",
        why: "Callable[[BaseException], str]",
        now_ms: "Callable[[], int]",
        on_message: "Callable[[str, bytes], None]",
        on_acknowledged: "Callable[[list[tuple[int, int]]], None]",
        on_lost: "Callable[[str], None]",
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._close_streams = close_streams
        self._why = why
        self._now_ms = now_ms
        self._on_message = on_message
        self._on_acknowledged = on_acknowledged
        self._on_lost = on_lost
        self._session: "Any" = None
        self._draining = False
        self._connected = False
        self._subscribed = False
        self._error: "LinkError | None" = None
        self.lost: "str | None" = None
        """Why it is over, None while it is not."""
        self.shaken = False
        """Whether TLS came about."""
        self.answered = False
        """Whether the broker answered CONNECT at all."""

    async def open(
        self, version: int, client_id: str, keepalive_s: int, will: "tuple[str, bytes]", topics: "list[str]"
    ) -> None:
        """Shake hands, CONNECT, subscribe to ``topics`` with QoS 1; returns when the broker has answered everything.

        Raises:
            LinkError: the broker refused or went away.
        """
        self._session = Session(version, MAX_RECEIVED, self._now_ms())
        self._session.connect(client_id, keepalive_s, will[0], will[1])
        try:
            self._writer.write(self._session.to_send(self._now_ms()))
            await self._writer.drain()
        except (OSError, ValueError) as error:
            reason = self._why(error)
            # Numbers below zero are Mbed TLS's, and ValueError is its verdict on a certificate.
            refused = (isinstance(error, ValueError) or (error.errno or 0) < 0) and reason != HUNG_UP
            self._error = LinkError("no connection: " + reason, refused)
            self.close(reason)
        self.shaken = self.lost is None
        while not self._connected and self.lost is None:
            await self._take()
        if self.lost is None:
            self._session.subscribe(topics)
            self.flush()
        while not self._subscribed and self.lost is None:
            await self._take()
        if self.lost is not None:
            raise self._error or LinkError("the connection ended: " + self.lost)

    async def run(self) -> None:
        """Take what the broker sends until the connection is over."""
        while self.lost is None:
            await self._take()

    @property
    def receive_max(self) -> int:
        """Messages that the broker takes before it has acknowledged the first."""
        return int(self._session.receive_max)

    @property
    def has_room(self) -> bool:
        """Whether ``publish`` takes another message now."""
        return self.lost is None and bool(self._session.has_room)

    def takes(self, size: int) -> bool:
        """Whether the broker takes a message of ``size`` bytes, as far as it has said."""
        most = self._session.max_packet
        return most is None or size + PACKET_OVERHEAD <= most

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> "int | None":
        """Queue a message with QoS 1, for ``flush``; its packet identifier, or None if there is no room for it."""
        return int(self._session.publish(topic, payload, retain)) if self.has_room else None

    def flush(self) -> None:
        """Hand to the network what is queued, in one piece; what it does not take now goes as soon as it does."""
        if self._draining or self.lost is not None:
            return
        out = self._session.to_send(self._now_ms())
        if not out:
            return
        try:
            self._writer.write(out)
        except OSError:  # whoever reads finds it out as well, and ends it
            return
        # TLS must be handed the very same bytes again that it could not send, so nothing may join them.
        if getattr(self._writer, "out_buf", None):
            self._draining = True
            self._drainer = asyncio.create_task(self._drain())

    def look(self) -> None:
        """Ping if it is time, and give up a silent broker. To be called a few times in each keepalive."""
        if self.lost is not None:
            return
        if self._session.keepalive(self._now_ms()) is None:
            self.close("the broker is silent")
        self.flush()

    def leave(self) -> None:
        """Say DISCONNECT after what is queued, so that the broker publishes no will; then it hangs up.

        Who said it must not close the connection: with something unread that is a reset (RFC 1122 §4.2.2.13), which takes from the broker
        what it has not read yet.
        """
        self._session.disconnect()
        self.flush()

    def close(self, reason: str) -> None:
        """End the connection after what is queued. The broker publishes the will."""
        if self.lost is not None:
            return
        self.flush()
        self.lost = reason
        self._close_streams()
        self._on_lost(reason)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError:
            return
        self._draining = False
        self.flush()

    async def _take(self) -> None:
        """Wait for the next bytes, and hand up what they complete."""
        ended = HUNG_UP
        try:
            came = await self._reader.read(_READ_BYTES)
        except OSError as error:
            came = b""
            ended = self._why(error)
        if not came:
            self.close(ended)
            return
        self._tell(self._session.receive(came, self._now_ms()))
        self.flush()

    def _tell(self, happenings: "list[session.Happening]") -> None:
        acknowledged = []
        ended = None
        for happening in happenings:
            what = happening[0]
            if what == session.ACKNOWLEDGED:
                acknowledged.append((happening[1], happening[2]))
            elif what == session.MESSAGE:
                self._on_message(happening[1], happening[2])
            elif what == session.CONNECTED:
                self._connack(happening[1])
            elif what == session.SUBSCRIBED:
                self._suback(happening[1])
            elif what == session.DISCONNECTED:
                ended = reasons.describe(happening[1])
            else:
                ended = "the broker sent what is no MQTT: " + happening[1]
        if acknowledged and self.lost is None:
            self._on_acknowledged(acknowledged)
        if ended:
            self.close(ended)

    def _connack(self, code: int) -> None:
        self.answered = True
        if code == 0:
            self._connected = True
            return
        reason = "the broker refused: " + reasons.describe(code)
        self._error = LinkError(reason, code in reasons.NOT_MENDED_BY_TIME, code in reasons.UNACCEPTABLE_VERSION)
        self.close(reason)

    def _suback(self, codes: bytes) -> None:
        refused = [code for code in codes if code >= 0x80]
        if refused:
            reason = "the broker refused the subscription: " + reasons.describe(refused[0])
            self._error = LinkError(reason, refused=True)
            self.close(reason)
        else:
            self._subscribed = True
