"""A board's link on a connection, with a broker that acts as it is told: it never gives up and never blocks."""

import pathlib
import ssl
import time
from typing import Any

import pytest

from tests.devices.firmware.boards import packet, serving, until
from tests.devices.firmware.link_side import Broker, Start

pytestmark = pytest.mark.micropython


def test_a_broker_that_hangs_up_on_version_5_is_tried_in_the_old_one_at_once_and_then_anew(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    versions: list[int] = []
    with serving(lambda connection: versions.append(packet(connection)[1][6]), tls) as port:
        board = start(identity, port, retry_min_ms=1)
        until(lambda: len(versions) >= 4, "four attempts")
        board.until("log", said="no connection")
    assert versions[:4] == [5, 4, 5, 4]


def test_a_broker_that_hangs_up_after_its_answer_is_not_asked_for_another_version(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    versions: list[int] = []

    def broker(connection: Any) -> None:
        versions.append(packet(connection)[1][6])
        connection.sendall(b"\x20\x03\x00\x00\x00")

    with serving(broker, tls) as port:
        start(identity, port, retry_min_ms=1).until("log", 2, said="no connection")
    assert set(versions) == {5}


def test_a_broker_that_acknowledges_nothing_is_left_and_everything_sent_again(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    broker.acknowledges = lambda payload: None if payload in (b"one", b"two") else 0
    with serving(broker, tls) as port:
        board = start(identity, port, stalled_ms=300, window=2)
        board.tell("event one", "event two", "event three")
        board.until("log", said="connection lost", reason="the broker acknowledges nothing")
        board.until("change", 2, up=True)
        until(lambda: broker.of("event").count(b"two") == 2, "sent again")
    assert b"three" not in broker.of("event"), "the window is kept"


def test_an_alarm_without_receipts_moves_to_the_next_broker(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    first, second = Broker(), Broker()
    with serving(first, tls) as one, serving(second, tls) as two:
        board = start(identity, one, two, alarm_retry_ms=30, stable_ms=0)
        board.tell("alarm help")
        board.until("log", said="connection lost", reason="no receipt for an alarm comes over this broker")
        until(lambda: b"help" in second.of("alarm"), "over the second broker")
        assert board.status()["broker"] == 2
    assert len(first.of("alarm")) in (3, 4)


def test_an_alarm_without_receipts_stays_where_there_is_no_other_broker(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port, alarm_retry_ms=10)
        board.tell("alarm help")
        until(lambda: len(broker.of("alarm")) >= 6, "it is sent again and again")
        assert board.status()["session"] == 1


def test_a_large_message_on_which_the_broker_breaks_off_is_suspected_and_the_rest_goes_on(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    broker.hangs_up = lambda payload: len(payload) >= 4096
    with serving(broker, tls) as port:
        board = start(identity, port, window=1, retry_min_ms=10, retry_max_ms=20)
        board.tell("large 4096", "event after")
        assert board.until("quarantined")["size"] == 4096
        until(lambda: broker.of("event") == [b"after"], "what came after it")
    assert len(broker.versions) == 4


def test_an_alarm_skips_one_wait(start: Start, tls: ssl.SSLContext, identity: pathlib.Path) -> None:
    board = start(identity, 1, retry_min_ms=60_000, retry_max_ms=60_000)
    board.until("log", said="no connection")
    assert board.status()["behind_ms"] == 0, "waiting is progress"
    hurried = start(identity, 1, least_ms=60_000, retry_min_ms=20)
    hurried.until("log", said="no connection", retry_ms=60_000)
    hurried.tell("hurry")
    hurried.until("log", 2, said="no connection")
    time.sleep(0.3)
    assert len(hurried.of("log")) == 2
    hurried.tell("hurry")
    hurried.until("log", 3, said="no connection")
    assert len(board.of("log")) == 1


def test_without_a_network_no_broker_is_tried_and_an_alarm_hurries_the_network(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    first, second = Broker(), Broker()
    with serving(first, tls) as one, serving(second, tls) as two:
        board = start(identity, one, two, retry_min_ms=1, wifi="waiting")
        board.until("started")
        board.tell("hurry")
        board.until("hurried")
        time.sleep(0.1)
        assert board.status()["behind_ms"] == 0, "waiting is progress"
        assert board.of("log") == []
        board.tell("join")
        board.until("change", up=True)
        assert board.status()["broker"] == 1
    assert board.of("log", said="no connection") == []
    assert second.versions == []


def test_presence_is_said_again_from_time_to_time_and_on_demand(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port, presence_ms=500, look_ms=10)
        started = time.monotonic()
        until(lambda: len(broker.of("presence")) >= 4, "by itself")
        assert time.monotonic() - started > 1, "and not all the time"
        quiet = start(identity, port)
        quiet.until("change", up=True)
        count = len(broker.messages)
        quiet.tell("announce", "announce")
        board.kill()
        until(lambda: len(broker.messages) >= count + 2, "when asked")
    assert set(broker.of("presence")) == {b"presence 1 True"}
    assert all(will.endswith(b"presence 1 False") for will in broker.wills)


def test_presence_is_said_within_each_keepalive_for_pings_end_at_the_broker(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port, keepalive_s=1, look_ms=10)
        until(lambda: len(broker.of("presence")) >= 3, "three times")
        assert board.status()["session"] == 1


def test_without_a_signature_there_is_no_connection_and_it_comes_back_by_itself(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    broker = Broker()
    with serving(broker, tls) as port:
        board = start(identity, port)
        board.until("change", up=True)
        board.tell("mute", "announce")
        board.until("log", said="connection lost", reason="the key does not sign")
        board.until("log", said="no connection", reason="the key does not sign")
        board.tell("unmute", "hurry")
        board.until("change", 2, up=True)
        assert broker.goodbyes == 0


def test_what_arrives_on_another_topic_is_nothing_to_it(
    start: Start, tls: ssl.SSLContext, identity: pathlib.Path
) -> None:
    def broker(connection: Any) -> None:
        packet(connection)
        connection.sendall(b"\x20\x03\x00\x00\x00")
        subscribe = packet(connection)[1]
        connection.sendall(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        for leaf in (b"presence", b"receipt"):
            topic = b"dabyl/v1/sos-0001/" + leaf
            connection.sendall(bytes([0x30, len(topic) + 4]) + len(topic).to_bytes(2) + topic + b"\x00x")
        while True:
            packet(connection)

    with serving(broker, tls) as port:
        board = start(identity, port)
        board.until("message")
    assert [one["leaf"] for one in board.of("message")] == ["receipt"]
