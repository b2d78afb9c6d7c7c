"""One MQTT connection at work and at its end: bursts, a broker that takes nothing, silence, last words."""

import asyncio
import os
import random
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from agent.link.connection import Connection
from tests.agent.link.scripted_broker import (
    CONNACK5,
    RECEIPTS,
    Broker,
    Told,
    contents,
    dialled,
    packet,
    publish,
    suback,
)

EVENT = "dabyl/v1/pillar-017/event"
HUNG_UP = ("the broker hung up", "Connection reset by peer", "Broken pipe")
"""In the words of the Python at hand: some have only one for all."""
SHUTTING_DOWN = b"\xe0\x01\x8b"
Connect = Callable[..., Any]


@pytest.fixture
def connect(tls: ssl.SSLContext) -> Connect:
    """Connects and opens."""

    async def opened(port: int, told: Told, keepalive_s: int = 60) -> Connection:
        connection = await dialled(tls, port, told, keepalive_s=keepalive_s)
        await connection.open([RECEIPTS])
        return connection

    return opened


def raw(connection: Connection) -> socket.socket:
    """The connection's TCP socket under its TLS, to meddle with; to be closed."""
    return socket.socket(fileno=os.dup(connection._sock.fileno()))


def narrow(broker: Broker, connection: Connection) -> None:
    """Let the kernel hold little of what the broker does not read."""
    broker.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)


def nothing_left_in(loop: asyncio.AbstractEventLoop, descriptor: int) -> bool:
    """Whether the loop watches the descriptor for nothing."""
    return not loop.remove_reader(descriptor) and not loop.remove_writer(descriptor)


def arrived(connection: Connection) -> None:
    """Wait, without letting the loop have a turn, until the kernel holds something to read."""
    with raw(connection) as line:
        assert select.select([line], [], [], 10)[0]


# What goes out


