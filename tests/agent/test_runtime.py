"""The agent at work in one loop: a real journal on a real disk, a small device kind, and a link that the test plugs in."""

import asyncio
import contextlib
import errno
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from agent import config, outgoing, runtime
from agent.centers import Centers
from agent.effects import EMIT, OUTPUT
from agent.errors import ConfigError, HardwareError
from agent.journal.disk import DiskStore
from agent.journal.log import Journal
from agent.keys.errors import HsmError
from agent.log import Log
from agent.service import Service
from agent.wire import chain, command, cose, event, receipt
from agent.wire.command import Command
from agent.wire.event import Event
from agent.wire.receipt import Receipt

DEVICE = "pillar-017"
NOW_MS = 1_800_000_000_000
TOML = """\
[device]
id = "pillar-017"
kind = "tests.probe"
state = "state"
[keys]
key = "k"
certificate = "c"
[center]
keys = ["c"]
[[broker]]
host = "h"
ca = "c"
[journal]
max_mb = 1
"""


class Logic:
    """Each "button" 1 raises an alarm, each "more" escalates, "note" makes an event; remembers what it is told."""

    def __init__(self) -> None:
        self.restored: list[tuple[int, int, int]] = []
        self.receipts: list[tuple[int, int, int]] = []
        self.numbers: list[tuple[int, int]] = []
        self.links: list[bool] = []
        self.reads = 0

    def started(self, open_alarms: list[tuple[int, int, int]], _now_ms: int) -> list[Any]:
        self.restored = open_alarms
        return [(OUTPUT, "lamp", "idle")]

    def input(self, name: str, value: int, _now_ms: int) -> list[Any]:
        if name == "level":
            self.reads += 1
            return []
        if name == "many":
            return [(EMIT, 5, "test.passed", {"n": n}) for n in range(value)]
        types = {"button": "alarm.raised", "more": "alarm.escalated", "note": "test.passed", "wrong": "Not A Type"}
        return [(EMIT, 5, types[name], {"value": value})]

    def tick(self, _now_ms: int) -> list[Any]:
        return []

    def next_tick_ms(self, _now_ms: int) -> int | None:
        return None

    def sealed(self, tag: int, boot: int, seq: int, _now_ms: int) -> list[Any]:
        assert tag == 5
        self.numbers.append((boot, seq))
        return [(OUTPUT, "lamp", "sending")]

    def receipt(self, boot: int, seq: int, state: int, _now_ms: int) -> list[Any]:
        self.receipts.append((boot, seq, state))
        return [(OUTPUT, "lamp", receipt.STATES[state - 1])]

    def command(self, name: str, args: dict[str, Any], _now_ms: int) -> tuple[dict[str, Any] | None, list[Any]]:
        return ({"echo": args}, []) if name == "echo" else (None, [])

    def link(self, up: bool, _now_ms: int) -> list[Any]:
        self.links.append(up)
        return [(OUTPUT, "lamp", "link" if up else "no-link")]


class Binding:
    """Hardware that is strict about being used after it was closed."""

    def __init__(self, on_input: Callable[[str, int, int], None]) -> None:
        self.on_input = on_input
        self.lamp: list[str] = []
        self.closed = False

    def start(self) -> None:
        """Nothing to take."""

    def read(self) -> dict[str, int]:
        return {"level": 0}

    def output(self, name: str, pattern: str, _now_ms: int) -> None:
        assert not self.closed, "output on closed hardware"
        assert name == "lamp"
        self.lamp.append(pattern)

    def next_step_ms(self, _now_ms: int) -> int | None:
        assert not self.closed
        return None

    def step(self, _now_ms: int) -> None:
        assert not self.closed

    def close(self) -> None:
        self.closed = True


class Kind:
    """The module of the kind."""

    KIND = "probe"
    SETTINGS: dict[str, Any] = {}  # noqa: RUF012  a module's table

    def __init__(self) -> None:
        self.logic = Logic()
        self.settings_error: Exception | None = None
        self.hardware_error: Exception | None = None
        self.start_error: Exception | None = None

    def make_logic(self, _settings: Any, _now_ms: int) -> Logic:
        if self.settings_error is not None:
            raise self.settings_error
        return self.logic

    def make_binding(self, _settings: Any, on_input: Any) -> Binding:
        if self.hardware_error is not None:
            raise self.hardware_error
        self.binding = Binding(on_input)
        if self.start_error is not None:
            error = self.start_error

            def fail() -> None:
                raise error

            self.binding.start = fail  # type: ignore[method-assign]  # this one's start fails
        return self.binding


