"""One MQTT connection from the client's side, without a socket and without a clock: bytes in, happenings out, bytes to send.

Whoever drives it hands over what the network brought (``receive``), sends what ``to_send`` gives, and asks ``keepalive`` now and then.
It is used once; what must be sent again on the next connection is not its business. Everything that a broker sends is bounded, and
checked as far as this client builds on it; what breaks the standard ends in ``BROKEN``. Properties that bind nobody are skipped unread.
"""

from agent.mqtt import packets, reasons
from agent.mqtt.errors import MqttError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Happening = tuple[Any, ...]

CONNECTED = "connected"
"""``(CONNECTED, code)``: the broker's answer to CONNECT; 0 is a yes. After a no, nothing that follows is read."""
SUBSCRIBED = "subscribed"
"""``(SUBSCRIBED, codes)``: the answer to SUBSCRIBE, a code for each topic; from 0x80 it is a refusal."""
MESSAGE = "message"
"""``(MESSAGE, topic, payload)``: a message arrived. It is acknowledged already."""
ACKNOWLEDGED = "acknowledged"
"""``(ACKNOWLEDGED, mid, code)``: the broker has taken a message, or has refused it (from 0x80; only MQTT 5 can say no)."""
DISCONNECTED = "disconnected"
"""``(DISCONNECTED, code)``: the broker is about to hang up (MQTT 5). Nothing that follows is read."""
BROKEN = "broken"
"""``(BROKEN, why)``: the broker sent what is no MQTT, or what this client never asked for. Nothing that follows is read."""

LEAST_PACKET = 2048
"""Bytes of a packet that a broker has to take at least (MQTT 5): presence with its certificates is somewhat smaller. With less than an
alarm's size nothing would get out, not even that something is too large."""
_MAX_MID = 0xFFFF


