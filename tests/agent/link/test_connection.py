"""Opening one MQTT connection, and what a broker of a few lines can say to it: yes, no, and nonsense."""

import asyncio
import functools
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from agent.link.connection import MAX_RECEIVED, V5, V311
from agent.link.errors import LinkError
from tests.agent.link.scripted_broker import (
    CONNACK3,
    CONNACK5,
    RECEIPTS,
    WILL,
    Broker,
    Told,
    dialled,
    packet,
    publish,
    suback,
)

Connect = Callable[..., Any]


@pytest.fixture
def connect(tls: ssl.SSLContext) -> Connect:
    return functools.partial(dialled, tls)


@pytest.mark.parametrize(("protocol", "connack"), [(V5, CONNACK5), (V311, CONNACK3)], ids=["5", "3.1.1"])
def test_a_connection_says_its_will_subscribes_and_hands_up_what_arrives(
    play: Any, serve: Any, connect: Connect, protocol: Any, connack: bytes
) -> None:
    async def scenario() -> None:
        v5 = protocol is V5
        broker, told = Broker(connack, v5=v5, then=publish(RECEIPTS, b"receipt", v5=v5) * 3), Told()
        async with serve(broker) as port:
            connection = await connect(port, told, protocol)
            await connection.open([RECEIPTS])
            await told.until(lambda: len(told.messages) == 3)
            assert told.messages[0] == (RECEIPTS, b"receipt")
            await told.until(lambda: broker.count(0x40) == 3)
            first, body = broker.packets[0]
            assert first == 0x10
            flags = body[7]
            assert flags == 0b00101110, "will, QoS 1, retained, a clean start, no password"
            assert WILL[0].encode() in body
            assert WILL[1] in body
            assert b"pillar-017" in body
            assert (connection.max_packet, connection.receive_max) == (None, 65535)
            connection.close("enough")
        assert told.lost == ["enough"]

    play(scenario())


def test_what_the_broker_takes_is_read_from_its_answer(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        properties = b"\x27\x00\x00\x10\x00\x21\x00\x05"
        broker, told = Broker(b"\x20\x0b\x00\x00\x08" + properties), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            assert (connection.max_packet, connection.receive_max) == (4096, 5)
            assert connection.takes(4096 - 256)
            assert not connection.takes(4097 - 256)
            connection.close("enough")

    play(scenario())


@pytest.mark.parametrize(
    ("connack", "protocol", "refused", "version"),
    [
        (b"\x20\x03\x00\x87\x00", V5, True, False),
        (b"\x20\x03\x00\x88\x00", V5, False, False),
        (b"\x20\x03\x00\x84\x00", V5, False, True),
        (b"\x20\x02\x00\x01", V5, False, True),
        (b"\x20\x05\x00\x00\x02\x24\x00", V5, True, False),
        (b"\x20\x05\x00\x00\x02\x25\x00", V5, True, False),
        (b"\x20\x02\x00\x04", V311, True, False),
        (b"\x20\x02\x00\x05", V311, True, False),
        (b"\x20\x02\x00\x03", V311, False, False),
    ],
    ids=[
        *("not authorised", "unavailable", "version", "old broker's version", "no QoS 1", "nothing retained"),
        *("3 bad password", "3 not authorised", "3 unavailable"),
    ],
)
def test_a_refusal_is_told_apart_from_trouble(
    play: Any, serve: Any, connect: Connect, connack: bytes, protocol: Any, refused: bool, version: bool
) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker(connack)) as port:
            connection = await connect(port, told, protocol)
            with pytest.raises(LinkError) as error:
                await connection.open([RECEIPTS])
            assert (error.value.refused, error.value.version) == (refused, version)
            assert connection.answered
            connection.close("over")
            await asyncio.sleep(0)
        assert len(told.lost) == 1

    play(scenario())


@pytest.mark.parametrize(("code", "reason"), [(0x80, "unspecified error"), (0x87, "not authorised")])
def test_a_refused_subscription_is_a_refusal(play: Any, serve: Any, connect: Connect, code: int, reason: str) -> None:
    async def scenario() -> None:
        async with serve(Broker(code=code)) as port:
            connection = await connect(port, Told())
            with pytest.raises(LinkError, match=f"the broker refused the subscription: {reason}") as error:
                await connection.open([RECEIPTS])
            assert error.value.refused
            connection.close("over")

    play(scenario())


