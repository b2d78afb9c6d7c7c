"""What a session makes of what a broker says: each answer, each line of CONNACK, and each thing that a broker may not say."""

import pytest

from agent.mqtt.errors import MqttError
from agent.mqtt.session import Session
from tests.agent.mqtt.broker_side import (
    COMMAND,
    MAX_RECEIVED,
    PINGRESP,
    RECEIPT,
    V5,
    V311,
    begun,
    connack,
    connected,
    message,
    packet,
    puback,
    suback,
    taken_apart,
)

BOTH = pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
TOPIC = RECEIPT.encode()


def broken(session: Session, b: bytes) -> str:
    """Why the session is broken by ``b``, which holds nothing else; whatever follows is not read."""
    (happening,) = session.receive(b, 0)
    assert happening[0] == "broken"
    assert session.to_send(0) == b""
    assert session.receive(message(session.version, TOPIC, b"late", mid=7), 0) == []
    assert session.to_send(0) == b""
    return str(happening[1])


# CONNACK


@pytest.mark.parametrize(
    ("version", "answer", "code"),
    [
        (V311, "20 02 00 00", 0),
        (V311, "20 02 00 05", 5),
        (V5, "20 03 00 00 00", 0),
        (V5, "20 03 00 87 00", 0x87),
        (V5, "20 08 00 8a 05 1f 00 02 6e 6f", 0x8A),
        (V5, "20 02 00 01", 1),
    ],
    ids=["3 yes", "3 no", "5 yes", "5 no", "5 no with a reason", "an old broker's no to 5"],
)
def test_the_answer_to_connect(version: int, answer: str, code: int) -> None:
    assert begun(version).receive(bytes.fromhex(answer), 0) == [("connected", code)]


@BOTH
def test_after_a_no_nothing_is_read(version: int) -> None:
    session = begun(version)
    late = message(version, TOPIC, b"late", mid=7)
    assert session.receive(connack(version, 0x87) + late, 0) == [("connected", 0x87)]
    assert session.receive(late, 0) == []
    assert session.to_send(0) == b""


@pytest.mark.parametrize(
    ("version", "answer", "words"),
    [
        (V311, "20 00", "malformed CONNACK of 0"),
        (V311, "20 01 00", "malformed CONNACK of 1"),
        (V311, "20 03 00 00 00", "malformed CONNACK of 3"),
        (V311, "20 02 01 00", "a session"),
        (V311, "20 02 02 00", "a session"),
        (V5, "20 01 00", "malformed CONNACK of 1"),
        (V5, "20 02 00 00", "inside a number"),
        (V5, "20 03 01 00 00", "a session"),
        (V5, "20 03 01 87 00", "a session"),
        (V5, "20 03 00 00 01", "inside its properties"),
        (V5, "20 04 00 00 00 00", "goes on"),
        (V5, "20 05 00 00 02 17 00", "unknown property 0x17"),
        (V5, "20 06 00 00 03 21 00 00", "a limit of 0"),
        (V5, "20 08 00 00 05 27 00 00 00 00", "a limit of 0"),
        (V5, "20 05 00 00 02 24 02", "0 or 1"),
    ],
)
def test_a_connack_against_the_standard(version: int, answer: str, words: str) -> None:
    assert words in broken(begun(version), bytes.fromhex(answer))


@BOTH
def test_connack_comes_once(version: int) -> None:
    assert broken(connected(version), connack(version)) == "CONNACK twice"


@BOTH
@pytest.mark.parametrize(
    "early", ["message", "puback", "suback", "pingresp", "disconnect"], ids=lambda what: f"{what} early"
)
def test_nothing_comes_before_connack(version: int, early: str) -> None:
    session = begun(version)
    session.subscribe([RECEIPT])
    session.publish(COMMAND, b"x")
    session.to_send(0)
    said = {
        "message": message(version, TOPIC, b"x"),
        "puback": puback(2),
        "suback": suback(version),
        "pingresp": PINGRESP,
        "disconnect": packet(0xE0, b""),
    }[early]
    assert "before the answer to CONNECT" in broken(session, said)