def test_messages_leave_at_the_next_flush_in_order(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            payloads = [b"%d" % number * 100 for number in range(200)]
            mids = [connection.publish(EVENT, payload) for payload in payloads]
            assert len(set(mids)) == 200
            await asyncio.sleep(0.02)
            assert broker.count(0x30) == 0
            connection.flush()
            await told.until(lambda: broker.count(0x30) == 200)
            assert broker.payloads() == payloads
            assert not asyncio.get_running_loop().remove_writer(connection._sock)
            connection.close("enough")

    play(scenario())


def test_a_broker_that_takes_nothing_for_a_while_gets_every_byte_in_order(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        class Deaf(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.writer = writer
                await packet(reader)
                writer.write(CONNACK5)
                writer.write(suback((await packet(reader))[1]))
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
                await listening.wait()
                writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
                while True:
                    self.packets.append(await packet(reader))

        listening = asyncio.Event()
        broker, told, chance = Deaf(), Told(), random.Random(3)
        loop = asyncio.get_running_loop()
        async with serve(broker) as port:
            connection = await connect(port, told)
            narrow(broker, connection)
            payloads = [chance.randbytes(60_000) for _ in range(150)]
            for payload in payloads:
                connection.publish(EVENT, payload)
                if chance.randrange(3) == 0:
                    connection.flush()
                if chance.randrange(10) == 0:
                    await asyncio.sleep(0)
            connection.flush()
            assert connection._unsent, "more than the network takes"
            unsent = len(connection._unsent)
            connection.flush()
            assert len(connection._unsent) == unsent
            listening.set()
            await told.until(lambda: len(broker.packets) == 150)
            assert broker.payloads() == payloads
            assert not loop.remove_writer(connection._sock), "nobody waits for room any more"
            connection.publish(EVENT, b"and on")
            connection.flush()
            await told.until(lambda: len(broker.packets) == 151)
            connection.close("enough")
        assert told.lost == ["enough"]

    play(scenario())


def test_a_broker_that_never_takes_anything_does_not_hold_up_the_end(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Deaf(Broker):
            def answer(self) -> None:
                self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can

        broker, told = Deaf(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            narrow(broker, connection)
            descriptor = connection._sock.fileno()
            for number in range(200):
                connection.publish(EVENT, b"x" * 60_000)
                if number % 20 == 0:
                    connection.flush()
            await asyncio.sleep(0.05)
            connection.flush()
            assert connection._unsent
            connection.close("enough")
            assert told.lost == ["enough"]
            assert nothing_left_in(asyncio.get_running_loop(), descriptor)

    play(scenario())


def test_close_sends_what_is_queued_and_says_goodbye_only_when_polite(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        for polite in (True, False):
            broker, told = Broker(), Told()
            async with serve(broker) as port:
                connection = await connect(port, told)
                descriptor = connection._sock.fileno()
                payloads = [b"%d" % number for number in range(50)]
                for payload in payloads:
                    assert connection.publish(EVENT, payload, retain=True) is not None
                connection.close("stopped", polite=polite)
                assert told.lost == ["stopped"]
                assert nothing_left_in(asyncio.get_running_loop(), descriptor)
                connection.close("stopped", polite=polite)
                await broker.ended.wait()
                assert broker.payloads() == payloads
                assert {first for first, _ in broker.packets[2:52]} == {0x33}
                assert [first for first, _ in broker.packets[52:]] == [0xE0] * polite
            assert told.lost == ["stopped"]

    play(scenario())


def test_after_the_end_nothing_is_taken(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker()) as port:
            connection = await connect(port, told)
            connection.close("enough")
            assert connection.publish(EVENT, b"late") is None
            connection.flush()
            await asyncio.sleep(0.01)
        assert told.lost == ["enough"]

    play(scenario())


def test_a_message_for_which_no_identifier_is_left_is_not_taken(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker()) as port:
            connection = await connect(port, told)
            connection._session._in_flight.update(range(2, 65_536))
            assert connection.publish(EVENT, b"") is None
            connection._session._in_flight.discard(7)
            assert connection.publish(EVENT, b"") == 7
            connection.close("enough")

    play(scenario())


# What comes in


def test_a_burst_of_acknowledgements_is_told_together_but_not_all_at_once(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        class Late(Broker):
            def answer(self) -> None:
                if len(self.packets) == 202:
                    for one, message in self.packets[2:]:
                        assert one == 0x32
                        mid = contents(message)[0].to_bytes(2)
                        self.writer.write(b"\x40\x02" + mid)  # each in a TLS record of its own

        broker, told = Late(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            mids = [connection.publish(EVENT, b"x") for _ in range(200)]
            connection.flush()
            await told.until(lambda: len(told.acknowledged) == 200)
            assert told.acknowledged == [(mid, 0) for mid in mids]
            assert [len(batch) for batch in told.batches] == [64, 64, 64, 8]
            connection.close("enough")

    play(scenario())


def test_more_full_records_than_are_read_at_once_arrive_without_another_byte(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        chance = random.Random(5)
        payloads = [chance.randbytes(60_000) for _ in range(40)] + [b"%d" % number for number in range(100)]
        said = b"".join(publish(RECEIPTS, payload) for payload in payloads)
        assert len(said) > 100 * 16_384
        broker, told = Broker(then=said), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            await told.until(lambda: len(told.messages) == len(payloads))
            assert told.messages == [(RECEIPTS, payload) for payload in payloads]
            await told.until(lambda: broker.count(0x40) == len(payloads))
            connection.close("enough")

    play(scenario())


def test_an_acknowledgement_names_its_message_and_the_brokers_no(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Refusing(Broker):
            def answer(self) -> None:
                mid, payload = contents(self.packets[-1][1])
                rest = b"\x97\x00" if payload == b"2" else b""
                self.writer.write(bytes([0x40, 2 + len(rest)]) + mid.to_bytes(2) + rest)

        told = Told()
        async with serve(Refusing()) as port:
            connection = await connect(port, told)
            first, second = connection.publish("a/b", b"1"), connection.publish("a/b", b"2")
            connection.flush()
            assert told.batches == []
            await told.until(lambda: len(told.acknowledged) == 2)
            assert told.acknowledged == [(first, 0), (second, 0x97)]
            connection.close("enough")

    play(scenario())


# How it ends


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
            for _ in range(3):
                connection.publish(EVENT, b"x" * 1000)
                connection.flush()
                assert told.lost == []
            await told.until_lost()
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
            connection.close("stopped", polite=True)
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