def test_a_broker_that_hangs_up_unasked_has_not_answered(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read(1)

        told = Told()
        async with serve(hang_up) as port:
            connection = await connect(port, told)
            with pytest.raises(LinkError):
                await connection.open([RECEIPTS])
            assert not connection.answered
            assert len(told.lost) == 1
            assert connection.publish("x", b"") is None

    play(scenario())


def test_a_broker_that_hangs_up_instead_of_the_second_answer(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await packet(reader)
            writer.write(CONNACK5)
            await packet(reader)

        told = Told()
        async with serve(hang_up) as port:
            connection = await connect(port, told)
            with pytest.raises(LinkError, match="the connection ended: the broker hung up"):
                await connection.open([RECEIPTS])
            assert connection.answered
        assert told.lost == ["the broker hung up"]

    play(scenario())


def test_nonsense_right_after_the_subscription_leaves_no_connection_marked_open(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        told = Told()
        async with serve(Broker(then=b"\x32\xff\xff\xff\x7f")) as port:
            connection = await connect(port, told)
            with pytest.raises(LinkError):
                await connection.open([RECEIPTS])
            assert len(told.lost) == 1

    play(scenario())


def test_a_packet_that_announces_too_much_is_not_waited_for(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()

        class Huge(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await packet(reader)
                writer.write(CONNACK5)
                writer.write(suback((await packet(reader))[1]))
                await asyncio.sleep(0.05)
                size = MAX_RECEIVED + 1 - 4  # the header counts
                writer.write(bytes([0x32, size & 127 | 128, size >> 7 & 127 | 128, size >> 14]))
                await reader.read()

        async with serve(Huge()) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            await told.until_lost()
            assert told.lost == [
                f"the broker sent what is no MQTT: a packet of {MAX_RECEIVED + 1} bytes, at most {MAX_RECEIVED} are taken"
            ]

    play(scenario())


def test_whatever_bytes_a_broker_sends_end_in_one_loss(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        chance = random.Random(7)
        for turn in range(60):
            told = Told()
            noise = chance.randbytes(chance.randint(1, 40))
            if turn % 3 == 0:  # well framed, so that the contents are reached
                body = chance.randbytes(chance.randint(0, 30))
                noise = bytes([chance.randrange(0x20, 0x100), len(body)]) + body
            connack = noise if turn % 2 else CONNACK5

            async def babble(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = connack, then: bytes = noise
            ) -> None:
                await packet(reader)
                writer.write(first)
                if first is CONNACK5:
                    writer.write(suback((await packet(reader))[1]) + then)
                writer.write_eof() if writer.can_write_eof() else writer.close()

            async with serve(babble) as port:
                connection = await connect(port, told)
                try:
                    await connection.open([RECEIPTS])
                except LinkError:
                    connection.close("over")
                await told.until_lost()
                await asyncio.sleep(0)
                assert len(told.lost) == 1, noise

    play(scenario())


def test_an_attempt_may_be_given_up_in_the_middle(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Slow(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.writer = writer
                self.packets.append(await packet(reader))
                await reader.read()

        broker, told = Slow(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            opening = asyncio.ensure_future(connection.open([RECEIPTS]))
            await told.until(lambda: broker.packets)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            assert told.lost == []
            broker.writer.write(CONNACK5)
            await told.until(lambda: connection.answered)
            connection.close("no answer in time")
        assert told.lost == ["no answer in time"]

    play(scenario())


def test_a_refused_subscription_names_the_brokers_reason(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        class Half(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await packet(reader)
                writer.write(CONNACK5)
                _, subscribe = await packet(reader)
                writer.write(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x8f")
                await reader.read()

        async with serve(Half()) as port:
            connection = await connect(port, Told())
            with pytest.raises(LinkError, match="the broker refused the subscription: topic filter invalid"):
                await connection.open([RECEIPTS, "dabyl/v1/pillar-017/command"])
            connection.close("over")

    play(scenario())
