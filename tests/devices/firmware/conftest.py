"""What tests of the board's keys share: the table of the base point, and the same script on both interpreters."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.firmware import comb, curve

ROOT = Path(__file__).resolve().parents[3]
BOARD_HEAP = "220K"
"""Twice the heap of an ESP32 without PSRAM: words have 64 bits here."""


@pytest.fixture(scope="session")
def generator_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "generator.comb"
    comb.make_sure(str(path), *curve.G)
    return path


@pytest.fixture
def generator(generator_path: Path) -> str:
    return str(generator_path)


@pytest.fixture
def on_micropython(tmp_path: Path) -> Callable[[str], str]:
    """Runs a script on MicroPython with a board's heap, in an empty folder, and returns what it printed."""
    micropython = str(Path(sys.prefix) / "bin" / "micropython")
    return lambda source: printed([micropython, "-X", "heapsize=" + BOARD_HEAP], source, tmp_path / "on-micropython")


@pytest.fixture
def both_interpreters(tmp_path: Path, on_micropython: Callable[[str], str]) -> Callable[[str], str]:
    """Runs a script on CPython and on MicroPython, and returns what both of them printed."""

    def run(source: str) -> str:
        ours = printed([sys.executable], source, tmp_path / "on-cpython")
        assert on_micropython(source) == ours
        return ours

    return run


def printed(interpreter: list[str], source: str, folder: Path) -> str:
    """What ``source`` prints, run in the new folder; it must neither fail nor complain."""
    folder.mkdir()
    environment = {**os.environ, "MICROPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*interpreter, "-c", source],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:]
    return done.stdout
