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
def both_interpreters(tmp_path: Path) -> Callable[[str], str]:
    """Runs a script on CPython and on MicroPython with a board's heap, in an empty folder each, and returns what both of them printed."""

    def run(source: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(source)
        micropython = str(Path(sys.prefix) / "bin" / "micropython")
        environment = {**os.environ, "MICROPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
        told: list[str] = []
        for command in ([sys.executable], [micropython, "-X", "heapsize=" + BOARD_HEAP]):
            folder = tmp_path / f"run-{len(told)}"
            folder.mkdir()
            done = subprocess.run(
                [*command, str(script)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:]
            told.append(done.stdout)
        assert told[1] == told[0]
        return told[0]

    return run
