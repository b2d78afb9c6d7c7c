"""The running agent: boots, inputs, health, hardware, and the end."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent import runtime
from agent.errors import ConfigError, HardwareError
from agent.journal.disk import DiskStore
from agent.journal.log import Journal
from agent.link.link import Link
from agent.wire import chain, cose
from tests.agent.running import Kind, Start


def test_a_new_device_says_so_with_a_volatile_boot(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            first = run.events()[0]
            assert (first.type, first.seq, first.prev, first.data["last"]) == ("device.reset", 1, chain.ZERO, None)
            assert first.boot >= chain.VOLATILE

    play(scenario())


def test_the_next_boot_names_the_last_kept_event_and_goes_on_from_it(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            await run.input("note")
            last = run.events()[-1]
            hash16 = chain.link(cose.parse(run.broker.sent[-1]).payload)
        async with start() as run:
            first = next(made for made in run.events() if made.boot == run.boot)
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

        def looked(*arguments: Any) -> Link:
            shutil.copytree(tmp_path / "state" / "journal", tmp_path / "copy")
            store = DiskStore(str(tmp_path / "copy"))
            journal = Journal(store)
            journal.open()
            kept.append((Watched.dirty, journal.notes.get("boot")))
            store.close()
            return Link(*arguments)

        monkeypatch.setattr(runtime, "Link", looked)
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
            await run.until(lambda: any((made.boot, made.type) == (run.boot, "alarm.raised") for made in run.events()))
            ours = [made for made in run.events() if made.boot == run.boot]
            assert [made.type for made in ours if made.type != "health.report"] == ["device.booted", "alarm.raised"]
            report = next(made for made in ours if made.type == "health.report")
            assert "Read-only" in str(report.data["disk"])
            assert run.logic.disks == [1]
        async with start() as run:
            assert run.boot == 6, "the number that was not kept was never used"

    play(scenario())


def test_the_logic_hears_that_the_disk_is_in_trouble_and_that_it_is_well_again(play: Any, start: Start) -> None:
    class Filling(DiskStore):
        full = False

        def append(self, name: str, data: bytes) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().append(name, data)

    async def scenario() -> None:
        async with start(disk=Filling) as run:
            for full, heard in ((True, [1]), (False, [1, 0])):
                Filling.full = full
                run.kind.binding.on_input("note", 1, 0)
                await run.until(lambda heard=heard: run.logic.disks == heard)  # type: ignore[misc]

    play(scenario())


def test_a_binding_that_only_wants_a_step_gets_one_and_the_logic_hears_nothing(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            binding: Any = run.kind.binding
            waiting: list[str] = []
            stepped: list[str] = []

            def step(_now_ms: int) -> None:
                stepped.extend(waiting)
                waiting.clear()

            binding.next_step_ms = lambda now_ms: now_ms if waiting else None
            binding.step = step
            before = run.types()
            waiting.append("bytes")
            binding.on_input("line", None, 0)
            await run.until(lambda: stepped == ["bytes"])
            assert run.types() == before

    play(scenario())


def test_a_press_does_not_wait_for_the_end_of_a_long_list(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.kind.binding.on_input("many", 500, 0)
            run.kind.binding.on_input("button", 1, 0)
            await run.until(lambda: run.types().count("test.passed") == 500)
            types = run.types()
            assert types.index("alarm.raised") < types.index("test.passed") + 100

    play(scenario())


def test_nothing_is_left_out_where_the_end_of_a_long_list_calls_for_another(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            run.kind.binding.on_input("nested", 24, 0)
            await run.until(lambda: len(run.logic.numbers) >= 50)
            await run.settle()
            assert len(run.logic.numbers) == 50

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


def test_health_is_reported_at_once_and_names_the_link(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start() as run:
            report = next(made for made in run.events() if made.type == "health.report")
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


def test_hardware_that_keeps_signed_messages_gets_each_as_it_is_sent(play: Any, start: Start) -> None:
    async def scenario() -> None:
        kept: list[tuple[str, bytes]] = []

        class Keeping(Kind):
            def make_binding(self, settings: Any, on_input: Any) -> Any:
                binding: Any = super().make_binding(settings, on_input)
                binding.keep = lambda type_, message: kept.append((type_, message))
                return binding

        async with start(Keeping()) as run:
            await run.input("note")
            await run.input("button")
            assert [type_ for type_, _ in kept] == ["test.passed", "alarm.raised"]
            assert [message for _, message in kept] == run.broker.sent[-2:]

    play(scenario())


def test_a_logic_that_recalls_learns_what_unsettled_alarms_said_before_it_begins(play: Any, start: Start) -> None:
    async def scenario() -> None:
        async with start(plugged=False) as run:
            for name in ("note", "button", "more"):
                await run.input(name, 7)
        kind = Kind()
        recalled: list[tuple[int, int, dict[str, object], bool]] = []

        def recall(boot: int, seq: int, data: dict[str, object]) -> None:
            recalled.append((boot, seq, data, kind.logic.restored == []))

        kind.logic.recall = recall  # type: ignore[attr-defined]
        async with start(kind):
            ((boot, seq, _state),) = kind.logic.restored
        assert recalled == [(boot, seq, {"value": 7}, True), (boot, seq + 1, {"value": 7}, True)]

    play(scenario())


def test_the_watchdog_is_fed_while_the_link_makes_progress_and_only_then(
    play: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        told: list[str] = []
        behind_ms = 0

        def behind(_link: Link) -> int:
            told.append("looked")
            return behind_ms

        monkeypatch.setattr(Link, "behind_ms", property(behind))
        async with start() as run:
            monkeypatch.setattr(run.agent._service, "alive", lambda: told.append("fed"))
            feeding = asyncio.create_task(run.agent._watchdog(0.001))
            await run.until(lambda: told[:4] == ["looked", "fed"] * 2)
            behind_ms = runtime.STUCK_MS
            told.clear()
            await run.until(lambda: told[:3] == ["looked"] * 3)
            assert "fed" not in told
            behind_ms = runtime.STUCK_MS - 1
            await run.until(lambda: "fed" in told)
            feeding.cancel()

    play(scenario())
