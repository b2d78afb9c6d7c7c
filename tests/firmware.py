"""The firmware for boards in tests, compiled once a run, whichever of the processes that share the run needs it first."""

import fcntl
import os
import pathlib

import pytest

from simulators.board.firmware import compiled, lacking
from simulators.board.kinds import KINDS


def compiled_once(factory: pytest.TempPathFactory) -> pathlib.Path:
    """A bundle of every kind, with the driver of the secure element, for all tests of the run together."""
    if reason := lacking():
        pytest.skip(reason)
    own = factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "firmware"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "bundle").exists():
            compiled(shared / "made", sorted(KINDS), secure_element=True)
            (shared / "made").rename(shared / "bundle")
    return shared / "bundle" / "flash"