class Link:
    """A link that the test plugs in and out; the broker behind it acknowledges at once and keeps everything."""

    made: "Link"
    looked: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *arguments: Any) -> None:
        (_, _, _, self.outbox, self.clock, _, _, self.presence, self.on_message, self.on_change, self.quarantined) = (
            arguments
        )
        self.up = False
        self.session = 0
        self.broker = 1
        self.behind_ms = 0
        self.sent: list[bytes] = []
        self.direct: list[bytes] = []
        self.hurried = 0
        type(self).made = self
        type(self).looked()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def plug(self) -> None:
        self.up = True
        self.session += 1
        self.outbox.connected(self.clock.up())
        self.on_change(True)
        self.pump()

    def unplug(self) -> None:
        self.up = False
        self.outbox.lost()
        self.on_change(False)

    def express(self, sealed: Any) -> int | None:
        if not self.up or not self.outbox.room or not self.outbox.alarms.nothing_waits():
            return None
        self.sent.append(sealed.envelope)
        self.direct.append(sealed.envelope)
        return len(self.sent)

    def adopt(self, _mid: int, position: int, _sealed: Any) -> None:
        self.outbox.alarms.sent_directly(position)

    def pump(self) -> None:
        while self.up and (entry := self.outbox.next(self.clock.up())) is not None:
            self.outbox.begin(entry[0])
            self.outbox.acknowledged(entry[0])
            self.sent.append(entry[4])

    def hurry(self) -> None:
        self.hurried += 1

    def announce(self) -> None:
        """Presence is sent by the real one."""

    async def stop(self) -> None:
        if self.up:
            self.unplug()

    def events(self) -> list[Event]:
        """What the broker holds, each event once."""
        return [event.decode(cose.parse(message).payload) for message in dict.fromkeys(self.sent)]

    def types(self) -> list[str]:
        return [made.type for made in self.events() if made.type != "health.report"]


