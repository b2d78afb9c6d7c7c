"""Which modules a board needs: all that its start and its kinds import, however far down, and nothing of Linux. Reads source only."""

import ast
from pathlib import Path

ROOTS = ("devices.firmware.start", "devices.firmware.atecc608")
KIND_ROOTS = ("", ".logic", ".patterns")
"""What the firmware loads of the kind that its configuration names."""
LINUX_ONLY = frozenset({"linux", "pictures"})
"""Modules of a kind that its package names, and no board loads."""
ROOT_FILES = ("main.py", "slots.py")
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
    """The device kinds that boards can be, by name."""
    found = [path.parent.name for path in tree.glob("devices/*/logic.py")]
    return sorted(name.replace("_", "-") for name in found)


def needed(tree: Path, chosen: list[str]) -> list[str]:
    """Paths of all modules in a source tree that a board of the ``chosen`` kinds needs, sorted.

    Raises:
        NeedsError: a kind or a module is missing, or no board has it.
    """
    unknown = sorted(set(chosen) - set(kinds(tree)))
    if unknown:
        raise NeedsError(f"no kind is called {unknown[0]}; there are: {', '.join(kinds(tree))}")
    waiting = [(name, "the list of roots") for name in ROOTS]
    waiting += [(f"devices.{kind.replace('-', '_')}{part}", f"kind {kind}") for kind in chosen for part in KIND_ROOTS]
    found: dict[str, str] = {}
    while waiting:
        name, who = waiting.pop()
        if name in found or ((tree / name.replace(".", "/")).is_dir() and _path(tree, name) is None):
            continue  # a package needs no file of its own
        path = _path(tree, name)
        if path is None:
            raise NeedsError(f"{who} needs {name}, which is not in the tree")
        found[name] = path
        if "." in name:
            waiting.append((name.rpartition(".")[0], path))
        waiting += [(other, path) for other in _imports(tree, path)]
    return sorted(path for path in found.values() if _says_anything(tree / path))


def _path(tree: Path, name: str) -> str | None:
    base = name.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if (tree / path).is_file()), None)


def _imports(tree: Path, path: str) -> list[str]:
    names: list[str] = []
    for node in _run(ast.parse((tree / path).read_text(encoding="utf-8"), path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            inner = [name for name in inner if module.split(".")[0] in OWN and _path(tree, name)]
            names += [*inner, module]
    foreign = sorted({name for name in names if name.split(".")[0] not in OWN} - BUILT_IN)
    if foreign:
        raise NeedsError(f"{path} needs {foreign[0]}, which no board has")
    return [name for name in names if name.split(".")[0] in OWN and name.split(".")[-1] not in LINUX_ONLY]


def _run(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those that only a type checker reads."""
    nodes: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        nodes.append(node)
        waiting += ast.iter_child_nodes(node)
    return nodes


def _says_anything(path: Path) -> bool:
    """Whether a file is more than its docstring; a package without a file works as well."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)
