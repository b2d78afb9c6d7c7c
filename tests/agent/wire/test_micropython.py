"""The same code gives the same bytes on a microcontroller's Python, and uses only what that Python has."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "docs" / "wire" / "vectors"
TRANSCRIPT = Path(__file__).with_name("transcript.py")
SHARED = (
    "agent/wire/*.py", "agent/mqtt/*.py", "agent/effects.py", "agent/device.py", "agent/seal.py", "agent/outgoing.py", "agent/obey.py",
    "agent/inbound.py", "agent/limit.py", "agent/clock.py", "agent/errors.py", "agent/keys/errors.py", "agent/link/outbox.py",
    "agent/link/path.py", "agent/link/feed.py", "agent/link/carrier.py", "agent/link/errors.py", "agent/journal/[!dk]*.py",
)  # fmt: skip
"""What boards run too. Of the journal they have their own disk and keeper."""
BOARD_ROOMS = ("common", "firmware", "panic_button", "sos_button")
"""Of ``devices``: what boards load. The other kinds run on Linux alone."""
LINUX_ONLY = ("linux", "pictures")
"""Modules of a device kind that no board loads."""
BOARD_MODULES = frozenset({"esp32", "gc", "machine", "micropython", "network", "select", "socket", "tls"})
"""What the firmware may import besides."""

MODULES = {"array", "asyncio", "binascii", "errno", "hashlib", "json", "os", "struct", "sys", "time"}
NO_METHODS = {
    "bit_length": "int", "bit_count": "int", "removeprefix": "str", "removesuffix": "str", "zfill": "str", "ljust": "str",
    "rjust": "str", "casefold": "str", "isascii": "str", "isidentifier": "str", "format_map": "str", "expandtabs": "str",
    "tobytes": "memoryview", "cast": "memoryview", "hexdigest": "hashlib", "fullmatch": "re", "findall": "re",
    "_replace": "namedtuple", "with_traceback": "exception", "add_note": "exception", "environ": "os", "monotonic": "time",
    "perf_counter": "time", "create_task_group": "asyncio", "TaskGroup": "asyncio", "Queue": "asyncio", "fromkeys": "dict",
}  # fmt: skip
NO_NAMES = {
    "TimeoutError", "ConnectionError", "FileNotFoundError", "FileExistsError", "PermissionError", "InterruptedError", "RecursionError",
    "BrokenPipeError", "UnicodeDecodeError", "UnicodeEncodeError", "ExceptionGroup", "NotADirectoryError", "ascii", "breakpoint", "vars",
    "anext", "aiter", "format",
}  # fmt: skip
POSITIONAL_ONLY = {
    "split",
    "rsplit",
    "encode",
    "decode",
    "to_bytes",
    "from_bytes",
    "strip",
    "find",
    "rfind",
    "count",
    "index",
    "join",
    "pop",
    "get",
}
ATTRIBUTES_ABSENT = {"__cause__", "__context__", "strerror", "__traceback__", "__annotations__", "__wrapped__"}


def sins(source: str, boards: frozenset[str] = frozenset()) -> list[str]:
    """What in ``source`` a microcontroller's Python does not have, as ``line: what``. Blocks under ``if TYPE_CHECKING`` never run.

    ``boards`` are modules of boards that it may import.
    """
    tree = ast.parse(source)
    found: list[str] = []
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if node in skipped:
            skipped.update(ast.iter_child_nodes(node))
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            skipped.update(node.body)
            continue
        what = _sin(node, boards)
        if what:
            found.append(f"{getattr(node, 'lineno', 0)}: {what}")
    return found


def _sin(node: ast.AST, boards: frozenset[str]) -> str:  # noqa: C901, PLR0912  one branch a rule
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0] not in {"agent", "devices"} and name not in MODULES | boards:
                return f"import of {name}"
        if isinstance(node, ast.ImportFrom) and node.level:
            return "relative import"
    elif isinstance(node, ast.Match):
        return "match"
    elif isinstance(node, ast.TryStar):
        return "except*"
    elif isinstance(node, ast.arguments) and node.posonlyargs:
        return "positional-only parameters"
    elif isinstance(node, ast.List | ast.Tuple | ast.Set) and any(isinstance(item, ast.Starred) for item in node.elts):
        return "unpacking in a display"
    elif isinstance(node, ast.Dict) and None in node.keys:
        return "unpacking in a map display"
    elif isinstance(node, ast.Slice) and node.step is not None:
        return "slice with a step"
    elif isinstance(node, ast.ClassDef) and (node.keywords or node.decorator_list):
        return "class keyword, metaclass or decorator"
    elif isinstance(node, ast.JoinedStr):
        return "f-string"
    elif isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        return "floating point number"
    elif isinstance(node, ast.Attribute) and node.attr in NO_METHODS.keys() | ATTRIBUTES_ABSENT:
        return f"attribute {node.attr}"
    elif isinstance(node, ast.Name) and node.id in NO_NAMES:
        return f"name {node.id}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in POSITIONAL_ONLY and node.keywords:
            return f"keyword arguments of {node.func.attr}"
        if node.func.attr in {"from_bytes", "to_bytes"} and len(node.args) != 2:
            return f"{node.func.attr} takes two arguments"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return "true division"
    elif isinstance(node, ast.Raise) and node.cause is not None and not (isinstance(node.cause, ast.Constant)):
        return "raise from"
    return ""


def shared_files() -> list[Path]:
    """The files that both interpreters run."""
    files = [path for pattern in SHARED for path in ROOT.glob(pattern)]
    kinds = [path for room in BOARD_ROOMS for path in ROOT.glob(f"devices/{room}/*.py") if path.stem not in LINUX_ONLY]
    return sorted(files + kinds)


def test_shared_code_stays_inside_the_subset() -> None:
    files = shared_files()
    assert len(files) > 16
    wrong = {}
    for file in files:
        boards = BOARD_MODULES if file.parent.name == "firmware" else frozenset[str]()
        if found := sins(file.read_text(encoding="utf-8"), boards):
            wrong[str(file.relative_to(ROOT))] = found
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        "import dataclasses", "from typing import Any", "from __future__ import annotations", "import functools", "from . import x",
        "match x:\n case 1: pass", "def f(a, /): pass", "x = [*a]", "x = {**a}", "x = a[::-1]", "class A(metaclass=M): pass",
        "@d\nclass A: pass", "x = f'{a}'", "x = 1.5", "x = n.bit_length()", "x = s.removeprefix('a')", "x = s.split('.', maxsplit=1)",
        "x = int.from_bytes(b, byteorder='big')", "x = int.from_bytes(b, 'big', True)", "x = s.zfill(3)", "x = b.decode(errors='replace')",
        "try:\n pass\nexcept TimeoutError: pass", "try:\n pass\nexcept* ValueError: pass", "x = time.monotonic()", "x = h.hexdigest()",
        "x = a / b", "x = e.__cause__", "raise A() from e", "x = os.environ",
    ],
)  # fmt: skip
def test_the_lint_sees_what_boards_do_not_have(line: str) -> None:
    assert sins(line)


def test_the_lint_lets_pass_what_only_the_type_checker_reads() -> None:
    assert (
        sins(
            "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Protocol\n    class A(Protocol, x=1): pass"
        )
        == []
    )
    assert sins("if TYPE_CHECKING:\n    import typing\nelse:\n    import typing") != []


@pytest.mark.micropython
def test_both_interpreters_give_the_same_transcript_of_all_vectors() -> None:
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent))
    if micropython is None:
        pytest.skip("no MicroPython on this machine")
    environment = {**os.environ, "MICROPYPATH": str(ROOT), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    transcripts = [
        subprocess.run(
            [program, str(TRANSCRIPT), str(VECTORS)], env=environment, capture_output=True, timeout=100, check=False
        )
        for program in (sys.executable, micropython)
    ]

    for done in transcripts:
        assert (done.returncode, done.stderr) == (0, b""), done.stdout[-300:]
    ours, theirs = (done.stdout.splitlines() for done in transcripts)
    assert len(ours) > 1500
    assert theirs == ours
