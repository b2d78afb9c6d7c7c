"""What a broker's reason codes mean, for people: CONNACK of MQTT 3.1.1 (§3.2.2.3), and all of MQTT 5 (§2.4) that say no."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

UNACCEPTABLE_VERSION: "Final" = (0x01, 0x84)
"""The broker does not speak this version of MQTT."""
RETAIN_NOT_SUPPORTED: "Final" = 0x9A
QOS_NOT_SUPPORTED: "Final" = 0x9B
PACKET_TOO_LARGE: "Final" = 0x95
NOT_MENDED_BY_TIME: "Final" = (
    0x04,
    0x05,
    0x86,
    0x87,
    0x8A,
    0x8C,
    PACKET_TOO_LARGE,
    RETAIN_NOT_SUPPORTED,
    QOS_NOT_SUPPORTED,
)
"""Bad credentials, not authorised, banned, bad authentication method, packets too large for the broker, no retained messages, no QoS 1:
trying again at once is of no use."""

_TEXTS = """
00 normal disconnection
01 unacceptable protocol version
02 client identifier rejected
03 server unavailable
04 bad user name or password
05 not authorised
80 unspecified error
81 malformed packet
82 protocol error
83 implementation specific error
84 unsupported protocol version
85 client identifier not valid
86 bad user name or password
87 not authorised
88 server unavailable
89 server busy
8a banned
8b server shutting down
8c bad authentication method
8d keepalive timeout
8e session taken over
8f topic filter invalid
90 topic name invalid
91 packet identifier in use
92 packet identifier not found
93 receive maximum exceeded
94 topic alias invalid
95 packet too large
96 message rate too high
97 quota exceeded
98 administrative action
99 payload format invalid
9a retain not supported
9b QoS not supported
9c use another server
9d server moved
9e shared subscriptions not supported
9f connection rate exceeded
a0 maximum connect time
a1 subscription identifiers not supported
a2 wildcard subscriptions not supported
"""
# One text: a map of them would take a board a kilobyte more.


def describe(code: int) -> str:
    """The reason in words, or its number."""
    words = _TEXTS.partition("\n%02x " % code)[2]
    return words.partition("\n")[0] or "reason 0x%02x" % code
