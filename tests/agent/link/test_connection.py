"""One MQTT connection against brokers of a few lines, that answer what the test wants, or nonsense."""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from agent.link.connection import MAX_RECEIVED, V5, V311, Connection
from agent.link.dial import dial
from agent.link.errors import LinkError

HOST = "127.0.0.1"
WILL = ("dabyl/v1/pillar-017/presence", b"signed will")
RECEIPTS = "dabyl/v1/pillar-017/receipt"
CONNACK5 = b"\x20\x03\x00\x00\x00"
CONNACK3 = b"\x20\x02\x00\x00"


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next packet's first byte and its rest."""
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(size)


def suback(subscribe: bytes, *, v5: bool = True, code: int = 1) -> bytes:
    body = subscribe[:2] + (b"\x00" if v5 else b"") + bytes([code])
    return bytes([0x90, len(body)]) + body


def publish(topic: str, payload: bytes, *, v5: bool = True) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2) + name + b"\x00\x07" + (b"\x00" if v5 else b"") + payload
    assert len(body) < 128
    return bytes([0x32, len(body)]) + body


class Broker:
    """Answers CONNECT and SUBSCRIBE as told, then keeps what comes."""

    def __init__(self, connack: bytes = CONNACK5, *, v5: bool = True, code: int = 1, then: bytes = b"") -> None:
        self.connack = connack
        self.v5 = v5
        self.code = code
        self.then = then
        self.packets: list[tuple[int, bytes]] = []
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.packets.append(await packet(reader))
            writer.write(self.connack)
            subscribe = await packet(reader)
            self.packets.append(subscribe)
            writer.write(suback(subscribe[1], v5=self.v5, code=self.code) + self.then)
            while True:
                self.packets.append(await packet(reader))
        finally:
            self.ended.set()

    def count(self, kind: int) -> int:
        return sum(first & 0xF0 == kind for first, _ in self.packets)


class Told:
    """What the connection called back."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.lost: list[str] = []

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110  the condition is about plain lists
            await asyncio.sleep(0.005)


async def until_lost(told: Told) -> None:
    await told.until(lambda: told.lost)


Connect = Callable[..., Any]


@pytest.fixture
def connect(tls: ssl.SSLContext) -> Connect:
    async def made(port: int, told: Told, protocol: Any = V5) -> Connection:
        sock = await dial(HOST, port, tls, None)
        return Connection(
            sock,
            "pillar-017",
            protocol,
            60,
            WILL,
            lambda topic, payload: told.messages.append((topic, payload)),
            told.acknowledged.extend,
            told.lost.append,
        )

    return made


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
        (b"\x20\x02\x00\x05", V311, True, False),
        (b"\x20\x02\x00\x03", V311, False, False),
    ],
    ids=["not authorised", "unavailable", "version", "old broker's version", "3 not authorised", "3 unavailable"],
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
            connection.close("over")
            await asyncio.sleep(0)
        assert len(told.lost) == 1

    play(scenario())


def test_a_refused_subscription_is_a_refusal(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        async with serve(Broker(code=0x87)) as port:
            connection = await connect(port, Told())
            with pytest.raises(LinkError, match="subscription") as error:
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
                size = MAX_RECEIVED + 1
                writer.write(bytes([0x32, size & 127 | 128, size >> 7 & 127 | 128, size >> 14]))
                await reader.read()

        async with serve(Huge()) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            await told.until(lambda: told.lost)
            assert f"a packet of {MAX_RECEIVED + 1} bytes" in told.lost[0]

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
                await until_lost(told)
                await asyncio.sleep(0)
                assert len(told.lost) == 1, noise

    play(scenario())


def test_a_polite_end_says_so_and_another_does_not(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        for polite in (True, False):
            broker, told = Broker(), Told()
            async with serve(broker) as port:
                connection = await connect(port, told)
                await connection.open([RECEIPTS])
                assert connection.publish("dabyl/v1/pillar-017/presence", b"goodbye", retain=True) is not None
                connection.close("stopped", polite=polite)
                connection.close("stopped", polite=polite)
                await broker.ended.wait()
                assert broker.count(0x30) == 1
                assert broker.count(0xE0) == polite
            assert told.lost == ["stopped"]

    play(scenario())


def test_every_message_handed_over_goes_to_the_wire_at_once(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        broker, told = Broker(), Told()
        async with serve(broker) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            mids = [connection.publish("dabyl/v1/pillar-017/event", b"x" * 300) for _ in range(200)]
            assert len(set(mids)) == 200
            assert told.acknowledged == []
            await told.until(lambda: broker.count(0x30) == 200)
            connection.close("enough")

    play(scenario())


def test_an_acknowledgement_names_its_message_and_the_brokers_no(play: Any, serve: Any, connect: Connect) -> None:
    async def scenario() -> None:
        told = Told()
        got = asyncio.Event()

        class Refusing(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await packet(reader)
                writer.write(CONNACK5)
                writer.write(suback((await packet(reader))[1]))
                for code in (b"", b"\x97\x00"):
                    _, body = await packet(reader)
                    at = 2 + int.from_bytes(body[:2])
                    answer = body[at : at + 2] + code
                    writer.write(bytes([0x40, len(answer)]) + answer)
                got.set()
                await reader.read()

        async with serve(Refusing()) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            first, second = connection.publish("a/b", b"1"), connection.publish("a/b", b"2")
            await told.until(lambda: len(told.acknowledged) == 2)
            assert told.acknowledged == [(first, 0), (second, 0x97)]
            connection.close("enough")

    play(scenario())


def test_a_broker_that_takes_nothing_fills_no_thread_and_blocks_nothing(
    play: Any, serve: Any, connect: Connect
) -> None:
    async def scenario() -> None:
        told = Told()

        class Deaf(Broker):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await packet(reader)
                writer.write(CONNACK5)
                writer.write(suback((await packet(reader))[1]))
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
                await asyncio.sleep(10)

        async with serve(Deaf()) as port:
            connection = await connect(port, told)
            await connection.open([RECEIPTS])
            for _ in range(200):
                connection.publish("dabyl/v1/pillar-017/event", b"x" * 60_000)
            async with asyncio.timeout(2):
                await asyncio.sleep(0.05)
            connection.close("enough")
        assert told.lost == ["enough"]

    play(scenario())
