# ruff: noqa: N802  visitors are called after what they visit
"""What no board uses is left out.

A function, class or value of a module stays if something that stays names it. A method or attribute stays if something that stays asks any
object for that name: whose it is cannot be known. So code that only Linux or the center uses costs a board nothing, wherever it stands.
What a module does when it is loaded, beyond setting names, always stays.
"""

import ast
from collections.abc import Iterator
from typing import Any

from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, walk
from provisioning.firmware.scopes import SourceError


def pruned(files: list[File], fixed: set[str]) -> None:
    """Leave out of these files, which are all that are loaded together, what is not needed; attributes in ``fixed`` are.

    Raises:
        SourceError: something that stays needs what is in no file.
    """
    while _Live(files, fixed).sweep():
        pass
    there = {name for file in files for node in file.statements() for name in defined(node)}
    asked = {(part.path, name) for file in files for part in file.parts for node in part.body for name in _asked(node)}
    asked |= {(file.path, name) for file in files for name in file.exports}
    for path, name in sorted(asked):
        if name not in there:
            raise SourceError(f"{path} needs {name.replace(':', '.')}, which no board has")


def defined(node: ast.stmt) -> set[str]:
    """Names that a statement sets, if it does nothing else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if not isinstance(node, ast.Assign):
        return set()
    parts = [part for target in node.targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return names if len(names) == len(parts) else set()


def _asked(node: ast.stmt) -> set[str]:
    return {one.id for one in walk(node) if isinstance(one, ast.Name) and ":" in one.id}


class _Live:
    """One round: what is reached from what is asked for."""

    def __init__(self, files: list[File], fixed: set[str]) -> None:
        self._files = files
        self._names = {name for file in files for name in file.exports}
        self._attributes = set(ATTRIBUTES | fixed)
        self._reached: set[int] = set()
        grown = True
        while grown:
            pieces = [piece for file in files for node in file.statements() for piece in self._pieces(node)]
            fresh = [piece for piece in pieces if id(piece) not in self._reached]
            for piece in fresh:
                self._reached.add(id(piece))
                self._reach(piece)
            grown = bool(fresh)

    def sweep(self) -> bool:
        """Leave the rest out; whether there was any."""
        stores = _NoStores(self._attributes)
        left_out = 0
        for part in (part for file in self._files for part in file.parts):
            staying = [stores.visit(node) for node in part.body if self._stays(node)]
            left_out += len(part.body) - len(staying)
            part.body = staying
            for node in part.body:
                if isinstance(node, ast.ClassDef):
                    kept = [one for one in node.body if id(one) in self._reached]
                    left_out += len(node.body) - len(kept)
                    node.body = kept or [ast.Pass()]
        return left_out + stores.left_out > 0

    def _stays(self, node: ast.stmt) -> bool:
        names = defined(node)
        return not names or not names.isdisjoint(self._names)

    def _pieces(self, node: ast.stmt) -> Iterator[ast.AST]:
        """What of a statement stays, as far as is known."""
        if not self._stays(node):
            return
        if not isinstance(node, ast.ClassDef):
            yield node
            return
        yield from node.bases
        for one in node.body:
            names = defined(one)
            if not names or not names.isdisjoint(self._attributes) or any(name.startswith("__") for name in names):
                yield one

    def _reach(self, piece: ast.AST) -> None:
        for node in walk(piece):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._names.add(node.id)
            elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
                self._attributes.add(node.attr)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
                self._attributes.add(node.target.attr)
            elif isinstance(node, ast.Global):
                self._names.update(node.names)


class _NoStores(Rewriter):
    """Leaves out that attributes are set which nobody reads."""

    def __init__(self, read: set[str]) -> None:
        super().__init__()
        self._read = read
        self.left_out = 0

    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Attribute) or target.attr in self._read:
            return node
        self.left_out += 1
        return ast.Pass() if isinstance(node.value, ast.Name | ast.Constant) else ast.Expr(node.value)
