"""One MQTT connection, from CONNECT to its end: paho-mqtt driven by the event loop, no second thread.

A connection is used once. paho keeps a backlog of its own across reconnects and sends it all at once; a fresh client for each
connection has none, and what must be sent again is the outbox's business. Everything here happens in the loop's thread.
"""

import asyncio
import ssl

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from agent.link.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311
_REFUSED_VERSIONS = (0x01, 0x84)
"""CONNACK codes "unacceptable protocol version" of MQTT 3.1.1 (§3.2.2.3) and 5 (§3.2.2.2)."""
_REFUSALS = (0x04, 0x05, 0x86, 0x87, 0x8A, 0x8C)
"""CONNACK codes that time alone does not mend: bad credentials, not authorised, banned, bad authentication method."""
_TOO_LARGE = 0x95
PACKET_OVERHEAD = 256
"""Bytes of an MQTT packet around a message, at most: fixed header, topic, identifier, properties."""
MAX_RECEIVED = 131072
"""Bytes of a packet that the broker may send at most: twice the contract's largest message."""


class OversizedPacket(Exception):  # noqa: N818  says what arrived; never leaves this module
    """A packet announces more than ``MAX_RECEIVED`` bytes."""


class _Driven(Client):
    """paho's client on a socket that is connected already (it would dial with blocking calls)."""

    def __init__(self, client_id: str, protocol: MQTTProtocolVersion, sock: ssl.SSLSocket) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if protocol == V5 else True,  # MQTT 5 says it with CONNECT
            protocol=protocol,
            reconnect_on_failure=False,
        )
        self._ready_socket = sock

    def _create_socket(self) -> "Any":
        return self._ready_socket

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for the rest of a packet at once, so this is where a packet's announced size shows.
        if bufsize > MAX_RECEIVED:
            raise OversizedPacket(f"{bufsize} bytes")
        received: bytes = super()._sock_recv(bufsize)
        return received


