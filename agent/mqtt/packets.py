"""MQTT control packets as bytes: what a client sends, and the parts of what it receives.

MQTT 3.1.1 and MQTT 5 (OASIS standards; section numbers are of version 5, where they differ in nothing). What the product does not use
does not exist here: QoS 2, topic aliases, user names, subscription options beyond QoS.
"""

from agent.mqtt.errors import MqttError

V311 = 4
V5 = 5
"""The protocol levels as CONNECT carries them (§3.1.2.2)."""

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
"""Normal disconnection: the broker forgets the will."""

_MAX_REMAINING = 0x0FFFFFFF
_INTEGERS = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
_STRINGS = (0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F)
_USER_PROPERTY = 0x26

SERVER_KEEP_ALIVE = 0x13
RECEIVE_MAXIMUM = 0x21
MAXIMUM_QOS = 0x24
RETAIN_AVAILABLE = 0x25
MAXIMUM_PACKET_SIZE = 0x27
"""Properties of CONNACK (§3.2.2.3) that bind the client."""


def variable_integer(n: int) -> bytes:
    """``n`` as a variable byte integer (§1.5.5).

    Raises:
        MqttError: it needs more than four bytes.
    """
    if n < 128:
        return bytes((n,))
    if n > _MAX_REMAINING:
        raise MqttError("a packet of %d bytes does not fit MQTT" % n)
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def string(text: "str | bytes") -> bytes:
    """Text or binary data with its length in two bytes (§1.5.4, §1.5.6).

    Raises:
        MqttError: more than 65,535 bytes.
    """
    b = text if isinstance(text, bytes) else text.encode()
    if len(b) > 0xFFFF:
        raise MqttError("a string of %d bytes does not fit MQTT" % len(b))
    return len(b).to_bytes(2, "big") + b


def connect(
    version: int, client_id: str, keepalive_s: int, will_topic: str, will: bytes, max_received: int = 0
) -> bytes:
    """CONNECT (§3.1): a clean start, and a retained will with QoS 1.

    Args:
        version: ``V311`` or ``V5``.
        client_id: the client's identifier.
        keepalive_s: seconds, 0 to 65,535.
        will_topic: where the broker publishes the will.
        will: the message.
        max_received: bytes of a packet that the broker may send at most, 0 for no word about it; version 3.1.1 cannot say it.
    """
    limit = will_limit = b""
    if version == V5:
        limit = b"\x05\x27" + max_received.to_bytes(4, "big") if max_received else b"\x00"
        will_limit = b"\x00"
    body = b"".join(
        (
            b"\x00\x04MQTT",
            bytes((version, 0x2E)),  # will retained, QoS 1; clean start
            keepalive_s.to_bytes(2, "big"),
            limit,
            string(client_id),
            will_limit,
            string(will_topic),
            string(will),
        )
    )
    return b"\x10" + variable_integer(len(body)) + body


def subscribe(version: int, mid: int, topics: "list[str]") -> bytes:
    """SUBSCRIBE (§3.8) to ``topics`` with QoS 1."""
    parts = [mid.to_bytes(2, "big"), b"\x00" if version == V5 else b""]
    for topic in topics:
        parts.append(string(topic))
        parts.append(b"\x01")
    body = b"".join(parts)
    return b"\x82" + variable_integer(len(body)) + body


def publish(version: int, mid: int, topic: bytes, payload: bytes, retain: bool = False) -> bytes:
    """PUBLISH (§3.3) with QoS 1; ``topic`` as ``string`` makes it."""
    ends = b"\x00" if version == V5 else b""
    size = len(topic) + 2 + len(ends) + len(payload)
    return b"".join(
        (b"\x33" if retain else b"\x32", variable_integer(size), topic, mid.to_bytes(2, "big"), ends, payload)
    )


def puback(mid: int) -> bytes:
    """PUBACK (§3.4): success."""
    return b"\x40\x02" + mid.to_bytes(2, "big")


def read_variable_integer(b: bytes, i: int) -> "tuple[int, int]":
    """The variable byte integer at ``i``, and where the next field starts.

    Raises:
        MqttError: it does not end in ``b``, or not within four bytes.
    """
    value = shift = 0
    while shift < 28:
        if i >= len(b):
            raise MqttError("a packet ends inside a number")
        byte = b[i]
        i += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, i
        shift += 7
    raise MqttError("a number of more than four bytes")


def read_string(b: bytes, i: int) -> "tuple[bytes, int]":
    """The string at ``i`` (undecoded), and where the next field starts.

    Raises:
        MqttError: it does not end in ``b``.
    """
    start = i + 2
    if start > len(b):
        raise MqttError("a packet ends inside a string")
    end = start + (b[i] << 8 | b[i + 1])
    if end > len(b):
        raise MqttError("a packet ends inside a string")
    return b[start:end], end


def text(b: bytes) -> str:
    """A string's bytes as text (§1.5.4). MicroPython's codec also takes surrogates, longer forms and what lies past U+10FFFF.

    Raises:
        MqttError: it is not UTF-8, or holds U+0000.
    """
    try:
        s = b.decode()
    except ValueError:  # UnicodeError is one, here and on MicroPython
        raise MqttError("text that is not UTF-8")
    if len(s) != len(b):
        width = 0
        for c in s:
            o = ord(c)
            if 0xD800 <= o < 0xE000 or o > 0x10FFFF:
                raise MqttError("text that is not UTF-8")
            width += 1 + (o > 0x7F) + (o > 0x7FF) + (o > 0xFFFF)
        if width != len(b):
            raise MqttError("text that is not UTF-8")
    if "\x00" in s:
        raise MqttError("text with U+0000")
    return s


def skip_properties(b: bytes, i: int) -> int:
    """Where the field after the properties at ``i`` starts.

    Raises:
        MqttError: they do not end in ``b``.
    """
    length, i = read_variable_integer(b, i)
    if i + length > len(b):
        raise MqttError("a packet ends inside its properties")
    return i + length


def connack_properties(b: bytes, i: int) -> "dict[int, int]":
    """The properties of a CONNACK (§3.2.2.3), which start at ``i`` and end the packet: integers by their value, strings by a 1.

    Raises:
        MqttError: one is unknown, there twice, cut, or no flag where it has to be one.
    """
    end = skip_properties(b, i)
    if end != len(b):
        raise MqttError("CONNACK goes on after its properties")
    _, i = read_variable_integer(b, i)
    found = {}
    while i < end:
        name = b[i]
        i += 1
        value = 1
        if name in _INTEGERS:
            width = _INTEGERS[name]
            if i + width > end:
                raise MqttError("CONNACK ends inside a property")
            value = int.from_bytes(b[i : i + width], "big")
            if width == 1 and value > 1:
                raise MqttError("CONNACK has %d for the property 0x%02x, which is 0 or 1" % (value, name))
            i += width
        elif name in _STRINGS:
            _, i = read_string(b, i)
        elif name == _USER_PROPERTY:
            _, i = read_string(b, i)
            _, i = read_string(b, i)
            continue  # may be there any number of times
        else:
            raise MqttError("CONNACK has the unknown property 0x%02x" % name)
        if name in found:
            raise MqttError("CONNACK has the property 0x%02x twice" % name)
        found[name] = value
    return found
