"""Keys, and a clock that the test moves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.clock import Clock
from agent.keys.file import FileKey

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
