"""What tests of the build share: small modules made into one file, and run on MicroPython."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.firmware import bundle
from provisioning.firmware.join import File, joined
from provisioning.firmware.shorten import asked_by_text
from provisioning.firmware.write import written

MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
needs_micropython = pytest.mark.skipif(not MICROPYTHON.exists(), reason="the MicroPython unix port is not installed")


def shrunk(
    folder: Path, modules: dict[str, str], fixed: frozenset[str] = frozenset()
) -> tuple[list[File], str, dict[str, list[str]]]:
    """The files, the source of the first, and the names, of modules in the package ``agent``; ``main`` is asked for its ``main``."""
    (folder / "agent").mkdir(exist_ok=True)
    for name, source in modules.items():
        (folder / "agent" / f"{name}.py").write_text(source, encoding="utf-8")
    file, foreign = joined(folder, "agent.main", ("main",))
    files = [file]
    nodes = [node for file in files for one in file.statements() for node in ast.walk(one)]
    kept = set(fixed) | asked_by_text(nodes)
    names = bundle.shrunk(files, kept, {})
    return files, written(files[0], foreign), names


def as_written(folder: Path) -> str:
    """What MicroPython prints when it runs the ``main`` of the module in this folder as it was written."""
    return said(f"import sys\nsys.path.insert(0, {str(folder)!r})\nfrom agent.main import main")


def said(source: str) -> str:
    """What MicroPython prints when it runs a source and then its ``main``."""
    done = subprocess.run(
        [MICROPYTHON, "-c", source + "\nmain()"], capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout + done.stderr
