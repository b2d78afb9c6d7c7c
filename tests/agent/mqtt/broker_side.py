"""What a broker says, made by rules of its own, and what a client said, taken apart: the tests' other end of the line."""

from agent.mqtt import packets
from agent.mqtt.session import Session

WILL = ("dabyl/v1/sos-0001/presence", b"signed will")
RECEIPT = "dabyl/v1/sos-0001/receipt"
COMMAND = "dabyl/v1/sos-0001/command"
MAX_RECEIVED = 4096
PINGRESP = b"\xd0\x00"
V311 = packets.V311
V5 = packets.V5


def length(n: int) -> bytes:
    """A variable byte integer."""
    out = b""
    while True:
        n, low = divmod(n, 128)
        if not n:
            return out + bytes([low])
        out += bytes([low | 0x80])


def packet(first: int, body: bytes) -> bytes:
    """A control packet."""
    return bytes([first]) + length(len(body)) + body


def connack(version: int, code: int = 0, properties: bytes = b"", flags: int = 0) -> bytes:
    """The answer to CONNECT; ``properties`` without their length."""
    told = length(len(properties)) + properties if version == V5 else b""
    return packet(0x20, bytes([flags, code]) + told)


def suback(version: int, mid: int = 1, codes: bytes = b"\x01") -> bytes:
    """The answer to SUBSCRIBE."""
    return packet(0x90, mid.to_bytes(2) + (b"\x00" if version == V5 else b"") + codes)


def puback(mid: int, rest: bytes = b"") -> bytes:
    """The answer to a message; ``rest`` is a reason code and what follows it (MQTT 5)."""
    return packet(0x40, mid.to_bytes(2) + rest)


def message(version: int, topic: bytes, payload: bytes, mid: int = 0, flags: int = 0, properties: bytes = b"") -> bytes:
    """A PUBLISH, with QoS 1 if it has an identifier; ``flags`` are added to the first byte."""
    first = 0x30 | flags | (2 if mid else 0)
    told = length(len(properties)) + properties if version == V5 else b""
    return packet(first, len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if mid else b"") + told + payload)


def taken_apart(b: bytes) -> list[tuple[int, bytes]]:
    """First byte and body of each packet in ``b``, which ends with the last."""
    found = []
    i = 0
    while i < len(b):
        first, size, shift = b[i], 0, 0
        while True:
            i += 1
            size |= (b[i] & 0x7F) << shift
            shift += 7
            if b[i] < 0x80:
                break
        i += 1
        assert i + size <= len(b), "a packet is cut"
        found.append((first, b[i : i + size]))
        i += size
    return found


def begun(version: int, keepalive_s: int = 60, max_received: int = MAX_RECEIVED) -> Session:
    """A session at time 0 whose CONNECT is on its way."""
    session = Session(version, max_received, 0)
    session.connect("sos-0001-5f3a", keepalive_s, *WILL)
    session.to_send(0)
    return session


def connected(
    version: int, properties: bytes = b"", keepalive_s: int = 60, max_received: int = MAX_RECEIVED
) -> Session:
    """A session at time 0 whose CONNECT was answered with yes."""
    session = begun(version, keepalive_s, max_received)
    assert session.receive(connack(version, 0, properties), 0) == [("connected", 0)]
    return session
