"""Keys, a clock that the test moves, and the agent at work in a loop of the test's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from agent import config, runtime
from agent.centers import Centers
from agent.clock import Clock
from agent.errors import ConfigError, HardwareError
from agent.journal.disk import DiskStore
from agent.journal.log import Journal
from agent.keys.file import FileKey
from agent.link import link as linking
from agent.log import Log
from agent.service import Service
from tests.agent.playing import played
from tests.agent.running import TOML, Broker, Kind, Line, Running, Start

Key = Callable[[str], FileKey]


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """Makes the key of a name, the same one each time."""
    folder = tmp_path_factory.mktemp("keys")
    made: dict[str, FileKey] = {}

    def make(name: str) -> FileKey:
        if name not in made:
            made[name] = FileKey.generate(str(folder / f"{name}.pem"))
        return made[name]

    return make


class Time:
    """The two clocks of a machine and the system's word about one of them."""

    def __init__(self) -> None:
        self.mono_ms = 5_000_000
        self.system_ms = 1_800_000_000_000
        self.synchronised = False

    def advance(self, ms: int) -> None:
        """Both clocks go on."""
        self.mono_ms += ms
        self.system_ms += ms

    def clock(self, floor_ms: int = 0) -> Clock:
        """A clock that starts now."""
        return Clock(lambda: self.mono_ms, lambda: self.system_ms, lambda: self.synchronised, floor_ms)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start(tmp_path: Path, key: Key, time: Time, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs the agent of one device while it is entered; what is on its disk stays.

    Without ``plugged`` it has no network. Without ``keeps`` the disk is not waited for.
    """
    (tmp_path / "agent.toml").write_text(TOML, encoding="utf-8")
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(linking, "context", lambda *_files: None)
    monkeypatch.setattr(linking, "Connection", Line)

    @contextlib.asynccontextmanager
    async def running(
        kind: Kind | None = None,
        *,
        plugged: bool = True,
        disk: type[DiskStore] = DiskStore,
        keeps: bool = True,
        log: Log | None = None,
    ) -> AsyncIterator[Running]:
        kind = kind or Kind()
        broker = Broker()
        monkeypatch.setattr(linking, "dial", broker.dial)
        store = disk(str(folder / "journal"))
        journal = Journal(store, max_bytes=200_000, segment_bytes=20_000)
        journal.open()
        agent = runtime.Agent(
            config.read(str(tmp_path / "agent.toml")),
            kind,
            key("device"),
            [b"certificate"],
            Centers([key("center").public_der], str(folder)),
            journal,
            time.clock(journal.notes.get("time_floor", 0)),
            Service({}),
            log or Log(),
        )
        task = asyncio.get_running_loop().create_task(agent.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            if task.done():
                task.result()
            run = Running(agent, kind, journal, broker, key, task)
            if keeps:
                await run.settle()
            if plugged:
                broker.plugged.set()
                await (run.settle() if keeps else run.until(lambda: run.link.up))
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
        failures = played(scenario)
        assert not failures, failures

    return run
