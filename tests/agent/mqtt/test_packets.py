"""Each packet of the client, byte for byte as the OASIS standards lay it out: typed in from their tables, not computed."""

import pytest

from agent.mqtt import packets
from agent.mqtt.errors import MqttError
from agent.mqtt.packets import V5, V311

CONNECT_311 = (
    "10 1b"  #               fixed header: CONNECT, 27 bytes follow
    "00 04 4d 51 54 54"  #   protocol name MQTT
    "04"  #                  protocol level 3.1.1
    "2e"  #                  will retained, will QoS 1, will, clean session
    "00 3c"  #               keepalive 60 s
    "00 03 61 2d 31"  #      client identifier a-1
    "00 05 61 2f 77 2f 31"  # will topic a/w/1
    "00 03 01 00 ff"  #      will message
)
CONNECT_5 = (
    "10 22"  #               fixed header: CONNECT, 34 bytes follow
    "00 04 4d 51 54 54"  #   protocol name MQTT
    "05"  #                  protocol version 5
    "2e"  #                  will retained, will QoS 1, will, clean start
    "00 3c"  #               keepalive 60 s
    "05 27 00 02 00 00"  #   5 bytes of properties: maximum packet size 131,072
    "00 03 61 2d 31"  #      client identifier a-1
    "00"  #                  no will properties
    "00 05 61 2f 77 2f 31"  # will topic a/w/1
    "00 03 01 00 ff"  #      will message
)
CONNECT_5_SILENT = (
    "10 1d 00 04 4d 51 54 54 05 2e 00 00"  # keepalive 0: off
    "00"  #                  no properties
    "00 03 61 2d 31 00 00 05 61 2f 77 2f 31 00 03 01 00 ff"
)


@pytest.mark.parametrize(
    ("version", "keepalive_s", "max_received", "expected"),
    [
        (V311, 60, 131072, CONNECT_311),
        (V5, 60, 131072, CONNECT_5),
        (V5, 0, 0, CONNECT_5_SILENT),
    ],
    ids=["3.1.1", "5", "5 without keepalive and limit"],
)
def test_connect(version: int, keepalive_s: int, max_received: int, expected: str) -> None:
    made = packets.connect(version, "a-1", keepalive_s, "a/w/1", b"\x01\x00\xff", max_received)
    assert made.hex(" ") == bytes.fromhex(expected).hex(" ")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (V311, "82 0e 12 34  00 03 61 2f 62 01  00 03 63 2f 64 01"),
        (V5, "82 0f 12 34 00  00 03 61 2f 62 01  00 03 63 2f 64 01"),
    ],
    ids=["3.1.1", "5"],
)
def test_subscribe(version: int, expected: str) -> None:
    assert packets.subscribe(version, 0x1234, ["a/b", "c/d"]) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("version", "retain", "payload", "expected"),
    [
        (V311, False, b"\xa0\x00", "32 09  00 03 61 2f 62  ff fe  a0 00"),
        (V311, True, b"\xa0\x00", "33 09  00 03 61 2f 62  ff fe  a0 00"),
        (V5, False, b"\xa0\x00", "32 0a  00 03 61 2f 62  ff fe  00  a0 00"),
        (V5, True, b"", "33 08  00 03 61 2f 62  ff fe  00"),
    ],
    ids=["3.1.1", "3.1.1 retained", "5", "5 retained, empty"],
)
def test_publish(version: int, retain: bool, payload: bytes, expected: str) -> None:
    made = packets.publish(version, 0xFFFE, packets.string("a/b"), payload, retain)
    assert made == bytes.fromhex(expected)


def test_the_short_ones() -> None:
    assert packets.puback(0x0102) == bytes.fromhex("40 02 01 02")
    assert bytes.fromhex("c0 00") == packets.PINGREQ
    assert bytes.fromhex("e0 00") == packets.DISCONNECT


@pytest.mark.parametrize(
    ("n", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "80 01"),
        (16383, "ff 7f"),
        (16384, "80 80 01"),
        (2097151, "ff ff 7f"),
        (2097152, "80 80 80 01"),
        (268435455, "ff ff ff 7f"),
    ],
)
def test_a_variable_byte_integer_at_each_border_of_the_standards_table(n: int, encoded: str) -> None:
    b = bytes.fromhex(encoded)
    assert packets.variable_integer(n) == b
    assert packets.read_variable_integer(b"\x30" + b + b"\x01", 1) == (n, 1 + len(b))


def test_what_does_not_fit_mqtt_is_refused() -> None:
    with pytest.raises(MqttError, match="a packet of 268435456 bytes does not fit MQTT"):
        packets.variable_integer(268435456)
    assert packets.string(b"x" * 65535) == b"\xff\xff" + b"x" * 65535
    with pytest.raises(MqttError, match="a string of 65536 bytes does not fit MQTT"):
        packets.string("é" * 32768)
    with pytest.raises(MqttError, match="65536"):
        packets.connect(V5, "a", 60, "t", bytes(65536))


def test_a_string_counts_bytes_and_not_letters() -> None:
    assert packets.string("é") == b"\x00\x02\xc3\xa9"


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        ("", "inside a number"),
        ("80", "inside a number"),
        ("ff ff ff", "inside a number"),
        ("80 80 80 80 01", "more than four"),
    ],
)
def test_a_number_that_does_not_end_is_refused(encoded: str, words: str) -> None:
    with pytest.raises(MqttError, match=words):
        packets.read_variable_integer(bytes.fromhex(encoded), 0)


