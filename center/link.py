"""The link to the broker: one MQTT connection at a time, over mutual TLS, with a persistent session and manual acknowledgement.

What arrives goes into a bounded queue together with the connection it came on; the broker hears PUBACK for it only when ``acknowledge`` is
called, that is after the commit. Each connection is a new paho client, so that neither an acknowledgement nor a message number of an old
connection can ever touch a new one. MQTT 5 first, 3.1.1 for brokers that know no better. Reconnects for ever, with backoff and jitter.
A full queue stops the reading, so that TCP slows the broker down: overload is waited out, not dropped. What the broker had not acknowledged
when a connection ended is published again, with the same event id: delivery is at least once, and consumers tell repeats by the id.
"""

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.wire.cose import MAX_MESSAGE
from center.config import BrokerAccess
from center.errors import BrokerError, ConfigurationError

QUEUE = 1_000
"""Messages at most that wait to be verified: room for the window of an old connection and that of a new one. A broker need not keep the
window: Mosquitto 2.0.11, told ReceiveMaximum 500, sends all it has after the first PUBACK. So the queue's end is where reading stops."""
WINDOW = 500
"""ReceiveMaximum, MQTT 5 §3.1.2.11.3."""
PATIENCE_S = 5.0
"""So long reading may stop for one message, well below the keep-alive. Then nothing takes from the queue (the database does not store),
and what comes is dropped without PUBACK, so that the connection lives; it is asked for again when the queue is empty."""
_GLANCE_S = 0.05
KEEPALIVE_S = 15
CONNECT_S = 10
SESSION_S = 30 * 86_400
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STABLE_S = 30.0
"""A connection that lasted this long makes the next wait the first one again."""
_BROKER_ROLE = "urn:dabyl:broker:"