class Running:
    """One run of the agent."""

    def __init__(self, agent: Any, kind: Kind, journal: Journal, key: Any, task: "asyncio.Task[None]") -> None:
        self.agent = agent
        self.kind = kind
        self.logic = kind.logic
        self.journal = journal
        self.link = Link.made
        self._key = key
        self.task = task

    @property
    def boot(self) -> int:
        return int(self.agent._sealer.boot)

    async def input(self, name: str, value: int = 1) -> None:
        self.kind.binding.on_input(name, value, 0)
        await self.settle()

    async def settle(self) -> None:
        """Until the loop and the disk are done with what was begun."""
        for _ in range(400):
            await asyncio.sleep(0.002)
            if not self.journal.unkept_count and not self.agent._keeper.is_syncing:
                return
        raise AssertionError("the journal does not come to rest")

    def receipt(self, n: int, settled: Any = (), alarms: Any = (), boots: int = 0, by: str = "center") -> None:
        made = Receipt(DEVICE, "center-1", n, NOW_MS, boots, list(settled), list(alarms))
        self.link.on_message("receipt", cose.sign(made.encode(), receipt.CONTEXT, self._key(by)))

    def command(self, n: int, name: str, args: Any = None, *, expires: int = 60, at: int = NOW_MS) -> None:
        made = Command(DEVICE, "center-1", n, at, expires, name, args or {})
        self.link.on_message("command", cose.sign(made.encode(), command.CONTEXT, self._key("center")))


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path, key: Any, time: Any, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs the agent of one device while it is entered; what is on its disk stays."""
    (tmp_path / "agent.toml").write_text(TOML, encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setattr(runtime, "Link", Link)
    monkeypatch.setattr(Link, "looked", staticmethod(lambda: None))

    @contextlib.asynccontextmanager
    async def running(
        kind: Kind | None = None, *, plugged: bool = True, disk: Any = DiskStore, keeps: bool = True
    ) -> AsyncIterator[Running]:
        kind = kind or Kind()
        store = disk(str(state / "journal"))
        journal = Journal(store, max_bytes=200_000, segment_bytes=20_000)
        journal.open()
        settings = config.read(str(tmp_path / "agent.toml"))
        centers = Centers([key("center").public_der])
        agent = runtime.Agent(
            settings,
            kind,
            key("device"),
            [b"certificate"],
            centers,
            journal,
            time.clock(journal.notes.get("time_floor", 0)),
            Service({}),
            Log(),
        )
        task = asyncio.get_running_loop().create_task(agent.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            if task.done():
                task.result()
            run = Running(agent, kind, journal, key, task)
            rest = run.settle if keeps else lambda: asyncio.sleep(0.01)
            await rest()
            if plugged:
                run.link.plug()
                await rest()
            yield run
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, HardwareError, ConfigError):
                await task
            store.close()

    return running


@pytest.fixture
def play() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a scenario; no callback may fail unnoticed."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        failures: list[dict[str, Any]] = []

        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, failure: failures.append(failure))
            async with asyncio.timeout(20):
                await scenario

        asyncio.run(watched())
        assert not failures, failures

    return run


def test_a_new_device_says_so_with_a_volatile_boot(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            first = run.link.events()[0]
            assert (first.type, first.seq, first.prev, first.data["last"]) == ("device.reset", 1, chain.ZERO, None)
            assert first.boot >= chain.VOLATILE

    play(scenario())


def test_the_next_boot_names_the_last_kept_event_and_goes_on_from_it(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("note")
            last = run.link.events()[-1]
            hash16 = chain.link(cose.parse(run.link.sent[-1]).payload)
        async with start() as run:
            first = next(made for made in run.link.events() if made.boot == run.boot)
            assert first.type == "device.booted"
            assert first.data["last"] == [last.boot, last.seq, hash16]
            assert first.prev == hash16

    play(scenario())


def test_a_boot_floor_from_a_receipt_makes_the_next_boot_regular_and_above_it(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.receipt(1, boots=41)
            await run.settle()
        for boot in (42, 43, 44):
            async with start() as run:
                assert run.boot == boot
                run.receipt(boot, boots=7)  # an older floor changes nothing

    play(scenario())


def test_a_regular_boot_number_is_on_the_disk_before_there_is_a_link(
    play: Any, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(DiskStore):
        dirty = False

        def append(self, name: str, data: bytes) -> None:
            type(self).dirty = True
            super().append(name, data)

        def sync(self, name: str) -> None:
            super().sync(name)
            type(self).dirty = False

    async def scenario() -> None:
        async with start() as run:
            run.receipt(1, boots=5)
            await run.settle()
        kept: list[tuple[bool, int | None]] = []

        def look() -> None:
            shutil.copytree(tmp_path / "state" / "journal", tmp_path / "copy")
            store = DiskStore(str(tmp_path / "copy"))
            journal = Journal(store)
            journal.open()
            kept.append((Watched.dirty, journal.notes.get("boot")))
            store.close()

        monkeypatch.setattr(Link, "looked", staticmethod(look))
        async with start(disk=Watched) as run:
            assert run.boot == 6
        assert kept == [(False, 6)]

    play(scenario())


def test_a_disk_that_refuses_makes_the_boot_volatile_and_alarms_go_out_all_the_same(play: Any, start: Start) -> None:
    class Refusing(DiskStore):
        def append(self, _name: str, _data: bytes) -> None:
            raise OSError(30, "Read-only file system")

        def create(self, _name: str) -> None:
            raise OSError(30, "Read-only file system")

    async def scenario() -> None:
        async with start() as run:
            run.receipt(1, boots=5)
            await run.settle()
        async with start(disk=Refusing, keeps=False) as run:
            assert run.boot >= chain.VOLATILE
            run.kind.binding.on_input("button", 1, 0)
            await asyncio.sleep(0.01)
            ours = [made for made in run.link.events() if made.boot == run.boot]
            assert [made.type for made in ours if made.type != "health.report"] == ["device.booted", "alarm.raised"]
            report = next(made for made in ours if made.type == "health.report")
            assert "Read-only" in str(report.data["disk"])
        async with start() as run:
            assert run.boot == 6, "the number that was not kept was never used"

    play(scenario())


def test_a_press_while_offline_is_kept_hurried_and_delivered_when_there_is_a_link(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("button")
            assert run.link.sent == []
            assert run.link.hurried == 1
            assert run.kind.binding.lamp[-1] == "sending"
        async with start() as run:
            assert run.link.types()[0] == "alarm.raised", "alarms first"
            assert run.logic.restored == [(run.link.events()[0].boot, run.link.events()[0].seq, 0)]

    play(scenario())


def test_a_press_while_connected_is_sent_before_it_is_written(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            order: list[str] = []
            append: Any = run.journal.append
            express: Any = run.link.express

            def written(*args: Any) -> Any:
                order.append("written")
                return append(*args)

            def sent(sealed: Any) -> Any:
                order.append("sent")
                return express(sealed)

            monkeypatch.setattr(run.journal, "append", written)
            monkeypatch.setattr(run.link, "express", sent)
            await run.input("button")
            await run.input("note")
            assert order == ["sent", "written", "written"]
            assert len(run.link.direct) == 1
            assert run.link.sent.count(run.link.direct[0]) == 1

    play(scenario())


def test_only_a_receipt_settles_and_the_logic_hears_of_the_alarm(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("button")
            boot, seq = run.logic.numbers[0]
            assert run.journal.unsettled_count(0) == 1
            run.receipt(1, [(boot, seq, seq)], by="device")
            assert run.journal.unsettled_count(0) == 1
            run.receipt(1, [(boot, 1, seq)], [(boot, seq, 2)])
            assert run.journal.unsettled_count(0) == 0
            assert run.logic.receipts == [(boot, seq, 2)]
            assert run.kind.binding.lamp[-1] == "acknowledged"
            run.receipt(1, [(boot, 1, seq)], [(boot, seq, 2)])
            assert run.logic.receipts[1:] == [(boot, seq, 2)], "replays are harmless"

    play(scenario())


def test_a_settled_alarm_without_a_state_counts_as_received(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("button")
            boot, seq = run.logic.numbers[0]
            run.receipt(1, [(boot, seq, seq)])
            assert run.logic.receipts == [(boot, seq, receipt.RECEIVED)]

    play(scenario())


def test_the_receipt_of_an_escalation_names_no_alarm_to_the_logic(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("button")
            await run.input("more")
            raised, escalated = run.logic.numbers
        async with start() as run:
            assert run.logic.restored == [(*raised, 0)]
            run.receipt(1, [(*raised, escalated[1])])
            assert run.logic.receipts == [(*raised, receipt.RECEIVED)]
            assert run.journal.unsettled_count(0) == 0

    play(scenario())


def test_commands_end_in_signed_events(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.command(5, "echo", {"x": 1})
            run.command(5, "echo", {"x": 1})  # delivered twice: silence
            await run.settle()
            run.command(6, "dance")
            await run.settle()
            run.command(6, "echo")
            run.command(7, "echo", at=NOW_MS - 61_000)
            await run.settle()
            ended = [(made.type, made.data) for made in run.link.events() if made.type.startswith("command.")]
            assert ended == [
                ("command.accepted", {"n": 5, "name": "echo"}),
                ("command.completed", {"n": 5, "name": "echo", "result": {"echo": {"x": 1}}}),
                ("command.accepted", {"n": 6, "name": "dance"}),
                ("command.failed", {"n": 6, "name": "dance", "reason": "unknown"}),
                ("command.refused", {"n": 6, "name": "echo", "reason": "replayed"}),
                ("command.refused", {"n": 7, "name": "echo", "reason": "expired"}),
            ]
        async with start() as run:
            run.command(6, "echo")
            assert run.link.events()[-1].data["reason"] == "replayed", "remembered over a restart"

    play(scenario())


def test_a_command_is_carried_out_only_once_its_number_is_durable(play: Any, start: Start) -> None:
    class Slow(DiskStore):
        def sync(self, name: str) -> None:
            released.acquire()
            released.release()
            super().sync(name)

    async def scenario() -> None:
        async with start(disk=Slow) as run:
            released.acquire()  # from here on the disk hangs
            run.command(5, "echo")
            await asyncio.sleep(0.05)
            assert run.link.types()[-1] == "command.accepted"
            released.release()
            await run.settle()
            assert run.link.types()[-1] == "command.completed"

    released = threading.Lock()
    play(scenario())


def test_a_command_cut_short_is_answered_at_the_next_start_and_not_done_again(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.journal.note("command", 9)  # as by a boot that died before it was done
            await run.settle()
        for _ in range(2):  # what no receipt has settled is sent again, but not made again
            async with start() as run:
                failed = [made.data for made in run.link.events() if made.type == "command.failed"]
                assert failed == [{"n": 9, "reason": "the device restarted before it was done"}]

    play(scenario())


def test_a_disk_in_trouble_holds_no_command_up(play: Any, start: Start) -> None:
    class Broken(DiskStore):
        broken = False

        def append(self, name: str, data: bytes) -> None:
            if self.broken:
                raise OSError(errno.EIO, "gone")
            super().append(name, data)

    async def scenario() -> None:
        async with start(disk=Broken) as run:
            Broken.broken = True
            run.command(5, "echo")
            await asyncio.sleep(0.05)
            assert run.link.types()[-1] == "command.completed"

    play(scenario())


def test_refused_commands_are_told_at_most_ten_times_a_minute(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        async with start() as run:
            for n in range(1, 500):
                run.command(n, "echo", at=NOW_MS - 61_000)
            assert run.link.types().count("command.refused") == 10
            time.advance(60_000)
            for n in range(1, 500):
                run.command(n, "echo", at=NOW_MS - 61_000)
            assert run.link.types().count("command.refused") == 20

    play(scenario())


def test_what_the_key_does_not_sign_waits_in_order_with_the_time_it_happened(
    play: Any, start: Start, time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SIGN_AGAIN_S", 0.01)

    async def scenario() -> None:
        async with start() as run:
            signer = run.agent._signer
            sign = signer.sign

            def pulled(_data: bytes) -> bytes:
                raise HsmError("the token is gone")

            monkeypatch.setattr(signer, "sign", pulled)
            happened_ms = run.link.clock.up()
            await run.input("button")
            await run.input("note")
            assert run.logic.numbers == [], "nothing has a number yet"
            time.advance(5000)
            monkeypatch.setattr(signer, "sign", sign)
            await asyncio.sleep(0.1)
            await run.settle()
            last = run.link.events()[-2:]
            assert [made.type for made in last] == ["alarm.raised", "test.passed"]
            assert last[0].up == happened_ms
            assert [made.seq for made in last] == [seq for _boot, seq in run.logic.numbers]
            assert last[1].seq == last[0].seq + 1, "no number was used up in vain"

    play(scenario())


def test_what_happens_after_the_key_signs_again_does_not_overtake_what_waits(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SIGN_AGAIN_S", 0.05)

    async def scenario() -> None:
        async with start() as run:
            signer = run.agent._signer
            sign = signer.sign

            def pulled(_data: bytes) -> bytes:
                raise HsmError("the token is gone")

            monkeypatch.setattr(signer, "sign", pulled)
            await run.input("button")
            monkeypatch.setattr(signer, "sign", sign)
            await run.input("note")
            await asyncio.sleep(0.2)
            await run.settle()
            assert run.link.types()[-2:] == ["alarm.raised", "test.passed"]

    play(scenario())


def test_a_press_does_not_wait_for_the_end_of_a_long_list(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.kind.binding.on_input("many", 500, 0)
            run.kind.binding.on_input("button", 1, 0)
            await asyncio.sleep(0.5)
            await run.settle()
            types = run.link.types()
            assert types.count("test.passed") == 500
            assert types.index("alarm.raised") < types.index("test.passed") + 100

    play(scenario())


def test_all_of_a_long_list_is_sealed_before_the_agent_says_goodbye(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            sealed_at_goodbye: list[int] = []
            stop = run.link.stop

            async def goodbye() -> None:
                sealed_at_goodbye.append(len(run.logic.numbers))
                await stop()

            monkeypatch.setattr(run.link, "stop", goodbye)
            run.kind.binding.on_input("many", 500, 0)
            await asyncio.sleep(0)
        assert sealed_at_goodbye == [500]

    play(scenario())


def test_what_is_evicted_while_a_gap_is_declared_is_declared_next_without_another_event(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            told = [[(7, 1, 2, bytes(16))], [(7, 5, 9, bytes(16))]]
            monkeypatch.setattr(run.journal, "take_gaps", lambda: told.pop(0) if told else [])
            await run.input("note")
            await run.settle()
            gaps = [made.data["ranges"] for made in run.link.events() if made.type == "journal.gap"]
            assert gaps == [[[7, 1, 2, bytes(16)]], [[7, 5, 9, bytes(16)]]]

    play(scenario())


def test_a_command_without_any_time_is_refused_and_taken_after_a_receipt(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        time.system_ms = 0
        async with start() as run:
            run.command(1, "echo")
            assert run.link.events()[-1].data["reason"] == "time-unknown"
            assert run.link.events()[-1].clock == event.CLOCK_UNSET
            run.receipt(1)
            run.command(1, "echo")
            await run.settle()
            assert run.link.events()[-1].type == "command.completed"
            assert run.link.events()[-1].at == NOW_MS

    play(scenario())


def test_the_centers_keys_are_exchanged_by_a_command_of_a_center_believed(play: Any, start: Start, key: Any) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.command(1, "center-keys", {"keys": [b"junk"]})
            await run.settle()
            assert run.link.events()[-1].type == "command.failed"
            run.command(2, "center-keys", {"keys": [key("center-2").public_der]})
            await run.settle()
            assert run.link.events()[-1].type == "command.completed"
            await run.input("button")
            boot, seq = run.logic.numbers[0]
            run.receipt(1, [(boot, seq, seq)])
            assert run.journal.unsettled_count(0) == 1
            run.receipt(1, [(boot, seq, seq)], by="center-2")
            assert run.journal.unsettled_count(0) == 0

    play(scenario())


def test_a_flood_of_forgeries_is_reported_once_a_minute(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        async with start() as run:
            for _ in range(500):
                run.link.on_message("receipt", b"\xff forged")
            time.advance(59_999)
            run.link.on_message("command", b"")
            reports = [made.data for made in run.link.events() if made.type == "message.refused"]
            assert reports == [{"class": "receipt", "reason": "malformed", "count": 1}]
            time.advance(1)
            run.receipt(1, by="device")
            reports = [made.data for made in run.link.events() if made.type == "message.refused"]
            assert reports[1:] == [{"class": "receipt", "reason": "unknown-key", "count": 502}]

    play(scenario())


def test_what_the_journal_evicts_is_declared_and_alarms_are_not_evicted(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("button")
            for n in range(1200):
                run.kind.binding.on_input("note", n, 0)
                if n % 100 == 0:
                    await run.settle()
            await run.settle()
            await run.input("note")
            run.link.plug()
            await run.settle()
            for _ in range(200):
                time_passes = run.link.outbox.wake_ms(run.link.clock.up())
                if time_passes is None:
                    break
                run.link.outbox._tokens_milli = 100_000
                run.link.pump()
            events = run.link.events()
            held = {(made.boot, made.seq) for made in events}
            gaps = [gap for made in events if made.type == "journal.gap" for gap in made.data["ranges"]]
            assert gaps
            declared = {(boot, seq) for boot, first, last, _hash in gaps for seq in range(first, last + 1)}
            every = {(run.boot, seq) for seq in range(1, max(made.seq for made in events) + 1)}
            assert every <= held | declared, sorted(every - held - declared)[:5]
            assert run.logic.numbers[0] in held

    play(scenario())


def test_an_event_that_the_broker_refuses_for_its_size_is_reported(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.link.quarantined(3, 9, 50_000)
            made = run.link.events()[-1]
            assert (made.type, made.data) == ("link.quarantined", {"boot": 3, "seq": 9, "bytes": 50_000})

    play(scenario())


def test_an_event_that_the_contract_does_not_have_leaves_no_hole(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("wrong")
            await run.input("button")
            assert [made.seq for made in run.link.events()] == list(range(1, len(run.link.events()) + 1))
            assert run.link.types()[-1] == "alarm.raised"

    play(scenario())


def test_health_is_reported_at_once_and_names_the_link(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            report = next(made for made in run.link.events() if made.type == "health.report")
            assert {"unsettled", "alarms", "disk_free_kb", "broker", "session", "up", "refused"} <= set(report.data)

    play(scenario())


def test_the_end_switches_the_outputs_off_and_keeps_the_time_and_the_journal(
    play: Any, start: Start, time: Any, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.receipt(1)
            binding, link = run.kind.binding, run.link
        assert binding.closed
        assert not link.up
        assert run.journal.notes["time_floor"] == time.system_ms
        assert run.journal.unkept_count == 0

    play(scenario())


@pytest.mark.parametrize(
    "error", [OSError(5, "gone"), RuntimeError("no pins"), ImportError("no gpiozero"), ValueError("GPIO99")]
)
@pytest.mark.parametrize("when", ["hardware_error", "start_error"])
def test_hardware_that_cannot_be_opened_is_one_error(play: Any, start: Start, when: str, error: Exception) -> None:
    async def scenario() -> None:
        kind = Kind()
        setattr(kind, when, error)
        with pytest.raises(HardwareError, match="hardware cannot be opened"):
            async with start(kind) as run:
                await run.task

    play(scenario())


def test_wrong_settings_are_a_configuration_error(play: Any, start: Start, tmp_path: Path) -> None:
    async def scenario() -> None:
        kind = Kind()
        kind.settings_error = ValueError("setting lamp_pim is unknown")
        with pytest.raises(ConfigError, match=r"agent\.toml: \[settings\]: setting lamp_pim is unknown"):
            async with start(kind) as run:
                await run.task

    play(scenario())


def test_inputs_from_a_thread_after_the_end_are_harmless(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            binding = run.kind.binding
        binding.on_input("button", 1, 0)
        await asyncio.sleep(0.01)

    play(scenario())