@pytest.mark.parametrize(
    ("properties", "receive_max", "max_packet", "keepalive_ms"),
    [
        ("", 65535, None, 60_000),
        ("21 00 01", 1, None, 60_000),
        ("21 ff ff", 65535, None, 60_000),
        ("27 00 00 08 00", 65535, 2048, 60_000),
        ("27 ff ff ff ff", 65535, 0xFFFFFFFF, 60_000),
        ("13 00 0a", 65535, None, 10_000),
        ("13 00 3d", 65535, None, 60_000),
        ("13 00 00", 65535, None, 60_000),
        ("24 01 25 01", 65535, None, 60_000),
        ("21 00 20 27 00 01 00 00 13 00 05", 32, 65536, 5_000),
    ],
)
def test_what_connack_binds_the_client_to(
    properties: str, receive_max: int, max_packet: int | None, keepalive_ms: int
) -> None:
    session = connected(V5, bytes.fromhex(properties))
    assert (session.receive_max, session.max_packet, session.keepalive_ms) == (receive_max, max_packet, keepalive_ms)


def test_a_client_without_keepalive_takes_the_brokers() -> None:
    assert connected(V5, bytes.fromhex("13 00 0a"), keepalive_s=0).keepalive_ms == 10_000
    assert connected(V5, bytes.fromhex("13 00 00"), keepalive_s=0).keepalive_ms == 0


@pytest.mark.parametrize(
    ("properties", "answer", "code"),
    [
        ("24 00", 0, 0x9B),
        ("25 00", 0, 0x9A),
        ("27 00 00 07 ff", 0, 0x95),
        ("27 00 00 00 01", 0, 0x95),
        ("24 00 25 00", 0x87, 0x87),
    ],
    ids=["no QoS 1", "nothing retained", "no room for presence", "no room at all", "refused anyway"],
)
def test_a_broker_without_what_this_client_needs_counts_as_a_no(properties: str, answer: int, code: int) -> None:
    session = begun(V5)
    assert session.receive(connack(V5, answer, bytes.fromhex(properties)), 0) == [("connected", code)]
    assert session.receive(message(V5, TOPIC, b"late"), 0) == []


# Messages


@BOTH
def test_a_message_is_handed_up_and_one_with_qos_1_acknowledged(version: int) -> None:
    session = connected(version)
    assert session.receive(message(version, TOPIC, b"\x00\xff", mid=0xFFFE), 0) == [("message", RECEIPT, b"\x00\xff")]
    assert session.to_send(0) == bytes.fromhex("40 02 ff fe")
    assert session.receive(message(version, TOPIC, b""), 0) == [("message", RECEIPT, b"")]
    assert session.to_send(0) == b""


@BOTH
def test_a_message_may_be_retained_and_a_repetition(version: int) -> None:
    session = connected(version)
    for flags in (0x01, 0x08, 0x09):
        assert session.receive(message(version, TOPIC, b"x", mid=3, flags=flags), 0) == [("message", RECEIPT, b"x")]


def test_the_properties_of_a_message_are_skipped() -> None:
    session = connected(V5)
    properties = bytes.fromhex("01 01 02 00 00 00 10 26 00 01 6b 00 01 76")
    assert session.receive(message(V5, TOPIC, b"x", 5, properties=properties), 0) == [("message", RECEIPT, b"x")]


@BOTH
def test_a_topic_may_be_in_any_script(version: int) -> None:
    assert connected(version).receive(message(version, "дабыл/é/😀".encode(), b""), 0) == [
        ("message", "дабыл/é/😀", b"")
    ]


@pytest.mark.parametrize(
    ("version", "said", "words"),
    [
        (V311, packet(0x36, b"\x00\x01a\x00\x01"), "QoS 3"),
        (V311, packet(0x34, b"\x00\x01a\x00\x01"), "QoS 2"),
        (V5, packet(0x34, b"\x00\x01a\x00\x01\x00"), "QoS 2"),
        (V311, packet(0x30, b""), "inside a string"),
        (V311, packet(0x30, b"\x00"), "inside a string"),
        (V311, packet(0x30, b"\x00\x02a"), "inside a string"),
        (V311, packet(0x32, b"\x00\x01a"), "before its identifier"),
        (V311, packet(0x32, b"\x00\x01a\x01"), "before its identifier"),
        (V311, packet(0x32, b"\x00\x01a\x00\x00"), "identifier 0"),
        (V5, packet(0x30, b"\x00\x01a"), "inside a number"),
        (V5, packet(0x30, b"\x00\x01a\x01"), "inside its properties"),
        (V5, packet(0x32, b"\x00\x01a\x00\x01\x05\x01"), "inside its properties"),
        (V311, packet(0x30, b"\x00\x00x"), "without a topic name"),
        (V5, message(V5, b"", b"x", properties=b"\x23\x00\x01"), "without a topic name"),
        (V311, message(V311, b"a/+", b"x"), "without a topic name"),
        (V311, message(V311, b"a/#", b"x"), "without a topic name"),
        (V311, message(V311, b"a\x00b", b"x"), "U+0000"),
        (V311, message(V311, b"\xff", b"x"), "not UTF-8"),
        (V311, message(V311, b"\xed\xa0\x80", b"x", mid=1), "not UTF-8"),
    ],
)
def test_a_message_against_the_standard(version: int, said: bytes, words: str) -> None:
    assert words in broken(connected(version), said)