class Connection:
    """A connection. The callbacks are called in the loop's thread, never from inside ``publish``:

    * ``on_message(topic, payload)``
    * ``on_acknowledged([(mid, code), …])``: the broker's PUBACKs; ``code`` ≥ 0x80 is a refusal (MQTT 5 only; 3.1.1 cannot say no).
    * ``on_lost(reason)``: the connection is over, once.
    """

    def __init__(
        self,
        sock: ssl.SSLSocket,
        client_id: str,
        protocol: MQTTProtocolVersion,
        keepalive_s: int,
        will: tuple[str, bytes],
        on_message: "Callable[[str, bytes], None]",
        on_acknowledged: "Callable[[list[tuple[int, int]]], None]",
        on_lost: "Callable[[str], None]",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock: ssl.SSLSocket | None = sock
        self._keepalive_s = keepalive_s
        self._on_message = on_message
        self._on_acknowledged = on_acknowledged
        self._on_lost = on_lost
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._misc: asyncio.TimerHandle | None = None
        self._acknowledged: list[tuple[int, int]] = []
        self._writing = False
        self._lost = False
        self.max_packet: int | None = None
        """Bytes of a packet at most, where the broker said so (MQTT 5)."""
        self.receive_max = 65535
        """Messages that the broker takes before it has acknowledged the first (MQTT 5, §3.2.2.3.3; 3.1.1 cannot say)."""
        self.answered = False
        """Whether the broker answered CONNECT at all."""
        self._client = client = _Driven(client_id, protocol, sock)
        client.max_inflight_messages = 65535  # the outbox counts; a queue in here would make alarms wait behind others
        client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_connect = self._connack
        client.on_subscribe = self._suback
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_publish = self._puback
        client.on_socket_close = self._closing

    async def open(self, topics: "list[str]") -> None:
        """CONNECT, then subscribe to ``topics`` with QoS 1; returns when the broker has answered both.

        Raises:
            LinkError: the broker refused or went away.
        """
        assert self._sock is not None
        self._loop.add_reader(self._sock, self._readable)
        # paho wants a host, but the socket is connected: the name is for its messages only.
        self._client.connect("broker", keepalive=self._keepalive_s)
        self._flush()
        self._tick()
        await self._connected
        self._client.subscribe([(topic, 1) for topic in topics])
        self._flush()
        await self._subscribed
        if self._lost:  # it ended between the broker's answer and now
            raise LinkError("the connection ended right after the subscription")

    def takes(self, size: int) -> bool:
        """Whether the broker takes a message of ``size`` bytes, as far as it has said."""
        return self.max_packet is None or size + PACKET_OVERHEAD <= self.max_packet

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int | None:
        """Hand a message to the network with QoS 1; its packet identifier, or None if the connection is over."""
        if self._lost:
            return None
        info = self._client.publish(topic, payload, 1, retain)
        self._flush()
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def close(self, reason: str, polite: bool = False) -> None:
        """End the connection; ``polite`` sends DISCONNECT first, so that the broker does not publish the will."""
        if self._lost:
            return
        if polite:
            self._client.on_disconnect = None
            self._client.disconnect()
            self._flush()
        self._over(reason)

    def _readable(self) -> None:
        client = self._client
        while True:
            try:
                client.loop_read()
            except Exception as error:  # noqa: BLE001  paho lets several raw errors escape on a malformed packet
                self._over(f"the broker sent what is no MQTT ({type(error).__name__})")
                return
            sock = self._sock
            if sock is None or client.socket() is None:
                break
            if not sock.pending():  # bytes that OpenSSL holds already are not announced by the file descriptor
                break
        self._flush()

    def _flush(self) -> None:
        """Write what paho has queued; ask to be called when the socket takes more."""
        if self._lost:
            return
        if self._client.want_write():
            self._client.loop_write()
        sock = self._sock
        if sock is None:
            return
        if self._client.want_write() and self._client.socket() is not None:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(sock, self._flush)
        elif self._writing:
            self._writing = False
            self._loop.remove_writer(sock)

    def _tick(self) -> None:
        self._client.loop_misc()
        self._flush()
        if not self._lost:
            self._misc = self._loop.call_later(self._keepalive_s / 4, self._tick)

    def _connack(self, _client: "Any", _data: "Any", _flags: "Any", reason: "Any", properties: "Any") -> None:
        self.answered = True
        code = reason.value
        if code == 0:
            self.max_packet = getattr(properties, "MaximumPacketSize", None)
            self.receive_max = getattr(properties, "ReceiveMaximum", 65535)
            _resolve(self._connected)
            return
        error = LinkError(f"the broker refused: {reason}", refused=code in _REFUSALS, version=code in _REFUSED_VERSIONS)
        _fail(self._connected, error)

    def _suback(self, _client: "Any", _data: "Any", _mid: int, reasons: "Any", _properties: "Any") -> None:
        refused = [reason for reason in reasons if reason.value >= 0x80]
        if refused:
            _fail(self._subscribed, LinkError(f"the broker refused the subscription: {refused[0]}", refused=True))
        else:
            _resolve(self._subscribed)

    def _message(self, _client: "Any", _data: "Any", message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._loop.call_soon(self._on_message, topic, bytes(message.payload))

    def _puback(self, _client: "Any", _data: "Any", mid: int, reason: "Any", _properties: "Any") -> None:
        # paho calls this with its lock held: only take note, and tell all that came in one read together.
        if not self._acknowledged:
            self._loop.call_soon(self._tell_acknowledged)
        self._acknowledged.append((mid, reason.value))

    def _tell_acknowledged(self) -> None:
        acknowledged, self._acknowledged = self._acknowledged, []
        self._on_acknowledged(acknowledged)

    def _disconnected(self, _client: "Any", _data: "Any", _flags: "Any", reason: "Any", _properties: "Any") -> None:
        text = "packet too large" if reason.value == _TOO_LARGE else str(reason).lower()
        self._loop.call_soon(self._over, text)

    def _closing(self, _client: "Any", _data: "Any", sock: "Any") -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _over(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = True
        sock, self._sock = self._sock, None
        if self._misc is not None:
            self._misc.cancel()
        if sock is not None:
            if sock.fileno() >= 0:  # else paho has closed it, and the loop has forgotten it
                self._closing(None, None, sock)
            self._client.on_socket_close = None  # paho says it once more when it is collected
            sock.close()
        gone = LinkError(f"the connection ended: {reason}")
        _fail(self._connected, gone)
        _fail(self._subscribed, gone)
        self._on_lost(reason)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: "asyncio.Future[None]", error: LinkError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # it may be that nobody waits for it any more
