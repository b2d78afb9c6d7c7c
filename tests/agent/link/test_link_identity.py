"""A new certificate tried on the link: taken with the next connection, or left at once for the one that has served so far."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.link import link
from agent.link.dial import context as _context
from tests.agent.link.rig import Broker, Rig, running
from tests.agent.link.scripted_broker import packet


class Seeing(Broker):
    """A broker that remembers the names it was shown."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.shown: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        self.shown.append(dict(part[0] for part in certificate["subject"])["commonName"])
        await super().__call__(reader, writer)


def test_a_good_one_serves_from_the_next_connection_on(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Seeing()
        new = authority.leaf("new-one", "device", host="", server=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                assert await rig.link.try_identity(*new) == ""
                assert rig.link.up
                assert (broker.shown, broker.left) == (["pillar-017", "new-one"], 1)
                assert rig.link.session == 2
                rig.emit(b"event")
                await rig.until(lambda: b"event" in broker.events())
        assert rig.changes == [True, False, True, False]

    play(scenario())


@pytest.mark.parametrize("trouble", ["no file", "a stranger's"])
def test_a_bad_one_costs_no_wait(
    play: Any, serve: Any, authority: Any, stranger: Any, tmp_path: Path, trouble: str
) -> None:
    async def scenario() -> None:
        broker = Seeing()
        bad = (
            (str(tmp_path / "none"), str(tmp_path / "none"))
            if trouble == "no file"
            else stranger.leaf("theirs", "device", host="", server=False)
        )
        async with serve(broker) as port:
            rig = Rig([port], authority, retry_min_ms=20, retry_max_ms=300_000)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                assert await rig.link.try_identity(*bad) != ""
                await rig.until(lambda: rig.link.up)
                assert set(broker.shown) == {"pillar-017"}
                assert "no connection" not in rig.log.said
                assert rig.log.said.count("connected") == len(broker.shown) == 2

    play(scenario())


def test_one_is_tried_where_the_old_one_never_connects(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Seeing()
        ended = authority.leaf("ended", "device", host="", server=False, begins=-9, ends=-1)
        new = authority.leaf("new-two", "device", host="", server=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.link._brokers[0].update(certificate=ended[0], key=ended[1])
            rig.link._path._rounds = 20  # by now it waits for minutes
            async with running(rig):
                await rig.until(lambda: "no connection" in rig.log.said)
                assert await rig.link.try_identity(*new) == ""
                assert rig.link.up

    play(scenario())


def test_one_is_tried_in_the_version_that_the_broker_speaks(play: Any, serve: Any, authority: Any) -> None:
    class Old(Seeing):
        """Speaks MQTT 3.1.1 only, and says so."""

        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            certificate = writer.get_extra_info("peercert")
            _, connect = await packet(reader)
            self.versions.append(connect[6])
            if connect[6] != 4:
                writer.write(b"\x20\x02\x00\x01")
                return
            self.shown.append(dict(part[0] for part in certificate["subject"])["commonName"])
            writer.write(b"\x20\x02\x00\x00")
            _, subscribe = await packet(reader)
            writer.write(b"\x90\x04" + subscribe[:2] + b"\x01\x01")
            await packet(reader)
            await asyncio.sleep(3600)

    async def scenario() -> None:
        broker = Old()
        new = authority.leaf("new-six", "device", host="", server=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            told = rig.link.try_identity(*new)  # before anybody knows which version that is
            async with running(rig):
                assert await told == ""
                assert rig.link.up
                assert (broker.versions, broker.shown) == ([5, 4], ["new-six"])

    play(scenario())


def test_one_that_comes_while_the_old_one_connects_is_tried_next(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        new = authority.leaf("new-five", "device", host="", server=False)
        told: list[asyncio.Future[str]] = []

        class Asking(Seeing):
            async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if not told:
                    told.append(rig.link.try_identity(*new))
                await super().__call__(reader, writer)

        broker = Asking()
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: told and told[0].done())
                assert told[0].result() == ""
                assert broker.shown == ["pillar-017", "new-five"]

    play(scenario())


def test_a_broker_that_hangs_up_on_it_ends_the_trial_and_no_more(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        broker = Seeing()
        new = authority.leaf("new-three", "device", host="", server=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                broker.answers = False
                assert await rig.link.try_identity(*new) != ""
                broker.answers = True
                await rig.until(lambda: rig.link.up)
                assert broker.shown[-1] == "pillar-017"

    play(scenario())


def test_afterwards_the_files_are_read_again(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        read: list[str] = []

        def reading(ca: str, certificate: str, key: str) -> Any:
            read.append(certificate)
            return _context(ca, certificate, key)

        monkeypatch.setattr(link, "context", reading)
        broker = Seeing(hangs_up=lambda payload: payload == b"go")
        new = authority.leaf("new-four", "device", host="", server=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            async with running(rig):
                await rig.until(lambda: rig.link.up)
                assert await rig.link.try_identity(*new) == ""
                old, tried = read
                assert tried == new[0]
                rig.emit(b"go")
                await rig.until(lambda: len(read) == 3)
                assert read[2] == old

    play(scenario())
