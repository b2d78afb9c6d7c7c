"""What the center says, carried out by the running agent: receipts, commands, and what is not to be believed."""

import asyncio
import errno
import threading
from typing import Any

from agent.journal.disk import DiskStore
from agent.wire import event, receipt
from tests.agent.running import NOW_MS, Start


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
            ended = [(made.type, made.data) for made in run.events() if made.type.startswith("command.")]
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
            await run.settle()
            assert run.events()[-1].data["reason"] == "replayed", "remembered over a restart"

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
            await run.until(lambda: run.types()[-1] == "command.accepted")
            await asyncio.sleep(0.05)
            assert run.types()[-1] == "command.accepted"
            released.release()
            await run.settle()
            assert run.types()[-1] == "command.completed"

    released = threading.Lock()
    play(scenario())


def test_a_command_waits_for_its_own_number_to_be_durable_not_for_what_came_before(play: Any, start: Start) -> None:
    class Gated(DiskStore):
        hangs = False

        def sync(self, name: str) -> None:
            if Gated.hangs:
                gate.acquire()
            super().sync(name)

    async def scenario() -> None:
        async with start(disk=Gated) as run:
            Gated.hangs = True
            run.kind.binding.on_input("note", 1, 0)
            await run.until(lambda: run.agent._disk.is_syncing)
            before = run.journal.kept_position
            run.command(5, "echo")
            await run.until(lambda: run.types()[-1] == "command.accepted")
            gate.release()  # for the note
            await run.until(lambda: run.journal.kept_position > before)
            await asyncio.sleep(0.05)
            assert run.types()[-1] == "command.accepted"
            Gated.hangs = False
            gate.release()
            await run.settle()
            assert run.types()[-1] == "command.completed"

    gate = threading.Semaphore(0)
    play(scenario())


def test_a_command_cut_short_is_answered_at_the_next_start_and_not_done_again(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.journal.note("command", 9)  # as by a boot that died before it was done
            await run.settle()
        for _ in range(2):  # what no receipt has settled is sent again, but not made again
            async with start() as run:
                assert run.told("command.failed") == [{"n": 9, "reason": "the device restarted before it was done"}]

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
            await run.until(lambda: run.types()[-1] == "command.completed")

    play(scenario())


def test_refused_commands_are_told_at_most_ten_times_a_minute(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        async with start() as run:
            for n in range(1, 500):
                run.command(n, "echo", at=NOW_MS - 61_000)
            await run.settle()
            assert run.types().count("command.refused") == 10
            time.advance(60_000)
            for n in range(1, 500):
                run.command(n, "echo", at=NOW_MS - 61_000)
            await run.settle()
            assert run.types().count("command.refused") == 20

    play(scenario())


def test_a_command_without_any_time_is_refused_and_taken_after_a_receipt(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        time.system_ms = 0
        async with start() as run:
            run.command(1, "echo")
            await run.settle()
            assert run.events()[-1].data["reason"] == "time-unknown"
            assert run.events()[-1].clock == event.CLOCK_UNSET
            run.receipt(1)
            run.command(1, "echo")
            await run.settle()
            assert run.events()[-1].type == "command.completed"
            assert run.events()[-1].at == NOW_MS

    play(scenario())


def test_the_logic_learns_the_time_with_each_command_and_alarm_receipt_once_it_is_known(
    play: Any, start: Start, time: Any
) -> None:
    async def scenario() -> None:
        time.system_ms = 0
        async with start() as run:
            await run.input("button")
            run.command(1, "echo")
            await run.settle()
            assert run.logic.clocks == []
            run.receipt(1, alarms=[(*run.logic.numbers[0], receipt.ACKNOWLEDGED)])
            assert run.logic.clocks == [NOW_MS]
            time.advance(5000)
            run.command(2, "echo")
            await run.settle()
            assert run.logic.clocks == [NOW_MS, NOW_MS + 5000]

    play(scenario())


def test_a_receipt_older_than_what_the_device_knows_tells_the_logic_no_time(play: Any, start: Start, time: Any) -> None:
    async def scenario() -> None:
        time.system_ms = 0
        async with start() as run:
            run.journal.note("time_floor", NOW_MS + 1)
            await run.input("button")
        async with start() as run:
            run.receipt(1, alarms=[(*run.logic.restored[0][:2], receipt.ACKNOWLEDGED)])
            assert run.logic.receipts
            assert run.logic.clocks == []

    play(scenario())


def test_the_centers_keys_are_exchanged_by_a_command_of_a_center_believed(play: Any, start: Start, key: Any) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.command(1, "center-keys", {"keys": [b"junk"]})
            await run.settle()
            assert run.events()[-1].type == "command.failed"
            run.command(2, "center-keys", {"keys": [key("center-2").public_der]})
            await run.settle()
            assert run.events()[-1].type == "command.completed"
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
                run.broker.deliver("receipt", b"\xff forged")
            time.advance(59_999)
            run.broker.deliver("command", b"")
            await run.settle()
            assert run.told("message.refused") == [{"class": "receipt", "reason": "malformed", "count": 1}]
            time.advance(1)
            run.receipt(1, by="device")
            await run.settle()
            reports = run.told("message.refused")
            assert reports[1:] == [{"class": "receipt", "reason": "unknown-key", "count": 502}]

    play(scenario())
