"""The examples of docs/simulators.md run as they stand there."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "simulators.md").read_text(), re.DOTALL | re.MULTILINE)


def test_the_guide_has_its_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=["board", "microcontroller", "network"])
def test_an_example_runs(example: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", example],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if "lamp" in example:
        assert re.search(r"^lamp at 50%, \d+\.\d ms after the first touch$", done.stdout, re.MULTILINE)
