"""From a fact to a kept and sent event, in the running agent: what leaves before it is written, and what is kept how."""

from typing import Any

import pytest

from agent.journal import keeper
from agent.journal.disk import DiskStore
from agent.log import TRACE, Log
from agent.wire import cose, event
from tests.agent.running import Start


class Trace(Log):
    """Keeps the stages."""

    def __init__(self) -> None:
        super().__init__(TRACE)
        self.stages: list[dict[str, Any]] = []

    def _write_json(self, fields: dict[str, object]) -> None:
        if "stage" in fields:
            self.stages.append(fields)


def types(messages: list[bytes]) -> list[str]:
    return [event.decode(cose.parse(message).payload).type for message in messages]


def test_a_press_while_offline_is_kept_hurried_and_delivered_when_there_is_a_link(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("note")
            assert not run.link._hurry.is_set()
            await run.input("button")
            assert run.broker.messages == []
            assert run.link._hurry.is_set()
            assert run.kind.binding.lamp[-1] == "sending"
        async with start() as run:
            assert run.types()[0] == "alarm.raised", "alarms first"
            assert run.logic.restored == [(run.events()[0].boot, run.events()[0].seq, 0)]
            await run.input("button")
            assert not run.link._hurry.is_set(), "there is nothing to hurry for"

    play(scenario())


def test_a_press_leaves_the_device_before_it_is_written_and_what_else_happens_after(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal gives nothing meanwhile: all go from memory, and once."""

    async def scenario() -> None:
        async with start() as run:
            order: list[str] = []
            line = run.broker.line
            assert line is not None
            append, publish, flush = run.journal.append, line.publish, line.flush

            def written(*record: Any) -> int:
                order.append("written")
                return append(*record)

            def published(topic: str, payload: bytes, retain: bool = False) -> int:
                order.append("published")
                return publish(topic, payload, retain)

            def left() -> None:
                order.extend(["left"] * bool(line.queued))
                flush()

            monkeypatch.setattr(run.journal, "append", written)
            monkeypatch.setattr(line, "publish", published)
            monkeypatch.setattr(line, "flush", left)
            monkeypatch.setattr(run.agent._outbox, "_next_entry", lambda _lane, _after: None)
            before = len(run.broker.sent)
            await run.input("button")
            assert order == ["published", "left", "written"]
            order.clear()
            run.agent._input("many", 3, 0)
            assert run.agent._outbox.under_way == 3
            await run.settle()
            assert order == ["written", "published"] * 3 + ["left"], "what one turn of the loop makes leaves together"
            assert types(run.broker.sent[before:]) == ["alarm.raised"] + ["test.passed"] * 3

    play(scenario())


def test_a_burst_goes_out_in_order_and_once_partly_from_memory_partly_from_the_journal(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("many", 300)
            await run.input("note", 300)
            numbers = [made.seq for made in run.events()]
            assert numbers == list(range(1, len(numbers) + 1))
            assert [data.get("n", 300) for data in run.told("test.passed")] == list(range(301))
            assert len(run.broker.sent) == len(numbers), "something was sent twice"

    play(scenario())


def test_the_rank_in_the_journal_says_what_may_be_evicted(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            ranks: dict[str, int] = {}
            append = run.journal.append

            def appended(rank: int, *record: Any) -> int:
                ranks[types([record[-1]])[0]] = rank
                return append(rank, *record)

            monkeypatch.setattr(run.journal, "append", appended)
            told = [[(7, 1, 2, bytes(16))]]
            monkeypatch.setattr(run.journal, "take_gaps", lambda: told.pop() if told else [])
            run.agent._first_event()
            for type_ in ("device.reset", "health.report"):
                run.agent._outgoing.emit(type_, {})
            for name in ("button", "more", "note"):
                await run.input(name)
            assert ranks == {
                "alarm.raised": 0,
                "alarm.escalated": 0,
                "device.reset": 1,
                "journal.gap": 1,
                "device.booted": 2,
                "test.passed": 2,
                "health.report": 3,
            }

    play(scenario())


def test_an_alarm_does_not_wait_for_the_next_try_of_a_disk_in_trouble(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST_RETRY_S", 3600.0)

    class Broken(DiskStore):
        broken = False

        def append(self, name: str, data: bytes) -> None:
            if self.broken:
                raise OSError(5, "gone")
            super().append(name, data)

    async def scenario() -> None:
        async with start(disk=Broken) as run:
            Broken.broken = True
            run.kind.binding.on_input("note", 1, 0)
            await run.until(lambda: run.journal.unkept_count == 1)
            Broken.broken = False
            run.kind.binding.on_input("note", 2, 0)
            await run.until(lambda: run.journal.unkept_count == 2, "they wait")
            await run.input("button")
            assert run.journal.unkept_count == 0

    play(scenario())


@pytest.mark.parametrize(("first", "last", "settles"), [(0, 0, True), (-1, 1, True), (-2, -1, False), (1, 2, False)])
@pytest.mark.parametrize("boots", [0, 1])
def test_an_alarm_is_open_until_a_range_of_its_boot_settles_it(
    play: Any, start: Start, first: int, last: int, settles: bool, boots: int
) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("button")
            ((boot, seq),) = run.logic.numbers
            out = run.agent._outgoing
            expected = [(boot, seq, "alarm.raised")] if settles and not boots else []
            assert out.settled(boot + boots, seq + first, seq + last) == expected
            assert out.settled(boot, seq, seq) == ([] if expected else [(boot, seq, "alarm.raised")])
            assert out.open_alarms == {}

    play(scenario())


def test_an_event_that_the_broker_refuses_for_its_size_is_reported(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.broker.largest = 2000
            await run.input("large", 3000)
            ((boot, seq),) = run.logic.numbers
            entry = run.journal.get(boot, seq)
            assert entry is not None
            assert run.told("link.quarantined") == [{"boot": boot, "seq": seq, "bytes": len(entry[4])}]
            assert entry[4] not in run.broker.sent

    play(scenario())


def test_an_event_that_the_contract_does_not_have_leaves_no_hole(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("wrong")
            await run.input("button")
            assert [made.seq for made in run.events()] == list(range(1, len(run.events()) + 1))
            assert run.types()[-1] == "alarm.raised"

    play(scenario())


def test_the_trace_follows_each_event_in_the_order_of_what_happened(play: Any, start: Start) -> None:
    async def scenario() -> None:
        log = Trace()
        async with start(log=log, plugged=False) as run:
            await run.input("button")
            await run.plug()
            await run.input("more")
            await run.input("note")
            traced = [
                sorted(
                    (stage for stage in log.stages if (stage.get("boot"), stage.get("seq")) == number),
                    key=lambda stage: int(stage["mono_ns"]),
                )
                for number in run.logic.numbers
            ]
            assert [[stage["stage"] for stage in stages] for stages in traced] == [
                ["sealed", "written", "published"],  # from the journal, when there was a link
                ["sealed", "published", "written"],
                ["sealed", "written", "published"],
            ]
            assert [stages[0]["type"] for stages in traced] == ["alarm.raised", "alarm.escalated", "test.passed"]
            written = [stage["position"] for stages in traced for stage in stages if stage["stage"] == "written"]
            kept = [stage["position"] for stage in log.stages if stage["stage"] == "kept"]
            assert written == sorted(set(written))
            assert kept == sorted(set(kept))
            assert kept[-1] == written[-1] == run.agent._outgoing.head

    play(scenario())
