# ruff: noqa: INP001  Python imports this file by its name, from a folder on PYTHONPATH
"""Makes every sync of this process slower; see `simulators.slow_disk`. Imports nothing but os and time, and hides from child processes."""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _slower(sync: "Callable[[Any], None]", delay_s: float) -> "Callable[[Any], None]":
    def slow(fd: "Any") -> None:
        time.sleep(delay_s)
        sync(fd)

    return slow


_delay_s = int(os.environ.pop("DABYL_SYNC_DELAY_MS", "0")) / 1000
os.fdatasync = _slower(os.fdatasync, _delay_s)  # type: ignore[assignment]  # the replacement is called as the original is
os.fsync = _slower(os.fsync, _delay_s)  # type: ignore[assignment]  # as above
