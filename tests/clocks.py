"""A clock that is wrong for one program only, by libfaketime. The monotonic clock is left alone, as it is on a device."""

from pathlib import Path

LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"
"""The loader fills in ``$LIB``. The command ``faketime`` would name the same library, and needs a semaphore of its process id's name: what
a killed program leaves of that in /dev/shm ends the command that gets the same id later. The library goes on without."""


def clock_at(moment: str, file: Path | None = None) -> dict[str, str]:
    """More of an environment, in which a program's clock starts at ``moment`` (``@2000-01-01 00:00:00``), or is off by it (``+120``).

    With a ``file`` the moment stands in there, is read again each second, and so can change.
    """
    fixed = {
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    if file is None:
        return {**fixed, "FAKETIME": moment}
    file.write_text(moment + "\n", encoding="ascii")
    return {**fixed, "FAKETIME_TIMESTAMP_FILE": str(file)}