@dataclass(frozen=True, slots=True)
class Received:
    """A message, and what is needed to acknowledge it. ``payload`` is cut just above the contract's bound, so it stays refusable."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int
    client: paho.Client


def tls_context(access: BrokerAccess) -> ssl.SSLContext:
    """TLS 1.2 or later, the broker's certificate and name verified, one's own certificate shown.

    Raises:
        ConfigurationError: a file is missing or does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    try:
        context.load_verify_locations(cafile=str(access.ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"[broker] ca {access.ca} cannot be used: {_words(error)}") from None
    try:
        context.load_cert_chain(str(access.certificate), str(access.key), password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"[{access.table}] certificate {access.certificate} with key {access.key} cannot be used: {_words(error)}"
        ) from None
    return context


class Link:
    """The connection, kept by a thread of its own.

    Args:
        access: brokers and TLS files.
        client_id: fixed, so that the broker keeps the session; equals the certificate's CN.
        subscriptions: topic filters, all with QoS 1.
        draw: random numbers in [0, 1), for jitter.
        clock: monotonic seconds.
        on_state: told "connected HOST" or "disconnected WHY", from the link's thread.
        persistent: keep the session over disconnections.
        news: set after each message, for who waits for several links.
    """

    def __init__(
        self,
        access: BrokerAccess,
        client_id: str,
        subscriptions: tuple[str, ...],
        *,
        draw: Callable[[], float],
        clock: Callable[[], float],
        on_state: Callable[[bool, str], None],
        persistent: bool = True,
        news: threading.Event | None = None,
    ) -> None:
        self.received: queue.Queue[Received] = queue.Queue(QUEUE)
        self.published: queue.SimpleQueue[tuple[paho.Client, int, bool]] = queue.SimpleQueue()
        """Connection, number, and whether the broker has taken the message: MQTT 5 can say no (§3.4.2.1)."""
        self.dropped = 0
        self._access = access
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._draw = draw
        self._clock = clock
        self._on_state = on_state
        self._persistent = persistent
        self._news = news
        self._tls = tls_context(access)
        self._old_protocol: set[tuple[str, int]] = set()
        self._client: paho.Client | None = None
        self._patient = True
        self._renewed = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="center-link", daemon=True)

    @property
    def client(self) -> paho.Client | None:
        """The connection that stands, None while there is none."""
        return self._client

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def end(self) -> None:
        """Begin to disconnect; ``stop`` waits for it."""
        self._stopping.set()

    def stop(self) -> None:
        """Disconnect and end the thread; the broker keeps the session."""
        self.end()
        self._thread.join(CONNECT_S + 2)

    def renew(self) -> None:
        """End the connection and make a new one, without the wait that grows with failures: the broker sends again what has no PUBACK."""
        client = self._client
        if client is not None:
            self._renewed = True
            client.disconnect()

    def acknowledge(self, message: Received) -> None:
        """PUBACK. For a connection that is gone this does nothing: the broker sends the message again."""
        if message.qos and message.client is self._client:
            with contextlib.suppress(ValueError, OSError):
                message.client.ack(message.mid, message.qos)

    def publish(self, client: paho.Client, topic: str, payload: bytes) -> int | None:
        """Publish with QoS 1 on this connection; returns the number that ``published`` will name, None if it is gone."""
        if client is not self._client:
            return None
        try:
            info = client.publish(topic, payload, qos=1)
        except (ValueError, OSError, RuntimeError):
            return None
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _run(self) -> None:
        attempt = 0
        waits = 0
        while not self._stopping.is_set():
            host = self._access.hosts[attempt % len(self._access.hosts)]
            attempt += 1
            began = self._clock()
            try:
                verdict = self._session(host)
            except Exception as error:  # noqa: BLE001  whatever a broker or the library does, the link tries again, and says so
                self._client = None
                self._on_state(False, f"{host[0]}:{host[1]}: {type(error).__name__}: {_words(error)}")
                verdict = "failed"
            if self._stopping.is_set():
                return
            if verdict == "protocol":
                attempt -= 1
                continue
            if verdict == "served":
                attempt -= 1
                if self._renewed or self._clock() - began > STABLE_S:
                    waits = 0
                self._renewed = False
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(waits, 16)) * (0.5 + self._draw())
            waits += 1
            self._stopping.wait(wait)

    def _session(self, host: tuple[str, int]) -> str:
        """One connection, from its first packet to its end: ``served``, ``failed``, or ``protocol``: try again with 3.1.1."""
        modern = host not in self._old_protocol
        ended = threading.Event()
        answer: list[str] = []
        client = self._new_client(modern, ended, answer)
        where = f"{host[0]}:{host[1]}"
        try:
            self._connect(client, host, modern)
            _check_role(client)
        except (OSError, ValueError, BrokerError) as error:
            self._on_state(False, f"{where}: {_words(error)}")
            _close(client)
            return "failed"
        client.loop_start()
        limit = self._clock() + CONNECT_S
        while not answer and not ended.wait(0.05) and self._clock() < limit and not self._stopping.is_set():
            pass
        if answer != ["ok"]:
            _close(client)
            if modern and not self._stopping.is_set() and (not answer or answer[0] == "protocol"):
                self._old_protocol.add(host)
                return "protocol"
            self._old_protocol.discard(host)
            self._on_state(False, f"{where}: {answer[0] if answer else 'no answer to CONNECT'}")
            return "failed"
        self._on_state(True, where)
        while not ended.wait(0.5):
            if self._stopping.is_set():
                client.disconnect()
                ended.wait(2)
                break
        self._client = None
        _close(client)
        self._on_state(False, where)
        return "served"

    def _new_client(self, modern: bool, ended: threading.Event, answer: list[str]) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if modern else not self._persistent,
            protocol=MQTTProtocolVersion.MQTTv5 if modern else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.tls_set_context(self._tls)
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # no bound: who publishes keeps a window, with room for alarms

        def on_connect(
            client: paho.Client, _data: object, _flags: paho.ConnectFlags, code: ReasonCode, _more: Properties | None
        ) -> None:
            if code.is_failure:
                answer.append("protocol" if "protocol" in str(code).lower() else f"the broker refused: {code}")
                return
            self._client = client
            client.subscribe([(topic, 1) for topic in self._subscriptions])
            answer.append("ok")

        def on_message(client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
            self._take(client, message)

        def on_subscribe(
            client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _more: Properties | None
        ) -> None:
            if any(code.is_failure for code in codes):
                self._on_state(False, f"the broker does not let {self._client_id} subscribe: check its access rules")
                client.disconnect()

        def on_publish(
            client: paho.Client, _data: object, mid: int, code: ReasonCode, _more: Properties | None
        ) -> None:
            self.published.put((client, mid, not code.is_failure))  # under paho's own lock: nothing here may wait

        def on_disconnect(*_: object) -> None:
            ended.set()

        def on_socket_open(_client: paho.Client, _data: object, sock: object) -> None:
            assert isinstance(sock, socket.socket)
            # Without it a receipt waits up to 40 ms behind the PUBACK for the other side's delayed ACK (RFC 896, RFC 1122 §4.2.3.2).
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        client.on_socket_open = on_socket_open
        client.on_connect = on_connect
        client.on_message = on_message
        client.on_subscribe = on_subscribe
        client.on_publish = on_publish
        client.on_disconnect = on_disconnect
        return client

    def _take(self, client: paho.Client, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload = bytes(message.payload[: MAX_MESSAGE + 1])
        taken = Received(topic, payload, message.retain, message.mid, message.qos, client)
        limit = self._clock() + (PATIENCE_S if self._patient else 0.0)
        while True:
            waits = self._clock() < limit and not self._stopping.is_set()
            try:
                self.received.put(taken, block=waits, timeout=_GLANCE_S)  # paho reads nothing meanwhile
            except queue.Full:
                if waits:
                    continue
                # Not acknowledged, so the broker sends it again on the next connection.
                self._patient = False
                self.dropped += 1
                return
            self._patient = True
            if self._news is not None:
                self._news.set()
            return

    def _connect(self, client: paho.Client, host: tuple[str, int], modern: bool) -> None:
        if not modern:
            client.connect(host[0], host[1], KEEPALIVE_S)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho types everything but this
        properties.ReceiveMaximum = WINDOW
        properties.MaximumPacketSize = 2 * MAX_MESSAGE
        if self._persistent:
            properties.SessionExpiryInterval = SESSION_S
        client.connect(host[0], host[1], KEEPALIVE_S, clean_start=not self._persistent, properties=properties)


def _check_role(client: paho.Client) -> None:
    """Whoever answers must hold a broker's certificate: a device's key must not serve as one."""
    sock = client.socket()
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    names = certificate.get("subjectAltName", ()) if certificate else ()
    if not any(name[0] == "URI" and str(name[1]).startswith(_BROKER_ROLE) for name in names):
        raise BrokerError(f"the certificate of the broker lacks its role, a SAN URI {_BROKER_ROLE}<id>")


def _close(client: paho.Client) -> None:
    with contextlib.suppress(OSError, ValueError):
        client.disconnect()
    client.loop_stop()
    sock = client.socket()
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.close()


def _no_password() -> str:
    raise ValueError("the key is encrypted: keep it unencrypted with mode 0600")


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted: {error.verify_message}"
    return str(getattr(error, "strerror", None) or error)[:200] or type(error).__name__