# Acknowledgements


@BOTH
def test_an_acknowledgement_frees_its_message_once(version: int) -> None:
    session = connected(version)
    first, second = session.publish(COMMAND, b"1"), session.publish(COMMAND, b"2")
    assert session.receive(puback(second) + puback(first), 0) == [
        ("acknowledged", second, 0),
        ("acknowledged", first, 0),
    ]
    assert session.receive(puback(first) + puback(999) + puback(0), 0) == []


@pytest.mark.parametrize(
    ("rest", "code"),
    [("", 0), ("00", 0), ("10", 0x10), ("10 00", 0x10), ("97", 0x97), ("87 05 1f 00 02 6e 6f", 0x87)],
    ids=["short", "success", "nobody listens", "the same with properties", "quota", "not authorised and why"],
)
def test_version_5_says_why_with_an_acknowledgement(rest: str, code: int) -> None:
    session = connected(V5)
    mid = session.publish(COMMAND, b"1")
    assert session.receive(puback(mid, bytes.fromhex(rest)), 0) == [("acknowledged", mid, code)]
    assert session.receive(puback(mid), 0) == []


@pytest.mark.parametrize(
    ("version", "said"),
    [(V311, "40 00"), (V311, "40 01 00"), (V311, "40 03 00 01 00"), (V5, "40 00"), (V5, "40 01 00")],
)
def test_an_acknowledgement_of_another_size_is_none(version: int, said: str) -> None:
    session = connected(version)
    session.publish(COMMAND, b"1")
    session.to_send(0)
    assert f"PUBACK of {bytes.fromhex(said)[1]} bytes" in broken(session, bytes.fromhex(said))


# Subscriptions


@BOTH
@pytest.mark.parametrize("codes", [b"\x01\x01", b"\x00\x01", b"\x01\x80", b"\x87\x8f"], ids=lambda codes: codes.hex())
def test_the_answer_to_a_subscription(version: int, codes: bytes) -> None:
    session = connected(version)
    session.subscribe([RECEIPT, COMMAND])
    assert session.receive(suback(version, 1, codes), 0) == [("subscribed", codes)]
    session.subscribe([RECEIPT])
    assert session.receive(suback(version, 2, b"\x01"), 0) == [("subscribed", b"\x01")]


def test_the_properties_of_suback_are_skipped() -> None:
    session = connected(V5)
    session.subscribe([RECEIPT])
    assert session.receive(packet(0x90, b"\x00\x01\x05\x1f\x00\x02no\x01"), 0) == [("subscribed", b"\x01")]


def test_the_identifier_of_a_subscription_has_two_bytes() -> None:
    session = connected(V311)
    session._mid = 0x1233
    session.subscribe([RECEIPT])
    assert session.receive(suback(V311, 0x1234), 0) == [("subscribed", b"\x01")]


@BOTH
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("wrong identifier", "no subscription"),
        ("identifier of the high byte", "no subscription"),
        ("a code too few", "no subscription"),
        ("a code too many", "no subscription"),
        ("empty", ""),
        ("half an identifier", ""),
        ("twice", "no subscription"),
        ("QoS 2", "not asked for"),
        ("a reserved code", "not asked for"),
    ],
)
def test_a_suback_for_nothing_that_was_asked(version: int, said: str, words: str) -> None:
    session = connected(version)
    session.subscribe([RECEIPT, COMMAND])
    session.to_send(0)
    if said == "twice":
        session.receive(suback(version, 1, b"\x01\x01"), 0)
    b = {
        "wrong identifier": suback(version, 2, b"\x01\x01"),
        "identifier of the high byte": suback(version, 0x0101, b"\x01\x01"),
        "a code too few": suback(version, 1, b"\x01"),
        "a code too many": suback(version, 1, b"\x01\x01\x01"),
        "empty": packet(0x90, b""),
        "half an identifier": packet(0x90, b"\x00"),
        "twice": suback(version, 1, b"\x01\x01"),
        "QoS 2": suback(version, 1, b"\x01\x02"),
        "a reserved code": suback(version, 1, b"\x7f\x01"),
    }[said]
    assert words in broken(session, b)


