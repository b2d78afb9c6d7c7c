"""The same client on a microcontroller's Python: byte for byte the same answers, refusals and reasons."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TRANSCRIPT = Path(__file__).with_name("transcript.py")


@pytest.mark.micropython
def test_both_interpreters_give_the_same_transcript() -> None:
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent))
    assert micropython is not None
    environment = {**os.environ, "MICROPYPATH": str(ROOT), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    transcripts = [
        subprocess.run([program, str(TRANSCRIPT)], env=environment, capture_output=True, timeout=100, check=False)
        for program in (sys.executable, micropython)
    ]

    for done in transcripts:
        assert (done.returncode, done.stderr) == (0, b""), done.stdout[-300:]
    ours, theirs = (done.stdout.splitlines() for done in transcripts)
    assert len(ours) > 5000
    assert theirs == ours
    for what in (b"connected", b"acknowledged", b"message", b"broken"):
        assert sum(line.startswith(b"  " + what) for line in ours) > 100, what
