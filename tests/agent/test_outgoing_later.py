"""What cannot be said at once, in the running agent: events that the key does not sign, gaps that the journal has to declare."""

from collections.abc import Callable
from typing import Any

import pytest

from agent import outgoing
from agent.keys.errors import HsmError
from tests.agent.running import Running, Start

Pull = Callable[[Running], Callable[[], None]]


@pytest.fixture
def pull(monkeypatch: pytest.MonkeyPatch) -> Pull:
    """Pulls the token that signs for a running agent; what comes back plugs it in again."""

    def pulled(run: Running) -> Callable[[], None]:
        signer = run.agent._signer
        sign = signer.sign

        def refuse(_data: bytes) -> bytes:
            raise HsmError("the token is gone")

        monkeypatch.setattr(signer, "sign", refuse)
        return lambda: monkeypatch.setattr(signer, "sign", sign)

    return pulled


# A key that does not sign


def test_what_the_key_does_not_sign_waits_in_order_with_the_time_it_happened(
    play: Any, start: Start, time: Any, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SIGN_AGAIN_MS", 10)

    async def scenario() -> None:
        async with start() as run:
            plug_in = pull(run)
            happened_ms = run.agent._clock.up()
            await run.input("button")
            await run.input("note")
            assert run.logic.numbers == [], "nothing has a number yet"
            time.advance(5000)
            plug_in()
            await run.until(lambda: {"alarm.raised", "test.passed"} <= set(run.types()))
            await run.settle()
            last = run.events()[-2:]
            assert [made.type for made in last] == ["alarm.raised", "test.passed"]
            assert last[0].up == happened_ms
            assert [made.seq for made in last] == [seq for _boot, seq in run.logic.numbers]
            assert last[1].seq == last[0].seq + 1, "no number was used up in vain"

    play(scenario())


def test_what_happens_after_the_key_signs_again_does_not_overtake_what_waits(
    play: Any, start: Start, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SIGN_AGAIN_MS", 50)

    async def scenario() -> None:
        async with start() as run:
            plug_in = pull(run)
            await run.input("button")
            plug_in()
            await run.input("note")
            await run.until(lambda: {"alarm.raised", "test.passed"} <= set(run.types()))
            await run.settle()
            assert run.types()[-2:] == ["alarm.raised", "test.passed"]

    play(scenario())


def test_what_waits_for_the_key_is_bounded_and_no_alarm_is_dropped(
    play: Any, start: Start, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MAX_UNSIGNED", 3)

    async def scenario() -> None:
        async with start() as run:
            plug_in = pull(run)
            for name, value in (("button", 0), ("note", 1), ("note", 2)):
                await run.input(name, value)
            assert len(run.agent._outgoing._unsigned) == 3
            for name, value in (("note", 3), ("more", 4), ("button", 5), ("more", 6)):
                await run.input(name, value)
            plug_in()
            run.agent._outgoing._sign_again()
            await run.settle()
            assert [made.data["value"] for made in run.events() if "value" in made.data] == [0, 4, 5, 6]

    play(scenario())


def test_however_much_waits_the_key_is_tried_once_at_a_time(
    play: Any, start: Start, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            out = run.agent._outgoing
            tries: list[int] = []
            monkeypatch.setattr(out._schedule, "now_ms", lambda: 0)
            monkeypatch.setattr(out._schedule, "at", lambda due_ms, _callback: tries.append(due_ms))
            plug_in = pull(run)
            for n in range(3):
                out.emit("test.passed", {"n": n})
            assert tries == [outgoing.SIGN_AGAIN_MS]
            out._sign_again()
            assert tries == [outgoing.SIGN_AGAIN_MS] * 2
            plug_in()
            out._sign_again()
            assert len(tries) == 2, "nothing waits any more"
            monkeypatch.undo()

    play(scenario())


def test_what_is_owed_from_before_goes_out_though_the_boot_cannot_be_signed_yet(
    play: Any, start: Start, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SIGN_AGAIN_MS", 3_600_000)

    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("button")
            await run.input("many", 60)
        signer = key("device")
        sign = signer.sign

        def refuse_once(_data: bytes) -> bytes:
            monkeypatch.setattr(signer, "sign", sign)
            raise HsmError("not ready")

        monkeypatch.setattr(signer, "sign", refuse_once)
        async with start() as run:
            assert run.types()[0] == "alarm.raised"
            assert run.types().count("test.passed") >= 10
            assert run.agent._outbox.throttled, "a backlog, at the rate of one"
            assert "device.booted" not in run.types()

    play(scenario())


# Gaps


def test_what_is_evicted_while_a_gap_is_declared_is_declared_next_without_another_event(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            told = [[(7, 1, 2, bytes(16))], [(7, 5, 9, bytes(16))]]
            monkeypatch.setattr(run.journal, "take_gaps", lambda: told.pop(0) if told else [])
            await run.input("note")
            await run.settle()
            gaps = [data["ranges"] for data in run.told("journal.gap")]
            assert gaps == [[[7, 1, 2, bytes(16)]], [[7, 5, 9, bytes(16)]]]

    play(scenario())


def test_the_journal_forgets_a_gap_only_once_every_part_of_its_declaration_is_durable(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            out = run.agent._outgoing
            declared: list[int] = []
            gaps = [(7, 2 * n, 2 * n, bytes(16)) for n in range(1, 2 * outgoing.RANGES_PER_GAP + 2)]
            monkeypatch.setattr(run.journal, "take_gaps", lambda: [] if declared else gaps)
            monkeypatch.setattr(run.journal, "gaps_declared", lambda: declared.append(out.head))
            out.emit("test.passed", {})
            out.emit("test.passed", {})
            last = out.head
            out.kept(last - 2)
            assert declared == [], "two of three are durable"
            out.kept(last - 1)
            out.kept(last)
            assert declared == [last], "once"
            await run.settle()
            parts = [data["ranges"] for data in run.told("journal.gap")]
            assert [len(part) for part in parts] == [outgoing.RANGES_PER_GAP] * 2 + [1]
            assert [tuple(gap) for part in parts for gap in part] == gaps

    play(scenario())


def test_a_gap_that_cannot_be_signed_is_declared_with_the_next_event(
    play: Any, start: Start, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with start() as run:
            out = run.agent._outgoing
            declared: list[bool] = []
            monkeypatch.setattr(run.journal, "take_gaps", lambda: [] if declared else [(7, 1, 2, bytes(16))])
            monkeypatch.setattr(run.journal, "gaps_declared", lambda: declared.append(True))
            plug_in = pull(run)
            out._declare_gaps()
            plug_in()
            out.emit("test.passed", {})
            await run.settle()
            assert run.types()[-2:] == ["test.passed", "journal.gap"]

    play(scenario())


def test_what_the_journal_evicts_is_declared_and_alarms_are_not_evicted(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            await run.input("button")
            for n in range(1200):
                run.kind.binding.on_input("note", n, 0)
                if n % 100 == 0:
                    await run.settle()
            await run.settle()
            await run.input("note")
            await run.plug()
            while not run.agent._outbox.others.nothing_waits():
                time.advance(100)  # the backlog's rate
                run.link.pump()
                await run.settle()
            events = run.events()
            held = {(made.boot, made.seq) for made in events}
            gaps = [gap for ranges in run.told("journal.gap") for gap in ranges["ranges"]]
            assert gaps
            declared = {(boot, seq) for boot, first, last, _hash in gaps for seq in range(first, last + 1)}
            every = {(run.boot, seq) for seq in range(1, max(made.seq for made in events) + 1)}
            assert every <= held | declared, sorted(every - held - declared)[:5]
            assert run.logic.numbers[0] in held

    play(scenario())
