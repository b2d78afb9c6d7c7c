"""A disk whose syncs take longer, for one unmodified Python program: ``python -m simulators.slow_disk --ms 80 -- COMMAND…``.

Becomes COMMAND (same process id, same streams), with `slow_disk_site` first on ``PYTHONPATH``: Python imports ``sitecustomize`` from there
before the program's own first line, and that makes ``os.fdatasync`` and ``os.fsync`` sleep before they sync. As on a real slow card the
calling thread waits and others run on. Programs that are not Python are not slowed.
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

DELAY = "DABYL_SYNC_DELAY_MS"
SITE = pathlib.Path(__file__).with_name("slow_disk_site")
MAX_MS = 600_000


def slowed(environment: Mapping[str, str], delay_ms: int) -> dict[str, str]:
    """``environment`` for a program whose syncs are to take ``delay_ms`` longer."""
    path = os.pathsep.join(part for part in (os.fspath(SITE), environment.get("PYTHONPATH", "")) if part)
    return {**environment, "PYTHONPATH": path, DELAY: str(delay_ms)}


def main(argv: Sequence[str] | None = None) -> int:
    """Become the command; 127 if it cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m simulators.slow_disk", description=__doc__)
    parser.add_argument(
        "--ms", type=int, required=True, metavar="N", help=f"milliseconds added to each sync, 0 to {MAX_MS}"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="a Python program and its arguments, after --")
    options = parser.parse_args(argv)
    if not 0 <= options.ms <= MAX_MS:
        parser.error(f"--ms is 0 to {MAX_MS}, not {options.ms}")
    try:
        os.execvpe(options.command[0], options.command, slowed(os.environ, options.ms))  # noqa: S606  the caller's own command
    except OSError as error:
        sys.stderr.write(f"slow_disk: {options.command[0]}: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main())
