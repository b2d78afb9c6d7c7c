"""What a client hands over leaves once and in its order, and no identifier stands for two things at a time."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.mqtt.errors import MqttError
from agent.mqtt.session import Session
from tests.agent.mqtt.broker_side import (
    COMMAND,
    RECEIPT,
    V5,
    V311,
    WILL,
    begun,
    connected,
    message,
    puback,
    suback,
    taken_apart,
)

LAST = 65535


def test_nothing_to_send_is_nothing() -> None:
    session = begun(V5)
    assert session.to_send(0) == b""


def test_connect_says_what_the_client_wants() -> None:
    session = Session(V5, 4096, 0)
    session.connect("sos-0001-5f3a", 60, *WILL)
    assert session.to_send(0) == (
        b"\x10\x49\x00\x04MQTT\x05\x2e\x00\x3c\x05\x27\x00\x00\x10\x00\x00\x0dsos-0001-5f3a"
        b"\x00\x00\x1adabyl/v1/sos-0001/presence\x00\x0bsigned will"
    )
    assert session.keepalive_ms == 60_000


def test_all_identifiers_but_one_can_be_in_flight_and_that_one_is_for_a_subscription() -> None:
    session = connected(V5)
    mids = [session.publish(COMMAND, b"") for _ in range(LAST - 1)]
    assert mids == list(range(1, LAST))
    with pytest.raises(MqttError, match="65534 messages are unacknowledged"):
        session.publish(COMMAND, b"")
    session.to_send(0)
    session.subscribe([RECEIPT])
    assert session.to_send(0)[2:4] == b"\xff\xff"
    with pytest.raises(MqttError, match="65534"):
        session.publish(COMMAND, b"")
    session.receive(puback(700), 0)
    assert session.publish(COMMAND, b"") == 700, "the only one that is free"
    session.receive(suback(V5, LAST) + puback(3), 0)
    assert session.publish(COMMAND, b"") == LAST, "free again, and next after the last one"


def test_no_more_is_in_flight_than_the_broker_takes_at_once() -> None:
    session = connected(V5, bytes.fromhex("21 00 02"))
    assert [session.publish(COMMAND, b"") for _ in range(2)] == [1, 2]
    with pytest.raises(MqttError, match="2 messages are unacknowledged"):
        session.publish(COMMAND, b"")
    session.receive(puback(1), 0)
    assert session.publish(COMMAND, b"") == 3


def test_a_subscriptions_identifier_is_not_a_messages_even_when_the_numbers_go_round() -> None:
    session = connected(V5)
    session.subscribe([RECEIPT])
    session._mid = LAST
    assert session.publish(COMMAND, b"") == 2
    session.receive(suback(V5, 1), 0)
    session._mid = LAST
    assert session.publish(COMMAND, b"") == 1


def test_a_message_that_does_not_fit_takes_no_identifier() -> None:
    session = connected(V5)
    with pytest.raises(MqttError, match="does not fit MQTT"):
        session.publish("x" * 65536, b"")
    with pytest.raises(MqttError, match="does not fit MQTT"):
        session.subscribe(["x" * 65536])
    assert session._in_flight == set()
    assert session.to_send(0) == b""
    session.subscribe([RECEIPT])


Do = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from([COMMAND, RECEIPT, "é"]), st.binary(max_size=200), st.booleans()),
    st.tuples(st.just("acknowledge"), st.integers(0, 7)),
    st.tuples(st.just("subscribe"), st.integers(1, 3)),
    st.tuples(st.just("answer")),
    st.tuples(st.just("message"), st.integers(1, LAST)),
    st.tuples(st.just("send")),
    st.tuples(st.just("disconnect")),
)


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
@given(first=st.sampled_from([0, 1, LAST - 3, LAST - 1, LAST]), steps=st.lists(Do, max_size=60))
@settings(deadline=None)
def test_everything_leaves_once_in_order_and_identifiers_are_never_shared(
    version: int, first: int, steps: list[tuple[Any, ...]]
) -> None:
    session = connected(version)
    session._mid = first
    ends = b"\x00" if version == V5 else b""
    flying: list[int] = []
    asked: tuple[int, int] | None = None
    owed: list[tuple[int, bytes]] = []
    sent = b""

    for what, *values in steps:
        if what == "publish":
            topic, payload, retain = values
            mid = session.publish(topic, payload, retain)
            assert 1 <= mid <= LAST
            assert mid not in flying
            assert asked is None or mid != asked[0]
            flying.append(mid)
            name = topic.encode()
            owed.append((0x32 | retain, len(name).to_bytes(2) + name + mid.to_bytes(2) + ends + payload))
        elif what == "acknowledge" and flying:
            mid = flying.pop(values[0] % len(flying))
            assert session.receive(puback(mid), 0) == [("acknowledged", mid, 0)]
        elif what == "subscribe" and asked is None:
            session.subscribe([RECEIPT] * values[0])
            asked = (session._mid, values[0])
            assert asked[0] not in flying
            one = len(RECEIPT).to_bytes(2) + RECEIPT.encode() + b"\x01"
            owed.append((0x82, asked[0].to_bytes(2) + ends + one * values[0]))
        elif what == "answer" and asked is not None:
            assert session.receive(suback(version, asked[0], b"\x01" * asked[1]), 0)
            asked = None
        elif what == "message":
            session.receive(message(version, b"a", b"", mid=values[0]), 0)
            owed.append((0x40, values[0].to_bytes(2)))
        elif what == "send":
            sent += session.to_send(0)
            assert session.to_send(0) == b""
        elif what == "disconnect":
            session.disconnect()
            owed.append((0xE0, b""))
            assert not session.has_room
            assert session.receive(message(version, b"a", b"", mid=1), 0) == []
            assert session.keepalive(10**9) == 65_535_000
            break
    assert taken_apart(sent + session.to_send(0)) == owed
