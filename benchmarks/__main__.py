"""``python -m benchmarks``: measure everything again, and say how it compares with the targets."""

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.catalogue import BENCHMARKS
from benchmarks.figures import Figure, rounded, table
from benchmarks.machine import facts
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from simulators.errors import SimulatorError

INTERRUPTED = 130
EPILOG = "exit codes: 0 everything ran (whether or not targets were met), 1 something could not run, 2 usage, 130 interrupted"


def main() -> int:
    """Run what was asked for."""
    names = "\n".join(f"  {name:13} {what}" for name, (_, what) in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure Dabyl. Ratios compare within one run; a busy machine makes them noisy.\n\nbenchmarks:\n{names}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(BENCHMARKS), help="only these")
    parser.add_argument("--quick", action="store_true", help="smaller counts: shows that all works, proves little")
    parser.add_argument(
        "--dir",
        type=pathlib.Path,
        default=pathlib.Path(tempfile.gettempdir()),
        help="folder on the disk to measure; its path is short, for sockets lie in it (default: %(default)s)",
    )
    options = parser.parse_args()
    if not options.dir.is_dir():
        parser.error(f"--dir: there is no folder {options.dir}")
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        return _run(options.only or list(BENCHMARKS), options.dir.resolve(), options.quick, options.json)
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED


def _run(names: list[str], directory: pathlib.Path, quick: bool, as_json: bool) -> int:
    machine = facts(directory)
    began = time.monotonic()
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    took: dict[str, dict[str, float]] = {}
    for name in names:
        start, load = time.monotonic(), os.getloadavg()[0]
        try:
            figures += BENCHMARKS[name][0](Context(directory, quick, _speaker(name)))
        except (BenchmarkError, SimulatorError, OSError, ValueError) as error:
            failed[name] = f"{type(error).__name__}: {error}"
            print(f"{name}: could not run: {failed[name]}", file=sys.stderr)
        took[name] = {"seconds": rounded(time.monotonic() - start), "load_before": rounded(load)}
    lasted_s = time.monotonic() - began
    if as_json:
        whole = {
            "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "quick": quick,
            "seconds": rounded(lasted_s),
            "machine": machine,
            "runs": took,
            "figures": {figure.name: figure.plain() for figure in figures},
            "failed": failed,
        }
        print(json.dumps(whole, ensure_ascii=False))
    else:
        if figures:
            print(table(figures))
        print(f"\n{', '.join(f'{name} {value}' for name, value in machine.items())}")
        loads = ", ".join(f"{name} {facts_of['load_before']:g}" for name, facts_of in took.items())
        print(f"load average before each: {loads}")
        print(f"{lasted_s:.0f} s" + ("; QUICK: smaller counts, for a look only" if quick else ""))
        for name, why in failed.items():
            print(f"{name} could not run: {why}")
    return 1 if failed else 0


def _speaker(name: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        print(f"{name}: {text}", file=sys.stderr, flush=True)

    return say


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