@BOTH
def test_a_suback_without_a_subscription(version: int) -> None:
    for mid in (0, 1):
        assert "no subscription" in broken(connected(version), suback(version, mid, b""))


def test_one_subscription_at_a_time() -> None:
    session = connected(V5)
    session.subscribe([RECEIPT])
    with pytest.raises(MqttError, match="under way"):
        session.subscribe([COMMAND])
    assert len(taken_apart(session.to_send(0))) == 1


# The end, and what is no packet here


@pytest.mark.parametrize(
    ("said", "code"),
    [("e0 00", 0), ("e0 01 8b", 0x8B), ("e0 08 8e 06 1f 00 03 77 68 79", 0x8E)],
    ids=["no word", "shutting down", "taken over, and why"],
)
def test_the_brokers_goodbye_is_told_and_ends_it(said: str, code: int) -> None:
    session = connected(V5)
    late = message(V5, TOPIC, b"late", mid=7)
    assert session.receive(bytes.fromhex(said) + late, 0) == [("disconnected", code)]
    assert session.receive(late, 0) == []
    assert session.to_send(0) == b""


@BOTH
def test_the_answer_to_a_ping_says_nothing_more(version: int) -> None:
    assert connected(version).receive(PINGRESP, 0) == []


@BOTH
@pytest.mark.parametrize(
    "said",
    [
        "00 00", "10 00", "21 02 00 00", "22 00", "41 02 00 01", "42 02 00 01", "50 02 00 01", "62 02 00 01", "70 02 00 01",
        "80 00", "82 00", "91 03 00 01 01", "a2 02 00 01", "b0 02 00 01", "c0 00", "d0 01 00", "d1 00", "d8 00", "e1 00", "e8 00",
        "f0 00", "f1 00",
    ],
)  # fmt: skip
def test_what_no_broker_sends_here_is_refused(version: int, said: str) -> None:
    b = bytes.fromhex(said)
    assert broken(connected(version), b) == f"packet 0x{b[0]:02x} of {b[1]} bytes, which no broker sends here"


def test_no_goodbye_from_a_broker_of_3_1_1() -> None:
    assert "0xe0 of 0 bytes" in broken(connected(V311), b"\xe0\x00")


@BOTH
@pytest.mark.parametrize(
    ("limit", "fits", "size", "above", "announced"),
    [
        (100, "30 62", 98, "30 63", 101),
        (129, "30 7f", 127, "30 80 01", 131),
        (131, "30 80 01", 128, "30 81 01", 132),
        (4096, "30 fd 1f", 4093, "30 fe 1f", 4097),
        (131072, "30 fc ff 07", 131068, "30 fd ff 07", 131073),
    ],
)
def test_a_packet_above_the_limit_is_refused_at_its_header(
    version: int, limit: int, fits: str, size: int, above: str, announced: int
) -> None:
    session = connected(version, max_received=limit)
    ((what, topic, payload),) = session.receive(bytes.fromhex(fits) + b"\x00\x01a" + bytes(size - 3), 0)
    assert (what, topic, len(payload)) == ("message", "a", size - 3 - (version == V5))
    assert broken(session, bytes.fromhex(above)) == f"a packet of {announced} bytes, at most {limit} are taken"


@BOTH
def test_a_length_that_does_not_end_is_refused(version: int) -> None:
    session = connected(version)
    assert session.receive(b"\x30\xff\xff\xff", 0) == []
    assert "more than four bytes" in broken(session, b"\xff")


def test_what_came_before_the_nonsense_is_told() -> None:
    session = connected(V5)
    mid = session.publish(COMMAND, b"1")
    session.to_send(0)
    happenings = session.receive(puback(mid) + message(V5, TOPIC, b"x", mid=3) + b"\x00\x00" + PINGRESP, 0)
    assert [one[0] for one in happenings] == ["acknowledged", "message", "broken"]


def test_what_is_kept_of_a_cut_packet_is_less_than_the_limit() -> None:
    session = connected(V5)
    whole = message(V5, TOPIC, bytes(MAX_RECEIVED - 60))
    assert len(whole) <= MAX_RECEIVED
    for byte in whole[:-1]:
        assert session.receive(bytes([byte]), 0) == []
    assert sum(map(len, session._parts)) == len(whole) - 1
    assert session.receive(whole[-1:] + PINGRESP, 0)[0][0] == "message"
    assert session._parts == []
