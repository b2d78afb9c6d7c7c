"""The source of a joined file: what it takes from MicroPython and from other files, then its statements."""

import ast
from collections import Counter

from provisioning.firmware.join import File
from provisioning.firmware.nodes import walked
from provisioning.firmware.scopes import FUNCTIONS, LETTERS, LOCAL, parameters

NEAR = 126
"""Compiled code refers to the first 128 names of a file in one byte, to others in two; a few stand there already."""
INTERNED = 10
"""Texts of at most so many characters are names, too."""


def written(file: File, foreign: dict[str, str]) -> str:
    """The source of a shortened file; ``foreign`` has the imports of MicroPython's modules by what they bind."""
    nodes = walked(file.statements())
    asked = {node.id for node in nodes if isinstance(node, ast.Name)}
    lines = [_near(nodes), *_imports({said for name, said in foreign.items() if name in asked})]
    lines += [f"from {entry} import {', '.join(sorted(names))}" for entry, names in sorted(file.taken.items())]
    return "\n".join([*lines, "".join(part.source for part in file.parts)])


def _imports(said: set[str]) -> list[str]:
    """These imports, those of one module together."""
    from_modules: dict[str, list[str]] = {}
    plain = []
    for line in sorted(said):
        module, word, names = line.partition(" import ")
        if word:
            from_modules.setdefault(module, []).append(names)
        else:
            plain.append(line)
    return [*plain, *(f"{module} import {', '.join(names)}" for module, names in from_modules.items())]


def _near(nodes: list[ast.AST]) -> str:
    """A statement that does nothing but name the names that are used most, so that they come first in the file."""
    counts: Counter[str] = Counter()
    for node in nodes:
        counts.update(_names(node))
    names = [name for name, _n in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if name.isidentifier()]
    names = [name for name in names if not name.startswith(LOCAL) and name not in {"None", "True", "False"}]
    return "__name__ is 0 and __name__." + ".".join(names[:NEAR]) if len(names) > NEAR else ""


def _names(node: ast.AST) -> list[str]:
    """What compiled code names for this node, without what is inside."""
    if isinstance(node, ast.Name):
        return [] if node.id in LETTERS else [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.ClassDef):
        return [node.name] * 2
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name] * 2 + [arg.arg for arg in parameters(node)]
    if isinstance(node, FUNCTIONS):
        return [arg.arg for arg in parameters(node)]
    if isinstance(node, ast.keyword):
        return [node.arg or ""]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= INTERNED:
        return [node.value]
    return []