class Session:
    """The state of one connection.

    Args:
        version: ``packets.V311`` or ``packets.V5``.
        max_received: bytes of a packet that the broker may send at most.
        now_ms: the time, milliseconds of any clock that never goes back.
    """

    def __init__(self, version: int, max_received: int, now_ms: int) -> None:
        self.version = version
        self.keepalive_ms = 0
        """The client lets the broker hear from it within this time, and wants to hear from the broker; 0 for never."""
        self.receive_max = 65535
        """Messages that the broker takes before it has acknowledged the first (MQTT 5, §3.2.2.3.3; 3.1.1 cannot say)."""
        self._room = _MAX_MID - 1
        self.max_packet: "int | None" = None
        """Bytes of a packet at most, where the broker said so (MQTT 5)."""
        self._max_received = max_received
        self._out: "list[bytes]" = []
        self._parts: "list[bytes]" = []
        self._have = 0
        self._need = 0
        self._mid = 0
        self._in_flight: "set[int]" = set()
        self._topics: "dict[str, bytes]" = {}
        self._subscribing = (0, 0)
        self._answered = False
        self._over = False
        self._left = False
        self._sent_ms = now_ms
        self._received_ms = now_ms
        self._pinged_ms: "int | None" = None

    # What the client does

    def connect(self, client_id: str, keepalive_s: int, will_topic: str, will: bytes) -> None:
        """Queue CONNECT; nothing else may be sent before the broker has answered it."""
        self.keepalive_ms = keepalive_s * 1000
        self._out.append(packets.connect(self.version, client_id, keepalive_s, will_topic, will, self._max_received))

    def subscribe(self, topics: "list[str]") -> None:
        """Queue one SUBSCRIBE with QoS 1.

        Raises:
            MqttError: the broker has not answered the last one.
        """
        if self._subscribing[0]:
            raise MqttError("a subscription is under way")
        mid = self._next_mid()
        self._out.append(packets.subscribe(self.version, mid, topics))
        self._subscribing = (mid, len(topics))

    @property
    def has_room(self) -> bool:
        """Whether ``publish`` takes another message now."""
        return len(self._in_flight) < self._room

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int:
        """Queue a message with QoS 1; its packet identifier, which is free again once the message is acknowledged.

        Raises:
            MqttError: as many messages are unacknowledged as the broker takes at once, or 65,534 (an identifier is left for SUBSCRIBE); or
                the message does not fit MQTT.
        """
        if not self.has_room:
            raise MqttError("%d messages are unacknowledged" % len(self._in_flight))
        name = self._topics.get(topic)
        if name is None:
            name = self._topics[topic] = packets.string(topic)
        mid = self._next_mid()
        self._out.append(packets.publish(self.version, mid, name, payload, retain))
        self._in_flight.add(mid)
        return mid

    def disconnect(self) -> None:
        """Queue DISCONNECT, the last packet: the broker forgets the will and hangs up. What it still sends has come too late."""
        self._out.append(packets.DISCONNECT)
        self._left = True
        self._room = 0

    def to_send(self, now_ms: int) -> bytes:
        """What is queued, which now counts as sent."""
        out = self._out
        if not out:
            return b""
        self._sent_ms = now_ms
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def keepalive(self, now_ms: int) -> "int | None":
        """Queue a PINGREQ if it is time; milliseconds until the next look, or None if the broker is dead.

        It pings when three quarters of the keepalive passed in silence of either side, and gives up a quarter later.
        """
        whole = self.keepalive_ms
        if not whole or self._left:
            return _MAX_MID * 1000
        if self._pinged_ms is not None:
            wait = self._pinged_ms + whole // 4 - now_ms
            return wait if wait > 0 else None
        quiet_since = min(self._sent_ms, self._received_ms)
        wait = quiet_since + whole * 3 // 4 - now_ms
        if wait > 0:
            return wait
        self._out.append(packets.PINGREQ)
        self._pinged_ms = now_ms
        return max(1, whole // 4)

    # What the broker does

    def receive(self, data: bytes, now_ms: int) -> "list[Happening]":
        """What ``data``, the next bytes from the network in pieces of any size, completes. It raises nothing."""
        self._received_ms = now_ms
        self._pinged_ms = None  # whatever arrives is a sign of life
        if self._left:
            return []
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._parts)
            self._parts = []
        happenings: "list[Happening]" = []
        try:
            self._read(data, happenings)
        except MqttError as error:
            self._over = True
            happenings.append((BROKEN, str(error)))
        return happenings

    def _read(self, data: bytes, happenings: "list[Happening]") -> None:
        i = 0
        end = len(data)
        while i < end and not self._over:
            size, start = self._frame(data, i)
            if start + size > end or not start:
                self._parts = [data[i:]]
                self._have = end - i
                self._need = start + size - i if start else self._have + 1
                return
            if data[i] == 0x40 and size == 2 and self._answered:  # by far the most frequent, so without a copy
                self._acknowledge(data[start] << 8 | data[start + 1], 0, happenings)
            else:
                self._take(data[i], data[start : start + size], happenings)
            i = start + size

    def _frame(self, b: bytes, i: int) -> "tuple[int, int]":
        """The size of the packet at ``i`` without its fixed header, and where that ends; 0, 0 if ``b`` ends before."""
        end = len(b)
        if i + 1 < end and b[i + 1] < 128:
            size = b[i + 1]
            start = i + 2
        else:
            if end - i < 5 and not any(byte < 128 for byte in b[i + 1 : end]):
                return 0, 0
            size, start = packets.read_variable_integer(b, i + 1)
        if start - i + size > self._max_received:
            raise MqttError("a packet of %d bytes, at most %d are taken" % (start - i + size, self._max_received))
        return size, start

    def _take(self, first: int, body: bytes, happenings: "list[Happening]") -> None:
        if first == 0x20:
            happenings.append((CONNECTED, self._connack(body)))
            return
        if not self._answered:
            raise MqttError("packet 0x%02x before the answer to CONNECT" % first)
        if first & 0xF0 == 0x30:
            self._message(first, body, happenings)
        elif first == 0x40:
            if len(body) < 2 or (len(body) > 2 and self.version != packets.V5):
                raise MqttError("PUBACK of %d bytes" % len(body))
            self._acknowledge(body[0] << 8 | body[1], body[2] if len(body) > 2 else 0, happenings)
        elif first == 0x90:
            happenings.append((SUBSCRIBED, self._suback(body)))
        elif first == 0xE0 and self.version == packets.V5:
            self._over = True
            happenings.append((DISCONNECTED, body[0] if body else 0))
        elif first != 0xD0 or body:  # all that is left is the answer to a ping
            raise MqttError("packet 0x%02x of %d bytes, which no broker sends here" % (first, len(body)))

    def _connack(self, body: bytes) -> int:
        if self._answered:
            raise MqttError("CONNACK twice")
        # An old broker answers MQTT 5 in the words of 3.1.1.
        old = self.version == packets.V5 and len(body) == 2 and body[1] != 0
        if len(body) < 2 or (len(body) != 2 and self.version != packets.V5):
            raise MqttError("a malformed CONNACK of %d bytes" % len(body))
        if body[0]:
            raise MqttError("CONNACK speaks of a session, and a clean start was asked for")
        self._answered = True
        code = body[1]
        if self.version == packets.V5 and not old:
            told = packets.connack_properties(body, 2)
            code = code or self._bound_by(told)
        self._over = code != 0
        return code

    def _bound_by(self, told: "dict[int, int]") -> int:
        """Take what CONNACK says about the broker's limits; the reason why this client cannot live with them, or 0."""
        self.receive_max = told.get(packets.RECEIVE_MAXIMUM, 65535)
        self._room = min(self.receive_max, _MAX_MID - 1)
        self.max_packet = told.get(packets.MAXIMUM_PACKET_SIZE)
        if self.receive_max == 0 or self.max_packet == 0:
            raise MqttError("CONNACK with a limit of 0")
        if self.max_packet is not None and self.max_packet < LEAST_PACKET:
            return reasons.PACKET_TOO_LARGE
        keepalive_ms = told.get(packets.SERVER_KEEP_ALIVE, 0) * 1000
        if keepalive_ms:  # a longer one, or none at all, must not keep the client from noticing a dead broker
            self.keepalive_ms = min(self.keepalive_ms or keepalive_ms, keepalive_ms)
        if told.get(packets.MAXIMUM_QOS) == 0:
            return reasons.QOS_NOT_SUPPORTED
        if told.get(packets.RETAIN_AVAILABLE) == 0:
            return reasons.RETAIN_NOT_SUPPORTED
        return 0

    def _suback(self, body: bytes) -> bytes:
        i = 2
        if self.version == packets.V5:
            i = packets.skip_properties(body, 2)
        mid, count = self._subscribing
        if len(body) < 2 or not mid or body[0] << 8 | body[1] != mid or len(body) - i != count:
            raise MqttError("SUBACK for no subscription of this client")
        if any(1 < code < 0x80 for code in body[i:]):
            raise MqttError("SUBACK grants what was not asked for")
        self._subscribing = (0, 0)
        return body[i:]

    def _message(self, first: int, body: bytes, happenings: "list[Happening]") -> None:
        qos = first >> 1 & 3
        if qos > 1:
            raise MqttError("a message with QoS %d, and at most 1 was asked for" % qos)
        name, i = packets.read_string(body, 0)
        mid = 0
        if qos:
            if i + 2 > len(body):
                raise MqttError("a message ends before its identifier")
            mid = body[i] << 8 | body[i + 1]
            i += 2
            if not mid:
                raise MqttError("a message with identifier 0")
        if self.version == packets.V5:
            i = packets.skip_properties(body, i)
        topic = packets.text(name)
        if not topic or "+" in topic or "#" in topic:
            raise MqttError("a message without a topic name")
        if mid:
            self._out.append(packets.puback(mid))
        happenings.append((MESSAGE, topic, body[i:]))

    def _acknowledge(self, mid: int, code: int, happenings: "list[Happening]") -> None:
        if mid in self._in_flight:
            self._in_flight.discard(mid)
            happenings.append((ACKNOWLEDGED, mid, code))

    def _next_mid(self) -> int:
        mid = self._mid
        while True:
            mid = mid + 1 if mid < _MAX_MID else 1
            if mid not in self._in_flight and mid != self._subscribing[0]:
                self._mid = mid
                return mid
