"""Keepalive on a clock that the test moves: a ping in time, every byte a sign of life, silence the end."""

from collections.abc import Callable

import pytest

from agent.mqtt.session import Session
from tests.agent.mqtt.broker_side import COMMAND, PINGRESP, RECEIPT, V5, V311, begun, connack, connected, message

PINGREQ = b"\xc0\x00"


def driven(
    session: Session, from_ms: int, to_ms: int, broker: Callable[[int, bytes], bytes]
) -> tuple[list[int], int | None]:
    """Drive the session as the event loop does: look when it asks to; when it pinged, and when it called the broker dead.

    ``broker(now_ms, sent)`` gives the bytes that come back at once for what was sent.
    """
    pings: list[int] = []
    now_ms = from_ms
    while now_ms <= to_ms:
        wait_ms = session.keepalive(now_ms)
        if wait_ms is None:
            return pings, now_ms
        assert wait_ms > 0
        sent = session.to_send(now_ms)
        if sent:
            assert sent == PINGREQ
            pings.append(now_ms)
            answer = broker(now_ms, sent)
            if answer:
                session.receive(answer, now_ms)
        now_ms += wait_ms
    return pings, None


def answers(_now_ms: int, _sent: bytes) -> bytes:
    return PINGRESP


def is_silent(_now_ms: int, _sent: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])
def test_an_idle_client_pings_at_three_quarters_of_the_keepalive(version: int) -> None:
    assert driven(connected(version, keepalive_s=60), 0, 200_000, answers) == ([45_000, 90_000, 135_000, 180_000], None)


def test_a_silent_broker_is_dead_when_the_keepalive_is_over() -> None:
    assert driven(connected(V5, keepalive_s=60), 0, 200_000, is_silent) == ([45_000], 60_000)


def test_a_broker_that_falls_silent_later_is_dead_one_keepalive_after_its_last_byte() -> None:
    session = connected(V5, keepalive_s=60)
    assert session.receive(message(V5, RECEIPT.encode(), b"x"), 7_000)
    assert session.keepalive(7_000) == 38_000, "the client itself was silent since 0"
    session.publish(COMMAND, b"x")
    session.to_send(7_500)
    assert driven(session, 7_500, 200_000, is_silent) == ([52_000], 67_000)


def test_a_broker_that_only_takes_is_asked_and_one_that_only_sends_is_told() -> None:
    for chatty in ("client", "broker"):
        session = connected(V5, keepalive_s=60)
        for now_ms in range(5_000, 45_000, 5_000):
            if chatty == "client":
                session.publish(COMMAND, b"x")
                session.to_send(now_ms)
            else:
                session.receive(message(V5, RECEIPT.encode(), b"x"), now_ms)
            assert session.keepalive(now_ms) == 45_000 - now_ms
        assert session.keepalive(44_999) == 1
        assert session.to_send(44_999) == b""
        assert session.keepalive(45_000) == 15_000
        assert session.to_send(45_000) == PINGREQ


def test_talk_in_both_directions_needs_no_ping() -> None:
    session = connected(V5, keepalive_s=60)
    for now_ms in range(0, 300_000, 20_000):
        session.publish(COMMAND, b"x")
        session.receive(message(V5, RECEIPT.encode(), b"x"), now_ms)
        session.to_send(now_ms)
        assert session.keepalive(now_ms) == 45_000
        assert session.to_send(now_ms) == b""


@pytest.mark.parametrize(
    "sign",
    [PINGRESP, message(V5, RECEIPT.encode(), b"x"), b"\x30", b"\x40\x02\x00\x01"],
    ids=["pong", "message", "a byte of a packet", "an acknowledgement of nothing"],
)
def test_whatever_arrives_after_a_ping_is_a_sign_of_life(sign: bytes) -> None:
    session = connected(V5, keepalive_s=60)
    assert session.keepalive(45_000) == 15_000
    assert session.to_send(45_000) == PINGREQ
    assert session.keepalive(59_999) == 1
    session.receive(sign, 59_999)
    session.to_send(59_999)
    assert session.keepalive(60_000) == 30_000, "three quarters after the ping, the last that was sent"


def test_one_ping_at_a_time() -> None:
    session = connected(V5, keepalive_s=60)
    for now_ms in (45_000, 45_001, 50_000):
        session.keepalive(now_ms)
    assert session.to_send(50_000) == PINGREQ


def test_a_late_look_still_asks_before_it_gives_up() -> None:
    session = connected(V5, keepalive_s=60)
    assert session.keepalive(500_000) == 15_000, "the device slept; the broker has the same time to answer"
    assert session.to_send(500_000) == PINGREQ
    assert session.keepalive(515_000) is None
    assert session.keepalive(515_001) is None


def test_without_a_keepalive_nothing_is_asked_and_nothing_ends() -> None:
    assert driven(connected(V5, keepalive_s=0), 0, 10**9, is_silent) == ([], None)


def test_a_shorter_keepalive_of_the_broker_is_kept() -> None:
    assert driven(connected(V5, bytes.fromhex("13 00 14")), 0, 50_000, answers) == ([15_000, 30_000, 45_000], None)
    assert driven(connected(V5, bytes.fromhex("13 00 14")), 0, 50_000, is_silent) == ([15_000], 20_000)


@pytest.mark.parametrize("properties", ["13 ff ff", "13 00 00"], ids=["longer", "off"])
def test_no_keepalive_of_the_broker_keeps_a_dead_one_from_being_noticed(properties: str) -> None:
    session = connected(V5, bytes.fromhex(properties), keepalive_s=60)
    assert driven(session, 0, 200_000, is_silent) == ([45_000], 60_000)


def test_the_shortest_keepalive_waits_at_all() -> None:
    assert driven(connected(V5, keepalive_s=1), 0, 3_000, answers) == ([750, 1500, 2250, 3000], None)


def test_a_broker_that_never_answers_connect_is_dead_too() -> None:
    session = begun(V5, keepalive_s=60)
    assert driven(session, 0, 200_000, is_silent) == ([45_000], 60_000)


def test_the_clock_may_start_anywhere() -> None:
    session = Session(V5, 4096, 9_000_000)
    session.connect("sos-0001", 60, "will", b"")
    assert session.keepalive(9_000_000) == 45_000
    session.to_send(9_000_000)
    session.receive(connack(V5), 9_000_100)
    assert session.keepalive(9_000_100) == 44_900
