"""The keeper: many events in one sync, a disk that hangs or fails, and ends that lose nothing."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from errno import EIO
from pathlib import Path
from random import Random

import pytest

from agent.journal import keeper as keeper_module
from agent.journal.keeper import Keeper
from agent.journal.log import Journal
from simulators.storage import SimulatedDisk

Open = Callable[..., Journal]
Append = Callable[..., int]
Busy = Callable[[], Awaitable[tuple[Journal, "GatedDisk", Keeper]]]
ROOT = Path(__file__).parents[3]


class GatedDisk(SimulatedDisk):
    """A disk whose syncs wait for a gate, and are counted with their threads."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.threads: list[int] = []
        self.gated = False

    def sync(self, name: str) -> None:
        if self.gated:
            self.threads.append(threading.get_ident())
            self.entered.set()
            assert self.gate.wait(20)
        super().sync(name)


class _Timer:
    def cancel(self) -> None: ...


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - any condition of the journal, which knows no asyncio
            await asyncio.sleep(0.001)


def test_events_appended_together_share_one_sync_on_another_thread(opened: Open, append: Append) -> None:
    disk = GatedDisk()
    journal = opened(disk)

    async def scenario() -> None:
        kept: list[int] = []
        keeper = Keeper(journal, asyncio.get_running_loop(), on_kept=kept.append)
        disk.gated = True
        for seq in range(1, 6):
            append(journal, 0, 1, seq, b"x")
            keeper.wake()
        await until(lambda: journal.kept_position == 5)
        assert kept == [5]
        assert len(disk.threads) == 1
        assert disk.threads[0] != threading.get_ident()
        assert await keeper.stop()

    asyncio.run(scenario())


def test_a_hanging_disk_blocks_neither_the_loop_nor_appending(opened: Open, append: Append) -> None:
    disk = GatedDisk()
    journal = opened(disk)

    async def scenario() -> None:
        keeper = Keeper(journal, asyncio.get_running_loop())
        disk.gated = True
        disk.gate.clear()
        append(journal, 0, 1, 1)
        keeper.wake()
        await until(disk.entered.is_set)
        for seq in range(2, 100):
            append(journal, 0, 1, seq)
            keeper.wake()
            await asyncio.sleep(0)
        assert keeper.is_syncing
        assert journal.kept_position == 0
        assert journal.unsettled_count(0) == 99
        assert not await keeper.stop(timeout_s=0.01)
        disk.gate.set()
        await until(lambda: journal.kept_position == 99)

    asyncio.run(scenario())


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What gathers before a sync gathers for ever."""
    monkeypatch.setattr(keeper_module, "GATHER_S", 3600.0)


@pytest.fixture
def busy(opened: Open, append: Append) -> Busy:
    """A keeper in the middle of the sync of an alarm; opening the disk's gate ends it."""

    async def made() -> tuple[Journal, GatedDisk, Keeper]:
        disk = GatedDisk()
        journal = opened(disk)
        keeper = Keeper(journal, asyncio.get_running_loop())
        disk.gated = True
        disk.gate.clear()
        append(journal, 0, 1, 1)
        keeper.wake(urgent=True)
        await until(disk.entered.is_set)
        return journal, disk, keeper

    return made


@pytest.mark.usefixtures("endless")
def test_what_came_during_a_sync_gathers_until_an_alarm_comes(busy: Busy, append: Append) -> None:
    async def scenario() -> None:
        journal, disk, keeper = await busy()
        append(journal, 2, 1, 2)
        keeper.wake()
        disk.gate.set()
        await until(lambda: journal.kept_position == 1)
        append(journal, 2, 1, 3)
        keeper.wake()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not keeper.is_syncing
        append(journal, 0, 1, 4)
        keeper.wake(urgent=True)
        await until(lambda: journal.kept_position == 4)
        assert len(disk.threads) == 2
        assert await keeper.stop()

    asyncio.run(scenario())


@pytest.mark.usefixtures("endless")
def test_an_alarm_that_came_during_a_sync_is_in_the_next_at_once(busy: Busy, append: Append) -> None:
    async def scenario() -> None:
        journal, disk, keeper = await busy()
        append(journal, 0, 1, 2)
        keeper.wake(urgent=True)
        append(journal, 2, 1, 3)
        keeper.wake()
        disk.gate.set()
        await until(lambda: journal.kept_position == 3)
        assert await keeper.stop()

    asyncio.run(scenario())


@pytest.mark.usefixtures("endless")
def test_what_comes_after_a_sync_gathers_for_nothing(busy: Busy, append: Append) -> None:
    async def scenario() -> None:
        journal, disk, keeper = await busy()
        disk.gate.set()
        await until(lambda: journal.kept_position == 1)
        for seq in (2, 3):
            append(journal, 2, 1, seq)
            keeper.wake()
            await until(lambda: journal.kept_position == seq)  # noqa: B023  awaited within this turn
        assert await keeper.stop()

    asyncio.run(scenario())


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("in_sync", [True, False])
def test_what_gathers_is_kept_before_a_stop(in_sync: bool, busy: Busy, append: Append) -> None:
    async def scenario() -> None:
        journal, disk, keeper = await busy()
        append(journal, 2, 1, 2)
        keeper.wake()
        if not in_sync:
            disk.gate.set()
            await until(lambda: journal.kept_position == 1)
        stopping = asyncio.create_task(keeper.stop())
        await asyncio.sleep(0)
        disk.gate.set()
        assert await stopping
        assert journal.kept_position == 2

    asyncio.run(scenario())


