"""How one MQTT connection ends: last words, silence, a broken line, and only once."""

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from agent.link.errors import LinkError
from tests.agent.link.scripted_broker import (
    EVENT,
    RECEIPTS,
    Broker,
    Told,
    arrived,
    contents,
    nothing_left_in,
    opened,
    publish,
    raw,
)

HUNG_UP = ("the broker hung up", "Connection reset by peer", "Broken pipe")
"""In the words of the Python at hand: some have only one for all."""
SHUTTING_DOWN = b"\xe0\x01\x8b"
Connect = Callable[..., Any]


@pytest.fixture
def connect(tls: ssl.SSLContext) -> Connect:
    return functools.partial(opened, tls)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (SHUTTING_DOWN, "server shutting down"),
        (b"\xe0\x00", "normal disconnection"),
        (b"\xe0\x02\x95\x00", "packet too large"),
        (b"\xe0\x01\xfe", "reason 0xfe"),
        (b"\x00\x00", "the broker sent what is no MQTT: packet 0x00 of 0 bytes, which no broker sends here"),
    ],
    ids=["shutting down", "no word", "packet too large", "unknown", "nonsense"],
)
def test_the_brokers_last_word_is_the_reason_and_what_came_before_it_is_told(
    play: Any, serve: Any, connect: Connect, last: bytes, reason: str
) -> None:
    async def scenario() -> None:
        class Leaving(Broker):
            def answer(self) -> None:
                mid = contents(self.packets[-1][1])[0].to_bytes(2)
                self.writer.write(publish(RECEIPTS, b"last") + b"\x40\x02" + mid + last)
                self.writer.close()

        told = Told()
        async with serve(Leaving()) as port:
            connection = await connect(port, told)
            descriptor = connection._sock.fileno()
            mid = connection.publish(EVENT, b"x")
            connection.flush()
            await told.until_lost()
            assert told.acknowledged == [(mid, 0)]
            assert nothing_left_in(asyncio.get_running_loop(), descriptor)
            await asyncio.sleep(0.01)
            assert told.messages == [(RECEIPTS, b"last")]
        assert told.lost == [reason]

    play(scenario())


def test_a_broker_that_hangs_up_without_a_word(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            await connect(port, told)
            broker.writer.close()
            await told.until_lost()
        assert told.lost == ["the broker hung up"]

    play(scenario())


def test_a_connection_that_is_reset_says_so(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            await connect(port, told)
            line = broker.writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            broker.writer.transport.abort()
            await told.until_lost()
        assert told.lost[0] in HUNG_UP
        assert len(told.lost) == 1

    play(scenario())


def test_a_line_that_is_tampered_with(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            await connect(port, told)
            with socket.socket(fileno=os.dup(broker.writer.get_extra_info("socket").fileno())) as line:
                line.send(b"no TLS at all, and long enough for a header")
            await told.until_lost()
        assert told.lost == ["wrong version number"]

    play(scenario())


@pytest.mark.parametrize("words", [b"", SHUTTING_DOWN], ids=["without a word", "with a last word"])
def test_what_cannot_be_sent_ends_it_once_and_not_from_inside(
    play: Any, serve: Any, connect: Connect, words: bytes
) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            if words:
                broker.writer.write(words)
                arrived(connection)
            with raw(connection) as line:
                line.shutdown(socket.SHUT_WR)
            broker.writer.transport.pause_reading()  # type: ignore[attr-defined]  # so it stays, though it hears no more
            for _ in range(3):
                connection.publish(EVENT, b"x" * 1000)
                connection.flush()
                assert told.lost == []
            await told.until_lost()
            broker.writer.transport.abort()
            await asyncio.sleep(0.01)
        assert len(told.lost) == 1
        assert told.lost[0] in (["server shutting down"] if words else HUNG_UP)

    play(scenario())


def test_what_cannot_be_sent_while_it_is_closed_is_no_second_end(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker()) as port:
            connection = await connect(port, told)
            with raw(connection) as line:
                line.shutdown(socket.SHUT_WR)
            connection.publish(EVENT, b"x")
            connection.close("stopped")
            assert told.lost == ["stopped"]
            await asyncio.sleep(0.01)
        assert told.lost == ["stopped"]

    play(scenario())


def test_a_broker_that_answers_pings_lives_until_it_falls_silent(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Tiring(Broker):
            def answer(self) -> None:
                if self.packets[-1][0] == 0xC0 and self.count(0xC0) < 3:
                    self.writer.write(b"\xd0\x00")

        broker, told = Tiring(), Told()
        async with serve(broker) as port:
            await connect(port, told, keepalive_s=1)
            await told.until_lost()
            assert [first for first, _ in broker.packets[2:]] == [0xC0, 0xC0, 0xC0]
        assert told.lost == ["the broker is silent"]

    play(scenario())


def test_a_broker_that_never_answers_at_all(play: Any, serve: Any, tls: ssl.SSLContext) -> None:
    async def scenario() -> None:
        async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        told = Told()
        async with serve(mute) as port:
            with pytest.raises(LinkError, match="the broker is silent"):
                await opened(tls, port, told, 1)
        assert told.lost == ["the broker is silent"]

    play(scenario())


def test_a_shorter_keepalive_that_the_broker_asks_for_holds_from_its_first_second(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        broker, told = Broker(b"\x20\x06\x00\x00\x03\x13\x00\x01"), Told()
        async with serve(broker) as port:
            await connect(port, told, keepalive_s=3600)
            await told.until_lost()
            assert broker.count(0xC0) == 1
        assert told.lost == ["the broker is silent"]

    play(scenario())


def test_a_silent_broker_is_asked_by_one_timer_only(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker()) as port:
            connection = await connect(port, told)
            timer = connection._keepalive
            assert timer is not None
            assert not timer.cancelled()
            connection._look()
            assert timer.cancelled()
            timer = connection._keepalive
            connection.close("enough")
            assert timer is not None
            assert timer.cancelled()

    play(scenario())