@pytest.mark.parametrize("encoded", ["", "00", "00 01", "00 03 61 62", "ff ff 61"])
def test_a_string_that_does_not_end_is_refused(encoded: str) -> None:
    with pytest.raises(MqttError, match="inside a string"):
        packets.read_string(bytes.fromhex(encoded), 0)


def test_a_string_is_read_where_it_stands() -> None:
    b = bytes.fromhex("aa 00 02 61 62 00 00 bb")
    assert packets.read_string(b, 1) == (b"ab", 5)
    assert packets.read_string(b, 5) == (b"", 7)
    assert packets.read_string(b"\x01\x00" + bytes(256), 0) == (bytes(256), 258)


@pytest.mark.parametrize(
    "good", ["", "a/b", "\x01\x7f", "é", "\u0800", "\ud7ff\ue000", "\uffff", "\U00010000", "\U0010ffff"]
)
def test_text_is_read(good: str) -> None:
    assert packets.text(good.encode()) == good


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("61 00 62", r"U\+0000"),
        ("ff", "not UTF-8"),
        ("61 c3", "not UTF-8"),
        ("c0 80", "not UTF-8"),
        ("ed a0 80", "not UTF-8"),
        ("f4 90 80 80", "not UTF-8"),
    ],
    ids=["zero", "no byte of it", "cut", "longer form", "surrogate", "past the end"],
)
def test_text_that_utf_8_cannot_carry_is_refused(bad: str, words: str) -> None:
    with pytest.raises(MqttError, match=words):
        packets.text(bytes.fromhex(bad))


def test_properties_are_skipped_as_far_as_they_say() -> None:
    assert packets.skip_properties(bytes.fromhex("00 aa"), 0) == 1
    assert packets.skip_properties(bytes.fromhex("ee 03 01 02 03"), 1) == 5
    with pytest.raises(MqttError, match="inside its properties"):
        packets.skip_properties(bytes.fromhex("ee 04 01 02 03"), 1)


PROPERTIES = {
    "11 00 00 00 0a": 10,  #    session expiry interval
    "13 00 14": 20,  #          server keep alive
    "21 01 20": 288,  #         receive maximum
    "22 00 05": 5,  #           topic alias maximum
    "24 01": 1,  #              maximum QoS
    "25 00": 0,  #              retain available
    "27 00 01 00 00": 65536,  # maximum packet size
    "28 01": 1,  #              wildcard subscription available
    "29 00": 0,  #              subscription identifiers available
    "2a 01": 1,  #              shared subscription available
    "12 00 02 61 62": 1,  #     assigned client identifier
    "15 00 01 78": 1,  #        authentication method
    "16 00 02 00 ff": 1,  #     authentication data
    "1a 00 00": 1,  #           response information
    "1c 00 01 73": 1,  #        server reference
    "1f 00 01 72": 1,  #        reason string
}
"""Each property that CONNACK may have once (§3.2.2.3), and what is read of it."""
USER = bytes.fromhex("26 00 01 6b 00 02 76 77")


def counted(told: bytes) -> bytes:
    assert len(told) < 128
    return bytes([len(told)]) + told


def test_every_property_of_connack_is_read() -> None:
    told = USER + b"".join(bytes.fromhex(one) for one in PROPERTIES) + USER
    expected = {bytes.fromhex(one)[0]: value for one, value in PROPERTIES.items()}
    assert len(expected) == 16
    assert packets.connack_properties(b"\x00\x00" + counted(told), 2) == expected
    assert packets.connack_properties(b"\x00", 0) == {}


@pytest.mark.parametrize("one", PROPERTIES)
def test_a_property_of_connack_stands_there_once_and_whole(one: str) -> None:
    told = bytes.fromhex(one)
    assert packets.connack_properties(counted(told), 0) == {told[0]: PROPERTIES[one]}
    with pytest.raises(MqttError, match=f"the property 0x{told[0]:02x} twice"):
        packets.connack_properties(counted(told + USER + told), 0)
    with pytest.raises(MqttError, match=r"ends inside a (property|string)"):
        packets.connack_properties(counted(told[:-1]), 0)


@pytest.mark.parametrize("flag", [0x24, 0x25, 0x28, 0x29, 0x2A])
def test_a_flag_of_connack_is_0_or_1(flag: int) -> None:
    with pytest.raises(MqttError, match=f"CONNACK has 2 for the property 0x{flag:02x}"):
        packets.connack_properties(counted(bytes([flag, 2])), 0)


@pytest.mark.parametrize("known", sorted({bytes.fromhex(one)[0] for one in PROPERTIES} | {0x26}))
def test_a_property_that_connack_does_not_have_is_refused(known: int) -> None:
    for name in (known - 1, known + 1):
        if name in {bytes.fromhex(one)[0] for one in PROPERTIES} | {0x26}:
            continue
        with pytest.raises(MqttError, match=f"the unknown property 0x{name:02x}"):
            packets.connack_properties(counted(bytes([name, 0, 0, 0, 0])), 0)


def test_a_user_property_stands_there_whole() -> None:
    for cut in range(1, len(USER)):
        with pytest.raises(MqttError, match="inside a string"):
            packets.connack_properties(counted(USER[:cut]), 0)


def test_connack_ends_with_its_properties() -> None:
    with pytest.raises(MqttError, match="goes on after its properties"):
        packets.connack_properties(b"\x00\x00", 0)
