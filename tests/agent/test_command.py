"""The ``dabyl`` command where its output is not wanted, or cannot be written."""

import subprocess
import sys
from pathlib import Path

DABYL = [sys.executable, "-c", "import sys; from agent.command import main; sys.exit(main())"]


def test_a_reader_that_has_enough_is_no_error() -> None:
    process = subprocess.Popen([*DABYL, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), told) == (0, b"")


def test_output_for_which_there_is_no_space_ends_in_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*DABYL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=20
        )
    assert (done.returncode, done.stderr) == (1, "dabyl: there is no space left to write to\n")


def test_help_names_what_there_is() -> None:
    done = subprocess.run([*DABYL, "--help"], capture_output=True, text=True, check=True, timeout=20)
    for command in ("agent", "center", "verify", "authority", "provision", "demo", "simulate board", "simulate street"):
        assert f"\n  {command}" in done.stdout
