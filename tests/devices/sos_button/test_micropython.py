"""The same button on CPython and on MicroPython: byte for byte the same behaviour."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]


def trace(interpreter: Path) -> bytes:
    done = subprocess.run(
        [str(interpreter), str(HERE / "scenarios.py"), str(PROJECT)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout


@pytest.mark.micropython
def test_both_interpreters_print_the_same_trace() -> None:
    micropython = Path(sys.executable).parent / "micropython"
    assert micropython.exists(), "MicroPython is missing: pip install -e '.[dev]'"
    cpython = trace(Path(sys.executable))
    for word in (b"alarm.raised", b"alarm.escalated", b"fault.stuck", b"test.failed", b"supply.lost", b"battery.low"):
        assert word in cpython, f"the scenarios never show {word!r}"
    assert trace(micropython) == cpython
