"""One MQTT connection at work: what goes out and what comes in, in bursts and past a broker that takes nothing."""

import asyncio
import functools
import random
import shutil
import signal
import socket
import ssl
import subprocess
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
    dialled,
    narrow,
    nothing_left_in,
    opened,
    publish,
)

FULL_RECORD = 16_384
"""Bytes of the largest TLS record (RFC 8446 §5.1)."""
Connect = Callable[..., Any]


@pytest.fixture
def connect(tls: ssl.SSLContext) -> Connect:
    return functools.partial(opened, tls)


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
        broker, told, chance = Broker(), Told(), random.Random(3)
        loop = asyncio.get_running_loop()
        async with serve(broker) as port:
            connection = await connect(port, told)
            narrow(broker, connection)
            payloads: list[bytes] = []
            for _ in range(2):
                broker.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
                for _ in range(100):
                    payloads.append(chance.randbytes(60_000))
                    connection.publish(EVENT, payloads[-1])
                    if chance.randrange(3) == 0:
                        connection.flush()
                    if chance.randrange(10) == 0:
                        await asyncio.sleep(0)
                connection.flush()
                unsent = len(connection._unsent)
                assert unsent, "more than the network takes"
                connection.flush()
                assert len(connection._unsent) == unsent
                broker.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
                await told.until(lambda: broker.count(0x30) == len(payloads))
                assert broker.payloads() == payloads
                assert not loop.remove_writer(connection._sock), "nobody waits for room any more"
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
            connection.flush()
            connection.close("once more")
            await asyncio.sleep(0.01)
        assert told.lost == ["enough"]

    play(scenario())


def test_a_renegotiation_that_the_broker_does_not_finish_makes_no_busy_loop(
    play: Any, tls: ssl.SSLContext, authority: Any, broker: tuple[str, str]
) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    files = ["-cert", broker[0], "-key", broker[1], "-CAfile", str(authority.root)]
    server = subprocess.Popen(
        [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2", *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    said = b""
    while b"ACCEPT" not in said:
        said += server.stdout.readline()

    async def scenario() -> None:
        told = Told()
        connection = await dialled(tls, port, told)
        opening = asyncio.ensure_future(connection.open([RECEIPTS]))
        await asyncio.sleep(0.05)  # the server, which is no broker, has CONNECT
        server.stdin.write(b"r\n")  # type: ignore[union-attr]  # asserted above; it is told to renegotiate
        server.stdin.flush()  # type: ignore[union-attr]  # as above
        arrived(connection)
        server.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.05)
        connection.publish(EVENT, b"in the middle of it")
        connection.flush()
        assert connection._unsent
        assert not asyncio.get_running_loop().remove_writer(connection._sock), "it would be called all the time"
        server.send_signal(signal.SIGCONT)
        await told.until(lambda: not connection._unsent)
        connection.close("enough")
        with pytest.raises(LinkError):
            await opening

    try:
        play(scenario())
    finally:
        server.send_signal(signal.SIGCONT)
        server.kill()
        said, _ = server.communicate()
    assert b"in the middle of it" in said


def test_close_sends_what_is_queued_and_says_no_goodbye(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            descriptor = connection._sock.fileno()
            payloads = [b"%d" % number for number in range(50)]
            for payload in payloads:
                assert connection.publish(EVENT, payload, retain=True) is not None
            connection.close("stopped")
            assert told.lost == ["stopped"]
            assert nothing_left_in(asyncio.get_running_loop(), descriptor)
            connection.close("stopped")
            await broker.ended.wait()
            assert broker.payloads() == payloads
            assert {first for first, _ in broker.packets[2:]} == {0x33}
        assert told.lost == ["stopped"]

    play(scenario())


def test_who_leaves_sends_what_is_queued_and_disconnect_and_waits_for_the_broker_to_hang_up(
    play: Any, serve: Any, connect: Connect
) -> None:
    class Talkative(Broker):
        """Has a lot to say yet when it is told DISCONNECT: unread, that would make a reset of the connection's end."""

        def answer(self) -> None:
            if self.packets[-1][0] == 0xE0:
                self.writer.write(publish(RECEIPTS, b"x" * 10_000) * 10)
                asyncio.get_running_loop().call_later(0.05, self.writer.close)

    async def scenario() -> None:
        broker, told = Talkative(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            descriptor = connection._sock.fileno()
            payloads = [b"%d" % number for number in range(50)]
            for payload in payloads:
                assert connection.publish(EVENT, payload) is not None
            connection.leave()
            assert connection.publish(EVENT, b"too late") is None
            while 0xE0 not in [first for first, _ in broker.packets]:
                assert told.lost == [], "the broker hangs up, not who leaves"
                await asyncio.sleep(0.005)
            await told.until_lost()
            assert told.lost == ["the broker hung up"]
            assert nothing_left_in(asyncio.get_running_loop(), descriptor)
            assert broker.payloads() == payloads
            assert [first for first, _ in broker.packets[52:]] == [0xE0], "nothing follows DISCONNECT"
        assert told.messages == []

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


@pytest.mark.parametrize("records", [1, 2, 3, 4, 5, 22, 43, 63, 64, 65, 128, 200])
def test_full_records_arrive_whole_without_another_byte(play: Any, serve: Any, connect: Connect, records: int) -> None:
    """However many: what OpenSSL has taken from the kernel is announced by nothing, so that none of it may be left there."""

    async def scenario() -> None:
        chance = random.Random(5)
        payloads = [chance.randbytes(FULL_RECORD - len(publish(RECEIPTS, b""))) for _ in range(records)]
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            for payload in payloads:
                said = publish(RECEIPTS, payload)
                assert len(said) == FULL_RECORD
                broker.writer.write(said)
            await told.until(lambda: len(told.messages) == records)
            assert told.messages == [(RECEIPTS, payload) for payload in payloads]
            await told.until(lambda: broker.count(0x40) == records)
            connection.close("enough")

    play(scenario())


def test_the_largest_packet_arrives(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        largest = publish(RECEIPTS, bytes(131_072 - len(publish(RECEIPTS, b""))))
        assert len(largest) == 131_072
        told = Told()
        async with serve(Broker(then=largest)) as port:
            connection = await connect(port, told)
            await told.until(lambda: told.messages)
            connection.close("enough")

    play(scenario())


def test_a_message_on_which_the_receiver_fails_costs_no_other(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Failing(Told):
            def arrived(self, topic: str, payload: bytes) -> None:
                super().arrived(topic, payload)
                if payload == b"2":
                    raise ArithmeticError

        failures: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, failure: failures.append(failure))
        broker, told = Broker(then=b"".join(publish(RECEIPTS, b"%d" % number) for number in range(5))), Failing()
        async with serve(broker) as port:
            connection = await connect(port, told)
            await told.until(lambda: broker.count(0x40) == 5)
            await told.until(lambda: len(told.messages) == 5)
            connection.close("enough")
        assert [type(one["exception"]) for one in failures] == [ArithmeticError]

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
