"""What the link sends from memory and what from the journal, and when it leaves the device.

The broker's answers drive these links, not the clock: looks at what is due are an hour apart unless a test says otherwise.
"""

import asyncio
from typing import Any

import pytest

from agent.link import feed
from agent.link import link as linking
from agent.link.connection import Connection
from agent.link.feed import SUSPECT_BYTES
from agent.seal import Sealed
from agent.wire import event
from tests.agent.link.rig import DEVICE, Broker, Rig, running
from tests.agent.link.scripted_broker import packet

ALARM_TOPIC = f"dabyl/v1/{DEVICE}/alarm"
EVENT_TOPIC = f"dabyl/v1/{DEVICE}/event"
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def rare_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "LOOK_MS", HOUR_MS)


async def acknowledged(rig: Rig) -> None:
    """Until the link is up and the broker has acknowledged everything."""
    await rig.until(lambda: rig.link.up and not rig.outbox.under_way)


@pytest.mark.parametrize(("alarm", "topic"), [(True, ALARM_TOPIC), (False, EVENT_TOPIC)])
def test_a_new_event_goes_from_memory_exactly_once(
    play: Any, serve: Any, authority: Any, alarm: bool, topic: str
) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority, alarm_retry_ms=60_000)
            async with running(rig):
                await acknowledged(rig)
                rig.reads = False
                assert rig.emit(b"first", alarm=alarm)
                await rig.until(lambda: broker.messages[1:] == [(topic, b"first")])
                await acknowledged(rig)
                assert rig.emit(b"second", alarm=alarm), "in a later turn of the loop"
                await rig.until(lambda: broker.messages[2:] == [(topic, b"second")])
                await acknowledged(rig)
                rig.reads = True
                rig.link.pump()
                assert not rig.outbox.under_way, "sent again"

    play(scenario())


