"""The whole link against brokers of a few lines: it never gives up, never blocks, and nobody keeps an alarm waiting."""

import asyncio
from typing import Any

import pytest

from agent.link import feed, link, path
from agent.link.feed import SUSPECT_BYTES
from agent.seal import Sealed
from tests.agent.link.rig import DEVICE, Broker, Rig, running


@pytest.mark.parametrize("hurried", [True, False])
def test_an_alarm_that_comes_during_an_attempt_skips_the_wait_after_it_once(
    play: Any, authority: Any, hurried: bool
) -> None:
    async def scenario() -> None:
        rig = Rig([1], authority)
        rig.link._path._rounds = 20
        failures = "no connection"
        async with running(rig):
            if hurried:
                rig.link.hurry()
                await rig.until(lambda: rig.log.said.count(failures) == 2)
            await asyncio.sleep(0.2)
            assert rig.log.said.count(failures) == (2 if hurried else 1)
            rig.link.hurry()
            await rig.until(lambda: rig.log.said.count(failures) == (3 if hurried else 2))

    play(scenario())


def test_a_broker_that_hangs_up_on_version_5_is_tried_in_the_old_one_at_once_and_then_anew(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(answers=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: len(broker.versions) >= 4)
        assert broker.versions[:4] == [5, 4, 5, 4]
        assert rig.link.session >= 4

    play(scenario())


def test_presence_comes_first_then_what_is_owed_and_a_goodbye_at_the_end(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.emit(b"event")
            rig.emit(b"alarm", alarm=True)
            async with running(rig):
                await rig.until(lambda: len(broker.messages) == 3)
            await rig.until(lambda: len(broker.messages) == 4)
        prefix = f"dabyl/v1/{DEVICE}/"
        assert broker.messages == [
            (prefix + "presence", b"presence 1 True"),
            (prefix + "alarm", b"alarm"),
            (prefix + "event", b"event"),
            (prefix + "presence", b"presence 1 False"),
        ]
        assert rig.changes == [True, False]

    play(scenario())


def test_a_broker_that_does_not_hang_up_after_the_goodbye_is_not_waited_for(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(link, "LEAVE_MS", 50)
        broker = Broker(stays=True)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
            assert not rig.link.up
            assert broker.left == 1
        assert rig.changes == [True, False]

    play(scenario())


def test_who_has_no_room_for_a_goodbye_leaves_it_to_the_will(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=False, properties=b"\x21\x00\x01")
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                await rig.until(lambda: broker.messages)
            assert not rig.link.up
        assert [payload for _, payload in broker.messages] == [b"presence 1 True"]
        assert broker.left == 0, "a DISCONNECT would have kept the broker from sending the will"

    play(scenario())


def test_a_broker_that_acknowledges_nothing_is_left_and_everything_sent_again(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(feed, "STALLED_MS", 60)
        broker = Broker(acknowledges=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.emit(b"event")
            async with running(rig):
                await rig.until(lambda: broker.events().count(b"event") >= 2)
        assert len(broker.versions) >= 2
        assert rig.changes[:3] == [True, False, True]

    play(scenario())


@pytest.mark.parametrize("stable_ms", [path.STABLE_MS, 0], ids=["a short connection", "a good connection"])
def test_an_alarm_without_receipts_moves_to_the_next_broker(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch, stable_ms: int
) -> None:
    """From a good connection too, although the first broker is preferred after one."""
    monkeypatch.setattr(path, "STABLE_MS", stable_ms)

    async def scenario() -> None:
        first, second = Broker(), Broker()
        async with serve(first) as one, serve(second) as two:
            rig = Rig([one, two], authority)
            rig.emit(b"alarm", alarm=True)
            async with running(rig):
                await rig.until(lambda: b"alarm" in second.events())
        assert first.events() == [b"alarm"] * 4 or first.events() == [b"alarm"] * 3

    play(scenario())


def test_what_the_broker_says_is_too_large_is_quarantined_and_the_rest_goes_on(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(properties=b"\x27\x00\x00\x10\x00")
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.emit(b"x" * 5000)
            rig.emit(b"event")
            async with running(rig):
                await rig.until(lambda: broker.events() == [b"event"])
                assert rig.quarantined == [(1, 1, 5000)]
                large = Sealed(1, 9, 0, "alarm.raised", b"", b"x" * 5000)
                small = Sealed(1, 9, 0, "alarm.raised", b"", b"alarm")
                assert rig.link.express(large) is None
                assert rig.link.express(small) is not None

    play(scenario())


def test_a_large_message_on_which_the_broker_breaks_off_is_suspected_and_the_rest_goes_on(
    play: Any, serve: Any, authority: Any
) -> None:
    async def scenario() -> None:
        broker = Broker(hangs_up=lambda payload: len(payload) >= SUSPECT_BYTES)
        async with serve(broker) as port:
            rig = Rig([port], authority, window=1)
            rig.link._path._least_ms = 10
            rig.emit(b"x" * SUSPECT_BYTES)
            rig.emit(b"event")
            async with running(rig):
                await rig.until(lambda: b"event" in broker.events())
        assert rig.quarantined == [(1, 1, SUSPECT_BYTES)]
        assert len(broker.versions) == 4

    play(scenario())


def test_the_brokers_own_window_is_kept(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Broker(acknowledges=False, properties=b"\x21\x00\x04")
        async with serve(broker) as port:
            rig = Rig([port], authority, window=50)
            for n in range(20):
                rig.emit(b"event %d" % n)
            async with running(rig):
                await rig.until(lambda: len(broker.messages) == 4)
                await asyncio.sleep(0.05)
        assert len(broker.events()) == 3, "one of four is presence"

    play(scenario())


def test_the_watchdog_can_see_whether_the_link_makes_progress(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        rig = Rig([1], authority)
        async with running(rig):
            await rig.until(lambda: "no connection" in rig.log.said)
            assert rig.link.behind_ms <= 1000, "waiting is progress"
        async with serve(Broker()) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                assert rig.link.behind_ms == 0

    play(scenario())