def test_what_gathers_is_kept_though_nothing_more_comes(busy: Busy, append: Append) -> None:
    async def scenario() -> None:
        journal, disk, keeper = await busy()
        append(journal, 2, 1, 2)
        keeper.wake()
        disk.gate.set()
        await until(lambda: journal.kept_position == 2)
        assert await keeper.stop()

    asyncio.run(scenario())


def test_after_a_failed_sync_it_tries_again_and_tells(
    opened: Open, append: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_RETRY_S", 0.001)
    disk = SimulatedDisk()
    journal = opened(disk)
    disk.faults["sync"] = [EIO, EIO, EIO]

    async def scenario() -> None:
        told: list[tuple[int, str] | None] = []
        keeper = Keeper(journal, asyncio.get_running_loop(), on_trouble=told.append)
        append(journal, 0, 1, 1, b"alarm")
        keeper.wake()
        await until(lambda: journal.kept_position == 1)
        assert await keeper.stop()
        assert told[0] is not None
        assert told[0][0] == EIO
        assert told[-1] is None

    asyncio.run(scenario())
    assert opened(disk.after_power_cut("none", Random(1))).unsettled_count(0) == 1


def test_the_wait_between_tries_doubles_up_to_a_minute(opened: Open, append: Append) -> None:
    disk = SimulatedDisk()
    journal = opened(disk)
    disk.read_only = True

    class Clock:
        def __init__(self) -> None:
            self.waits: list[float] = []
            self.due: list[Callable[[], object]] = []

        def call_soon(self, callback: Callable[[], object]) -> None:
            self.due.append(callback)

        def call_later(self, delay: float, callback: Callable[[], object]) -> _Timer:
            self.waits.append(delay)
            self.due.append(callback)
            return _Timer()

    clock = Clock()
    keeper = Keeper(journal, clock)  # type: ignore[arg-type] # only what the keeper needs of a loop
    append(journal, 0, 1, 1)
    keeper.wake()
    for _ in range(10):
        clock.due.pop(0)()
    assert clock.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_stop_waits_for_what_was_appended_last(opened: Open, append: Append) -> None:
    disk = SimulatedDisk()
    journal = opened(disk)

    async def scenario() -> None:
        keeper = Keeper(journal, asyncio.get_running_loop())
        for seq in range(1, 50):
            append(journal, 0, 1, seq)
        assert await keeper.stop()
        assert journal.kept_position == 49

    asyncio.run(scenario())
    assert opened(disk.after_power_cut("none", Random(1))).unsettled_count(0) == 49


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(0)", "keeper.wake()"])
def test_a_process_ends_at_once_and_quietly_although_the_disk_hangs(tmp_path: Path, ending: str) -> None:
    script = f"""
import asyncio, sys, time
from agent.journal.disk import DiskStore
from agent.journal.keeper import Keeper
from agent.journal.log import Journal
class Hanging(DiskStore):
    def sync(self, name): time.sleep(1000)
async def main():
    journal = Journal(Hanging(sys.argv[1]))
    journal.open()
    keeper = Keeper(journal, asyncio.get_running_loop())
    journal.append(0, 1, 1, bytes(16), b"x")
    keeper.wake()
    while not keeper.is_syncing: await asyncio.sleep(0.001)
    {ending}
asyncio.run(main())
"""
    process = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True, timeout=20
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_a_sync_that_ends_after_the_loop_was_closed_says_nothing(tmp_path: Path) -> None:
    script = """
import asyncio, sys, threading, time
from agent.journal.disk import DiskStore
from agent.journal.keeper import Keeper
from agent.journal.log import Journal
ended = []
class Slow(DiskStore):
    def sync(self, name):
        while not ended: time.sleep(0.01)
async def main():
    journal = Journal(Slow(sys.argv[1]))
    journal.open()
    keeper = Keeper(journal, asyncio.get_running_loop())
    journal.append(0, 1, 1, bytes(16), b"x")
    keeper.wake()
    while not keeper.is_syncing: await asyncio.sleep(0.001)
asyncio.run(main())
ended.append(True)
for one in threading.enumerate(): one is threading.main_thread() or one.join(10)
"""
    process = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True, timeout=20
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_the_journal_on_a_device_imports_little() -> None:
    script = (
        "import array, os, sys\nbefore = set(sys.modules)\nimport agent.journal.log, agent.journal.disk, agent.journal.keeper\n"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('agent')))"
    )
    out = subprocess.run([sys.executable, "-S", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert set(out.stdout.split()) <= {"binascii", "struct", "_struct", "fcntl", "errno"}
