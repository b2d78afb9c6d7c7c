"""The same panic button on CPython and on MicroPython: byte for byte the same behaviour."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]


def trace(*interpreter: str) -> bytes:
    done = subprocess.run(
        [*interpreter, str(HERE / "scenarios.py"), str(PROJECT)],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout


@pytest.mark.micropython
def test_both_interpreters_print_the_same_trace() -> None:
    micropython = str(Path(sys.executable).parent / "micropython")
    cpython = trace(sys.executable)
    shown = (
        "alarm.raised",
        "alarm.escalated",
        "staff",
        "lockdown",
        "drill.started",
        "fault.stuck",
        "test.failed",
        "Gym",
    )
    for word in (*shown, "'time'", "'alarm'", "battery.low", "supply.lost", "'acknowledged'"):
        assert word.encode() in cpython, f"the scenarios never show {word}"
    assert trace(micropython, "-X", "heapsize=220K") == cpython