def test_an_alarm_leaves_at_once_and_what_else_is_made_in_one_turn_leaves_together(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = 0
    flush = Connection.flush

    def counted(connection: Connection) -> None:
        nonlocal flushed
        flushed += 1
        flush(connection)

    async def scenario() -> None:
        nonlocal flushed
        broker = Broker(acknowledges=False)
        async with serve(broker) as port:
            rig = Rig([port], authority, window=20)
            async with running(rig):
                await rig.until(lambda: broker.messages)
                monkeypatch.setattr(Connection, "flush", counted)
                for n in range(5):
                    assert rig.emit(b"%d" % n)
                assert flushed == 0
                await asyncio.sleep(0)
                assert flushed == 1
                assert rig.emit(b"alarm", alarm=True)
                assert flushed == 2
                await rig.until(lambda: broker.events() == [b"0", b"1", b"2", b"3", b"4", b"alarm"])

    play(scenario())


def test_an_alarm_is_with_the_network_before_it_is_written(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await acknowledged(rig)
                rig.emit(b"event")
                assert rig.link.express(Sealed(1, 9, event.ALARM, "alarm.raised", b"", b"alarm")) is not None
                connection = rig.link._connection
                assert connection is not None
                assert connection._session.to_send(0) == b"", "nothing is left to hand over"
                await rig.until(lambda: broker.events() == [b"event", b"alarm"])

    play(scenario())


def test_what_waits_for_the_window_goes_in_order_and_alarms_pass_it(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=False)
        async with serve(broker) as port:
            rig = Rig([port], authority, window=4, alarm_retry_ms=60_000)
            async with running(rig):
                await rig.until(lambda: broker.messages)
                broker.acknowledge(1)
                went = [rig.emit(b"%d" % n) for n in range(9)]
                assert went == [True] * 4 + [False] * 5
                await rig.until(lambda: len(broker.events()) == 4)
                broker.acknowledge(1)
                await rig.until(lambda: rig.outbox.under_way == 3)
                assert not rig.emit(b"9"), "older ones wait"
                assert rig.emit(b"alarm", alarm=True)
                assert not rig.emit(b"late alarm", alarm=True), "no room"
                await rig.until(lambda: len(broker.events()) == 5)
                broker.acknowledges = True
                broker.acknowledge(4)
                await rig.until(lambda: len(broker.events()) == 12)
                await acknowledged(rig)
                assert rig.emit(b"10"), "from memory again"
                await rig.until(lambda: len(broker.events()) == 13)
        alarms = [b"alarm", b"late alarm"]
        assert broker.events()[4:6] == alarms
        assert [sent for sent in broker.events() if sent not in alarms] == [b"%d" % n for n in range(11)]

    play(scenario())


def test_acknowledgements_of_what_went_from_memory_make_room(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority, window=2)
            async with running(rig):
                await acknowledged(rig)
                rig.reads = False
                for n in range(20):
                    assert rig.emit(b"%d" % n)
                    await rig.until(lambda: rig.outbox.under_way < 2)
                    await acknowledged(rig)
        assert broker.events() == [b"%d" % n for n in range(20)]
        assert broker.versions == [5]

    play(scenario())


def test_what_the_broker_refuses_makes_room_and_is_told(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=0x97)
        async with serve(broker) as port:
            rig = Rig([port], authority, window=1)
            async with running(rig):
                for n in range(3):
                    await acknowledged(rig)
                    assert rig.emit(b"%d" % n)
                await rig.until(lambda: rig.log.said.count("the broker refused a message") == 3)
        assert broker.versions == [5]

    play(scenario())


@pytest.mark.parametrize("alarm", [True, False])
def test_what_went_from_memory_and_is_not_acknowledged_is_sent_again_on_another_connection(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch, alarm: bool
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(linking, "LOOK_MS", 10)
        monkeypatch.setattr(feed, "STALLED_MS", 60)
        broker = Broker(acknowledges=False)
        async with serve(broker) as port:
            rig = Rig([port], authority, alarm_retry_ms=60_000)
            rig.link._path._least_ms = 10
            async with running(rig):
                await rig.until(lambda: broker.messages)
                assert rig.emit(b"event", alarm=alarm)
                await rig.until(lambda: broker.events().count(b"event") == 2)
        assert len(broker.versions) == 2

    play(scenario())


def test_an_alarm_that_went_from_memory_is_sent_again_when_no_receipt_comes(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await acknowledged(rig)
                assert rig.emit(b"alarm", alarm=True)
                await rig.until(lambda: broker.events() == [b"alarm"] * 2)
        assert broker.versions == [5]

    play(scenario())


def test_a_quiet_hour_before_an_event_is_not_held_against_the_broker(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(linking, "LOOK_MS", 5)
        looks = 0
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await acknowledged(rig)
                await asyncio.sleep(0.02)
                broker.acknowledges = False
                rig.later_ms = HOUR_MS
                following = rig.outbox.next

                def looked(now_ms: int) -> Any:
                    nonlocal looks
                    looks += 1
                    return following(now_ms)

                monkeypatch.setattr(rig.outbox, "next", looked)
                assert rig.emit(b"event")
                await rig.until(lambda: looks >= 3)
                assert broker.versions == [5], "the connection was given up"

    play(scenario())


def test_what_is_made_without_a_connection_waits_for_one(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(hangs_up=lambda payload: payload == b"break")
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.link._path._least_ms = 10
            assert not rig.emit(b"before")
            async with running(rig):
                await rig.until(lambda: broker.events() == [b"before"])
                await acknowledged(rig)
                broker.hangs_up = lambda payload: payload == b"break" and len(broker.versions) == 1
                assert rig.emit(b"break")
                await rig.until(lambda: not rig.link.up)
                assert not rig.emit(b"event")
                assert not rig.emit(b"alarm", alarm=True)
                await rig.until(lambda: len(broker.events()) == 5)
        assert broker.events() == [b"before", b"alarm", b"before", b"break", b"event"]

    play(scenario())


def test_a_connection_that_ends_before_a_turns_events_have_left_harms_nobody(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.link._path._least_ms = 10
            async with running(rig):
                await acknowledged(rig)
                assert rig.emit(b"event")
                rig.link._drop("pulled")
                assert not rig.link.up
                await rig.until(lambda: len(broker.versions) == 2 and b"event" in broker.events())
                await acknowledged(rig)
                rig.reads = False
                assert rig.emit(b"later")
                await rig.until(lambda: broker.events()[-1] == b"later")

    play(scenario())


def test_nothing_is_sent_before_the_broker_has_answered(play: Any, serve: Any, authority: Any) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        received.append(await packet(reader))
        await asyncio.sleep(60)

    async def scenario() -> None:
        async with serve(silent) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: received)
                assert not rig.emit(b"alarm", alarm=True)
                assert not rig.emit(b"event")
                assert rig.link._connection is not None
                assert rig.link._connection._session.to_send(0) == b""

    received: list[tuple[int, bytes]] = []
    play(scenario())


def test_what_is_too_large_for_the_broker_is_found_out_when_it_is_made(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(properties=b"\x27\x00\x00\x10\x00")
        large = b"x" * 5000
        async with serve(broker) as port:
            rig = Rig([port], authority)
            for envelope in (large, b"first"):
                rig.emit(envelope)
            async with running(rig):
                await acknowledged(rig)
                assert broker.events() == [b"first"], "the rest goes on"
                for alarm in (True, False):
                    assert not rig.emit(large, alarm=alarm)
                await asyncio.sleep(0)
                expected = [(1, 1, 5000), (1, 3, 5000), (1, 4, 5000)]
                assert rig.quarantined == expected
                assert rig.emit(b"alarm", alarm=True)
                assert rig.emit(b"event")
                await acknowledged(rig)
                for rig.later_ms in (1000, 2000):  # its first wait begins, and is over
                    rig.link.pump()
                await rig.until(lambda: broker.events() == [b"first", b"alarm", b"event", b"alarm"])
                assert rig.quarantined == expected, "told again with the next round"

    play(scenario())


def test_what_waits_behind_something_too_large_goes_with_the_same_acknowledgement(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=False, properties=b"\x27\x00\x00\x10\x00")
        async with serve(broker) as port:
            rig = Rig([port], authority, window=1)
            async with running(rig):
                await rig.until(lambda: broker.messages)
                for envelope in (b"first", b"x" * 5000, b"last"):
                    rig.emit(envelope)
                await rig.until(lambda: broker.events() == [b"first"])
                broker.acknowledge(2)  # presence is the other one
                await rig.until(lambda: broker.events() == [b"first", b"last"])

    play(scenario())


def test_a_large_event_from_memory_on_which_the_broker_breaks_off_three_times_is_not_sent_any_more(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(hangs_up=lambda payload: len(payload) >= SUSPECT_BYTES)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.link._path._least_ms = 5
            async with running(rig):
                await acknowledged(rig)
                assert rig.emit(b"x" * SUSPECT_BYTES)
                await rig.until(lambda: rig.quarantined == [(1, 1, SUSPECT_BYTES)])
        assert len(broker.versions) == 3

    play(scenario())


def test_a_large_event_that_the_broker_took_once_is_suspected_anew(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        broker.hangs_up = lambda payload: len(payload) >= SUSPECT_BYTES and len(broker.versions) in {1, 2, 4}
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.link._path._least_ms = 5
            async with running(rig):
                await acknowledged(rig)
                rig.emit(b"x" * SUSPECT_BYTES)
                await rig.until(broker.events)
                await acknowledged(rig)
                rig.link._drop("pulled")
                await rig.until(lambda: len(broker.events()) == 2)
        assert rig.quarantined == []
        assert len(broker.versions) == 5

    play(scenario())


def test_the_trace_tells_when_what_had_to_queue_was_published(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.log.tracing = True
            rig.emit(b"event")
            async with running(rig):
                await acknowledged(rig)
                assert rig.emit(b"from memory")  # whoever made it tells about that
                await acknowledged(rig)
        assert rig.log.stages == [("published", 1)]

    play(scenario())


def test_presence_is_announced_without_anything_else_to_send(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up and len(broker.messages) == 1)
                rig.link.announce()
                await rig.until(lambda: [said for _, said in broker.messages] == [b"presence 1 True"] * 2)

    play(scenario())


def test_a_broker_that_takes_one_message_at_a_time_gets_presence_as_soon_as_it_has_room(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=False, properties=bytes.fromhex("21 00 01"))
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up and len(broker.messages) == 1)
                broker.acknowledge(1)  # the first presence
                rig.emit(b"1")
                await rig.until(lambda: broker.events() == [b"1"])
                rig.emit(b"2")
                rig.link.announce()
                await asyncio.sleep(0.02)
                assert len(broker.messages) == 2
                broker.acknowledge(1)
                await rig.until(lambda: len(broker.messages) == 3)
                assert broker.messages[2][0].endswith("/presence")
                broker.acknowledge(1)
                await rig.until(lambda: broker.events() == [b"1", b"2"])

    play(scenario())
