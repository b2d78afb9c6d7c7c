"""The slow disk slows a program's syncs from outside, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from simulators.slow_disk import DELAY, SITE, slowed

PROGRAM = """
import json, os, sys, time
took = []
with open(sys.argv[1], "wb") as file:
    for sync in (os.fdatasync, os.fsync):
        start = time.monotonic()
        sync(file.fileno())
        took.append(time.monotonic() - start)
print(json.dumps([took, type(os.write).__name__, os.getpid(), os.environ.get("DABYL_SYNC_DELAY_MS")]))
"""


def launch(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "simulators.slow_disk", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_syncs_take_longer_and_writes_do_not(tmp_path: Path) -> None:
    child = launch("--ms", "120", "--", sys.executable, "-c", PROGRAM, os.fspath(tmp_path / "file"))
    told, problems = child.communicate(timeout=30)
    assert not problems
    took, writing, pid, inherited = json.loads(told)
    assert took[0] >= 0.12
    assert took[1] >= 0.12
    assert writing == "builtin_function_or_method"  # nobody stands before it; how fast it is, is the disk's affair
    assert pid == child.pid  # it became the program, so that signals reach it
    assert inherited is None  # a child process of the program is not slowed


def test_a_command_that_is_not_there_ends_in_one_sentence() -> None:
    child = launch("--ms", "1", "--", "no-such-program")
    told, problems = child.communicate(timeout=30)
    assert (child.returncode, told) == (127, "")
    assert problems == "slow_disk: no-such-program: No such file or directory\n"


def test_what_was_on_the_path_stays_there() -> None:
    environment = slowed({"PYTHONPATH": "mine", "HOME": "h"}, 80)
    assert environment == {"PYTHONPATH": f"{SITE}{os.pathsep}mine", "HOME": "h", DELAY: "80"}
