"""The examples of docs/simulators.md and of the README run as they stand there, and say what they are there to say."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
GUIDE, README = (
    BLOCK.findall((ROOT / name).read_text(encoding="utf-8")) for name in ("docs/simulators.md", "README.md")
)
LIT = r"lamp at 50%, \d+\.\d ms after the first touch\n"
CASES = [
    pytest.param("board", LIT, id="board"),
    pytest.param(
        "microcontroller", LIT + r"2 starts, \d+ KB free\n", id="microcontroller", marks=pytest.mark.micropython
    ),
    pytest.param("network", "", id="network"),
    pytest.param("readme", "assist-pending in room 212, over 2 starts\n", id="readme", marks=pytest.mark.micropython),
]
EXAMPLES = dict(zip(["board", "microcontroller", "network", "readme"], [*GUIDE, *README], strict=True))


@pytest.mark.parametrize(("name", "said"), CASES)
def test_an_example_runs(name: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", EXAMPLES[name]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert re.fullmatch(said, done.stdout)
