"""MicroPython with words of 32 bits, as most boards have them: its WebAssembly build, run by Node.js. The unix port's words have 64."""

import json
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RUNNER = Path(__file__).with_name("wasm.mjs")
PACKAGE = ROOT / "build" / "wasm" / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
VERSION = "1.27.0"
"""scripts/test installs this one."""


def installed() -> bool:
    """Whether Node.js is there, and the package in its version."""
    try:
        found = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        return False
    return found == VERSION and shutil.which("node") is not None


def run(files: list[Path], script: str, *arguments: str, root: Path = ROOT) -> bytes:
    """What a script prints; it must neither fail nor complain.

    Args:
        files: all that the script reads or imports, below ``root``.
        script: its path, relative to ``root``.
        arguments: its command line.
        root: the folder that is ``/`` for it.
    """
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(RUNNER), str(PACKAGE), str(root), script, *arguments],
        input="".join(f"{file.relative_to(root)}\n" for file in files).encode(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stdout[-300:]
    return done.stdout
