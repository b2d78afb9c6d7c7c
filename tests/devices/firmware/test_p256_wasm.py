"""P-256 on a MicroPython with words of 32 bits, as boards have them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.wire import wasm
from tests.devices.firmware.test_p256 import BOARD


@pytest.mark.wasm
def test_tables_signatures_and_verdicts_are_those_of_cpython(tmp_path: Path) -> None:
    shutil.copytree(wasm.ROOT / "devices" / "firmware", tmp_path / "devices" / "firmware")
    (tmp_path / "board.py").write_text(BOARD)
    ours = subprocess.run(
        [sys.executable, "board.py"], cwd=tmp_path, capture_output=True, timeout=100, check=True
    ).stdout.splitlines()

    theirs = wasm.run([*tmp_path.rglob("*.py")], "board.py", root=tmp_path).splitlines()

    assert len(ours) > 160
    # The first line says how much memory was kept; this build collects only once a script has ended.
    assert theirs[1:] == ours[1:]
