"""What a broker's reason codes mean, for people: CONNACK of MQTT 3.1.1 (§3.2.2.3), and all of MQTT 5 (§2.4) that say no."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

UNACCEPTABLE_VERSION: "Final" = (0x01, 0x84)
"""The broker does not speak this version of MQTT."""
RETAIN_NOT_SUPPORTED: "Final" = 0x9A
QOS_NOT_SUPPORTED: "Final" = 0x9B
NOT_MENDED_BY_TIME: "Final" = (0x04, 0x05, 0x86, 0x87, 0x8A, 0x8C, RETAIN_NOT_SUPPORTED, QOS_NOT_SUPPORTED)
"""Bad credentials, not authorised, banned, bad authentication method, no retained messages, no QoS 1: trying again at once is of no use."""

_NAMES = {
    0x00: "normal disconnection",
    0x01: "unacceptable protocol version",
    0x02: "client identifier rejected",
    0x03: "server unavailable",
    0x04: "bad user name or password",
    0x05: "not authorised",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keepalive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x92: "packet identifier not found",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    RETAIN_NOT_SUPPORTED: "retain not supported",
    QOS_NOT_SUPPORTED: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}


def describe(code: int) -> str:
    """The reason in words, or its number."""
    return _NAMES.get(code) or "reason 0x%02x" % code
