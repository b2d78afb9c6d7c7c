"""Whatever a broker sends, and however the network cuts it: the same happenings, no other error, and no more memory than agreed."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.mqtt.session import Session
from benchmarks.mqtt import GENUINE, fuzz
from tests.agent.mqtt.broker_side import (
    COMMAND,
    PINGRESP,
    RECEIPT,
    V5,
    V311,
    begun,
    connack,
    message,
    packet,
    puback,
    suback,
)

LIMIT = 600
HAPPENINGS = {"connected": 2, "subscribed": 2, "message": 3, "acknowledged": 3, "disconnected": 2, "broken": 2}


def waiting(version: int) -> Session:
    """A session that waits for the answers to CONNECT, to SUBSCRIBE (identifier 1) and to five messages (2 to 6)."""
    session = begun(version, max_received=LIMIT)
    session.subscribe([RECEIPT, COMMAND])
    for number in range(5):
        session.publish(COMMAND, b"%d" % number)
    session.to_send(0)
    return session


def told(version: int, pieces: Sequence[bytes]) -> tuple[list[Any], bytes, tuple[Any, ...]]:
    """All happenings, what is to be sent then, and what the session knows."""
    session = waiting(version)
    happenings: list[Any] = []
    for piece in pieces:
        happenings += session.receive(piece, 0)
        assert sum(map(len, session._parts)) < LIMIT
    known = (session.receive_max, session.max_packet, session.keepalive_ms, sorted(session._in_flight))
    return happenings, session.to_send(0), known


def cut(b: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(b) + 1) for place in cuts), len(b)]
    return [b[i:j] for i, j in itertools.pairwise(places)]


@st.composite
def streams(draw: st.DrawFn, version: int) -> bytes:
    """Mostly what a broker may say, now and then what it may not."""
    names = st.sampled_from([RECEIPT.encode(), COMMAND.encode(), b"x", "é".encode(), b"a/+", b"", b"\xff"])
    properties = st.sampled_from([b"", b"\x01\x01", b"\x26\x00\x01k\x00\x01v" * 20]) if version == V5 else st.just(b"")
    messages = st.builds(
        lambda name, payload, mid, flags, told: message(version, name, payload, mid, flags, told),
        names,
        st.binary(max_size=LIMIT + 20),
        st.sampled_from([0, 0, 1, 65535]),
        st.sampled_from([0, 0, 0, 1, 8, 4]),
        properties,
    )
    rests = st.sampled_from([b"", b"\x00", b"\x97\x00"]) if version == V5 else st.just(b"")
    acknowledgements = st.builds(puback, st.integers(0, 8), rests)
    subscriptions = st.builds(lambda mid, codes: suback(version, mid, codes), st.integers(1, 2), st.binary(max_size=3))
    noise = st.builds(packet, st.integers(0, 255), st.binary(max_size=20))
    most = st.one_of(
        messages, acknowledgements, acknowledgements, st.just(suback(version, 1, b"\x01\x00")), st.just(PINGRESP)
    )
    any_packet = st.one_of(most, most, most, most, subscriptions, noise, st.binary(min_size=1, max_size=6))
    told = b"\x21\x00\x10\x13\x00\x1e\x27\x00\x00\x10\x00"
    first = draw(
        st.sampled_from([connack(version), connack(version), connack(version, 0, told), connack(version, 5), b""])
    )
    return first + b"".join(draw(st.lists(any_packet, max_size=8)))


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
@given(data=st.data(), cuts=st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_stream_says_the_same_however_it_is_cut(version: int, data: st.DataObject, cuts: list[int]) -> None:
    b = data.draw(streams(version))
    whole = told(version, [b])
    assert told(version, cut(b, cuts)) == whole
    assert told(version, [bytes([byte]) for byte in b]) == whole
    for what, *values in whole[0]:
        assert len(values) + 1 == HAPPENINGS[what]
    assert [one[0] for one in whole[0]].count("broken") <= 1


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
@given(noise=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4), greeted=st.booleans())
@example(noise=b"", cuts=[], greeted=True)
@settings(max_examples=300, deadline=None)
def test_no_bytes_at_all_make_it_fail(version: int, noise: bytes, cuts: list[int], greeted: bool) -> None:
    b = connack(version) + noise if greeted else noise
    assert told(version, cut(b, cuts)) == told(version, [b])


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
def test_a_long_stream_of_everything_arrives_whole_through_any_cuts(version: int) -> None:
    chance = random.Random(11)
    said = [connack(version), suback(version, 1, b"\x01\x01")]
    expected: list[Any] = [("connected", 0), ("subscribed", b"\x01\x01")]
    acknowledged = b""
    for number in range(500):
        payload = chance.randbytes(chance.choice([0, 1, 90, 100, 110, 125, 130, 500]))
        said.append(message(version, RECEIPT.encode(), payload, mid=number + 1))
        expected.append(("message", RECEIPT, payload))
        acknowledged += b"\x40\x02" + (number + 1).to_bytes(2)
    for mid in (4, 2, 6, 3, 5):
        said.append(puback(mid) + PINGRESP)
        expected.append(("acknowledged", mid, 0))
    b = b"".join(said)
    for most in (1, 2, 7, 600, 5000, len(b)):
        pieces = []
        i = 0
        while i < len(b):
            size = chance.randint(1, most)
            pieces.append(b[i : i + size])
            i += size
        happenings, answers, known = told(version, pieces)
        assert happenings == expected
        assert answers == acknowledged
        assert known[3] == []


@pytest.mark.parametrize(("version", "count"), [(V311, 7), (V5, 8)], ids=["3.1.1", "5"])
def test_what_is_mutated_is_genuine(version: int, count: int) -> None:
    happenings, _, known = told(version, [packet(first, body) for first, body in GENUINE[version]])
    assert len(happenings) == count
    assert all(one[0] != "broken" for one in happenings)
    assert known[3] == [5, 6]


def test_mutated_streams_make_no_other_error() -> None:
    tally = fuzz(4_000, seed=7)
    assert (tally["other_errors"], tally["disagreements"]) == (0, 0)
    assert tally["broken"] > 1_000
    assert tally["happenings"] > 4_000
