"""The whole link against brokers of a few lines: it never gives up, never blocks, and nobody keeps an alarm waiting."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agent.clock import Clock
from agent.link import link as linking
from agent.link.link import SUSPECT_BYTES, Link
from agent.link.outbox import Outbox
from agent.seal import Sealed

DEVICE = "pillar-017"
SETTINGS = {
    "keepalive_s": 60,
    "connect_timeout_s": 5,
    "window": 5,
    "backlog_rate": 1000,
    "retry_min_ms": 20,
    "retry_max_ms": 300_000,
    "alarm_retry_ms": 60,
    "event_retry_ms": 60_000,
}


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


class Broker:
    """Takes everything and acknowledges, unless told otherwise. ``hangs_up`` looks at each message and says when to break off."""

    def __init__(
        self, *, answers: bool = True, acknowledges: bool = True, properties: bytes = b"", hangs_up: Any = None
    ) -> None:
        self.answers = answers
        self.acknowledges = acknowledges
        self.properties = properties
        self.hangs_up: Callable[[bytes], bool] = hangs_up or (lambda _payload: False)
        self.versions: list[int] = []
        self.messages: list[tuple[str, bytes]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, connect = await packet(reader)
        self.versions.append(connect[6])
        if not self.answers:
            return
        writer.write(bytes([0x20, 3 + len(self.properties), 0, 0, len(self.properties)]) + self.properties)
        _, subscribe = await packet(reader)
        writer.write(b"\x90\x05" + subscribe[:2] + b"\x00\x01\x01")
        while True:
            first, body = await packet(reader)
            if first & 0xF0 != 0x30:
                continue
            end = 2 + int.from_bytes(body[:2])
            topic, mid, payload = body[2:end].decode(), body[end : end + 2], body[end + 3 :]
            if self.hangs_up(payload):
                return
            self.messages.append((topic, payload))
            if self.acknowledges:
                writer.write(b"\x40\x02" + mid)

    def events(self) -> list[bytes]:
        return [payload for topic, payload in self.messages if not topic.endswith("presence")]


class Notes:
    """What the link logs."""

    tracing = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, message: str, **_facts: object) -> None:
        self.said.append(message)

    warning = info


class Rig:
    """A link, its outbox over a list of events, and what it calls back."""

    def __init__(self, ports: list[int], authority: Any, **settings: int) -> None:
        self.entries: list[tuple[int, int, int, int, bytes]] = []
        self.quarantined: list[tuple[int, int, int]] = []
        self.changes: list[bool] = []
        self.log = Notes()
        chosen = {**SETTINGS, **settings}
        certificate, key = authority.leaf(DEVICE, "device", host="", server=False)
        files = {"ca": str(authority.root), "certificate": certificate, "key": key}
        clock = Clock(lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000, lambda: True)
        self.outbox = Outbox(
            self._next,
            lambda: len(self.entries),
            chosen["window"],
            chosen["backlog_rate"],
            chosen["alarm_retry_ms"],
            chosen["event_retry_ms"],
        )
        self.link = Link(
            DEVICE,
            [{"host": "127.0.0.1", "port": port, **files} for port in ports],
            chosen,
            self.outbox,
            clock,
            self.log,  # type: ignore[arg-type]  # says as much as the link needs
            lambda: 0.5,
            lambda session, online: f"presence {session} {online}".encode(),
            lambda _leaf, _payload: None,
            self.changes.append,
            lambda boot, seq, size: self.quarantined.append((boot, seq, size)),
        )

    def _next(self, lane: int, after: int) -> Any:
        return next((e for e in self.entries if e[0] > after and (e[1] > 0) == (lane == 1)), None)

    def add(self, envelope: bytes, rank: int = 2) -> None:
        at = len(self.entries) + 1
        self.entries.append((at, rank, 1, at, envelope))
        self.link.pump()

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110  the condition is about plain lists
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    task = asyncio.create_task(rig.link.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await rig.link.stop()


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
            rig.add(b"event")
            rig.add(b"alarm", 0)
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


def test_a_broker_that_acknowledges_nothing_is_left_and_everything_sent_again(
    play: Any, serve: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(linking, "STALLED_MS", 60)
        broker = Broker(acknowledges=False)
        async with serve(broker) as port:
            rig = Rig([port], authority)
            rig.add(b"event")
            async with running(rig):
                await rig.until(lambda: broker.events().count(b"event") >= 2)
        assert len(broker.versions) >= 2
        assert rig.changes[:3] == [True, False, True]

    play(scenario())


def test_an_alarm_without_receipts_moves_to_the_next_broker(play: Any, serve: Any, authority: Any) -> None:
    async def scenario() -> None:
        first, second = Broker(), Broker()
        async with serve(first) as one, serve(second) as two:
            rig = Rig([one, two], authority)
            rig.add(b"alarm", 0)
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
            rig.add(b"x" * 5000)
            rig.add(b"event")
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
            rig.add(b"x" * SUSPECT_BYTES)
            rig.add(b"event")
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
                rig.add(b"event %d" % n)
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
