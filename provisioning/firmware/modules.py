"""Which modules a board needs: what it starts with, its kinds' packages, and what a module imports. Reads source only."""

import ast
from functools import lru_cache
from pathlib import Path

from provisioning.firmware.nodes import parts

START = "devices.firmware.start", ("main",)
"""What ``main.py`` loads, and asks of it."""
OF_KIND = "SETTINGS", "PATTERNS", "make_logic"
"""What the firmware asks of a kind's package, in this order."""
LINUX_ONLY = frozenset({"linux", "pictures"})
"""Modules of a kind that its package names, and no board loads."""
OPTIONS = "devices.firmware.options"
"""What a firmware can do or not, each a name that is set to True."""
KINDS = f"{OPTIONS}:KINDS"
"""The kinds that a bundle has, with what is asked of their packages."""
ROOT_FILES = ("boot.py", "main.py", "slots.py")
"""What lies at the root of a board's flash, outside the two copies of the firmware."""
OWN = ("agent", "devices")
BUILT_IN = {
    "array", "asyncio", "binascii", "errno", "esp32", "gc", "hashlib", "io", "json", "machine", "micropython", "network", "os", "random",
    "select", "socket", "struct", "sys", "time", "tls", "vfs",
}  # fmt: skip
"""Modules of MicroPython's ESP32 port that firmware may use."""


class NeedsError(Exception):
    """A module needs something that no board has. The text says who needs what."""


def kinds(tree: Path) -> list[str]:
    """The device kinds that boards can be, by name: their packages ask for nothing that boards lack."""
    found = []
    for path in sorted(tree.glob("devices/*/logic.py")):
        try:
            needs(tree, str(path.with_name("__init__.py").relative_to(tree)))
        except NeedsError:
            continue
        found.append(path.parent.name.replace("_", "-"))
    return found


def packages(tree: Path, chosen: list[str]) -> dict[str, str]:
    """The packages of the ``chosen`` kinds, by kind.

    Raises:
        NeedsError: there is no such kind.
    """
    unknown = sorted(set(chosen) - set(kinds(tree)))
    if unknown:
        raise NeedsError(f"no kind is called {unknown[0]}; there are: {', '.join(kinds(tree))}")
    return {kind: f"devices.{kind.replace('-', '_')}" for kind in chosen}


def options(tree: Path, chosen: list[str], secure_element: bool) -> dict[str, bool]:
    """What the firmware of these kinds can do, by the name that says so."""
    logics = [(tree / "devices" / kind.replace("-", "_") / "logic.py").read_text(encoding="utf-8") for kind in chosen]
    sleeps = any("    def resume(" in logic for logic in logics)
    return {f"{OPTIONS}:SLEEPS": sleeps, f"{OPTIONS}:SECURE_ELEMENT": secure_element, f"{OPTIONS}:BUNDLED": True}


def path_of(tree: Path, name: str) -> str | None:
    """The file of a module or package; None if it has none."""
    base = name.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if (tree / path).is_file()), None)


def needs(tree: Path, path: str, inside: bool | None = None) -> list[str]:
    """Modules of the project that a file imports: at its top (``inside`` False), in its functions (True), or both.

    Raises:
        NeedsError: it imports what no board has.
    """
    names: list[str] = []
    for node, in_function in _imports((tree / path).read_text(encoding="utf-8"), path):
        if inside is not None and inside != in_function:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            inner = [name for name in inner if module.split(".")[0] in OWN and path_of(tree, name)]
            names += [*inner, module]
    foreign = sorted({name for name in names if name.split(".")[0] not in OWN} - BUILT_IN)
    if foreign:
        raise NeedsError(f"{path} needs {foreign[0]}, which no board has")
    return [name for name in names if name.split(".")[0] in OWN and name.split(".")[-1] not in LINUX_ONLY]


@lru_cache(256)
def _imports(source: str, path: str) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All imports but those that only a type checker reads, and whether they are in a function."""
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(source, path), False)]
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += [(inner, inside) for inner in node.orelse]
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        waiting += [(inner, inside) for inner in parts(node) if not isinstance(inner, ast.expr)]
    return found
