# ruff: noqa: N802  visitors are called after what they visit
"""Modules joined into one file: what a name of another module means is settled when the firmware is built, not when it starts.

The statements stand in the order in which imports would have run them, without the imports; names are ``module:name`` (see ``scopes``), and
``shorten`` turns them into names again.
"""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from provisioning.firmware.modules import BUILT_IN, KINDS, LINUX_ONLY, OF_KIND, OWN, NeedsError, needs, path_of
from provisioning.firmware.nodes import Rewriter, walk
from provisioning.firmware.scopes import Meanings, SourceError, bound, parameters

SETTINGS = "SETTINGS"
"""A kind's table of settings; the last of each row is help, which a board gives to nobody."""


class Part:
    """What one module brings to a file: its statements, ready to be joined."""

    def __init__(self, path: str, body: list[ast.stmt]) -> None:
        self.path = path
        self.body = body

    @cached_property
    def source(self) -> str:
        """Its statements as text, when they are as they will be."""
        return "".join(ast.unparse(node) + "\n" for node in self.body)


class File:
    """One compiled file.

    * ``entry``: the module that it is loaded as, and ``path``, where that lies in the tree.
    * ``parts``: in order.
    * ``exports``: names that are asked for by those who start it.
    """

    def __init__(self, entry: str, path: str, parts: list[Part], exports: set[str]) -> None:
        self.entry = entry
        self.path = path
        self.parts = parts
        self.exports = exports

    def statements(self) -> Iterator[ast.stmt]:
        """All of them, in order."""
        for part in self.parts:
            yield from part.body


def joined(
    tree: Path, entry: str, asked: tuple[str, ...], packages: dict[str, str] | None = None
) -> tuple[File, dict[str, str]]:
    """The file of a module with all that it needs, and the imports of MicroPython's modules by what they bind.

    Args:
        tree: the project.
        entry: the module.
        asked: names that it is asked for.
        packages: those of the kinds that it is for, by kind.

    Raises:
        NeedsError: a module is missing, or no board has it.
        SourceError: a module does what cannot be joined.
    """
    roots = [entry, *(packages or {}).values()]
    order = list(dict.fromkeys(module for root in roots for module in _order(tree, root)))
    modules = {module: _Source(tree, module) for module in order}
    foreign: dict[str, str] = {}
    for source in modules.values():
        source.resolve(modules, foreign)
    # A parameter that is called like a module of MicroPython's is that module, or stands for it.
    kept = _asked_by_name([source.tree for source in modules.values()]) | BUILT_IN
    parts = [Part(modules[module].path, modules[module].body(modules, kept)) for module in order]
    if packages:
        for part in parts:
            part.body = [node for node in part.body if not _is_table(node)]
        parts.append(_table({kind: modules[package] for kind, package in packages.items()}))
    return File(entry, modules[entry].path, parts, {f"{entry}:{name}" for name in asked}), foreign


def _is_table(node: ast.stmt) -> bool:
    """Whether a statement sets the kinds to what they are without a build."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == KINDS


def _table(packages: "dict[str, _Source]") -> Part:
    """What a firmware asks of its kinds, by kind."""
    rows: list[ast.expr] = [
        ast.Tuple([ast.Name(package.meaning(name), ast.Load()) for name in OF_KIND], ast.Load())
        for package in packages.values()
    ]
    table = ast.Dict([ast.Constant(kind) for kind in packages], rows)
    return Part(KINDS.partition(":")[0], [ast.Assign([ast.Name(KINDS, ast.Store())], table, lineno=0)])


def bare(source: str) -> ast.Module:
    """A module without what only people and type checkers read, and without what MicroPython does not heed."""
    tree = ast.parse(source)
    _Bare().visit(tree)
    return tree


def _asked_by_name(sources: list[ast.Module]) -> set[str]:
    """Parameters that some call names: as a keyword, or in a map that is handed over with ``**``."""
    nodes = [node for source in sources for node in walk(source)]
    gathering = _gathering(nodes)
    calls = [node for node in nodes if isinstance(node, ast.Call) and _asks(node) not in gathering]
    words = [word for call in calls for word in call.keywords]
    handed = [word.value for word in words if word.arg is None]
    maps = {value.id for value in handed if isinstance(value, ast.Name)}
    strange = [value for value in handed if not isinstance(value, ast.Name | ast.Dict)]
    if strange:
        raise SourceError(f"**{ast.unparse(strange[0])} names parameters that cannot be known")
    names = {word.arg for word in words if word.arg}
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in maps and isinstance(node.value, ast.Dict):
                handed.append(node.value)
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in maps:
                names.update(str(key.value) for key in [target.slice] if isinstance(key, ast.Constant))
    keys = (key for value in handed if isinstance(value, ast.Dict) for key in value.keys)
    return names | {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def _gathering(nodes: list[ast.AST]) -> set[str]:
    """Methods for which a keyword is a fact, not a parameter: all functions of this name take any keyword, and name none themselves."""
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {node.name for node in functions if node.args.kwarg}
    found -= {node.name for node in functions if not node.args.kwarg}
    asked = {word.arg for node in nodes if isinstance(node, ast.Call) for word in node.keywords if _asks(node) in found}
    found -= {node.name for node in functions if {arg.arg for arg in parameters(node)} & asked}
    return found - {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}


def _asks(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _order(tree: Path, entry: str) -> list[str]:
    """Modules in the order in which their statements run; what only a function imports comes after."""
    order: list[str] = []
    later = [entry]
    begun = set()

    def place(module: str) -> None:
        path = path_of(tree, module)
        if module in begun or path is None:
            return
        begun.add(module)
        for name in needs(tree, path, inside=False):
            place(name)
        order.append(module)
        later.extend(needs(tree, path, inside=True))

    while later:
        place(later.pop(0))
    return order


class _Source:
    """A module, and what its names mean."""

    def __init__(self, tree: Path, module: str) -> None:
        self.module = module
        path = path_of(tree, module)
        if path is None:
            raise NeedsError(f"{module} is not in the tree")
        self.path = path
        self._root = tree
        self.tree = bare((tree / path).read_text(encoding="utf-8"))
        self.means: dict[str, ast.expr] = {}
        """What a name at the top of the module stands for."""

    def resolve(self, modules: "dict[str, _Source]", foreign: dict[str, str]) -> None:
        """Settle what the names mean, after the modules before it."""
        self.means = {name: ast.Name(f"{self.module}:{name}") for name in bound(self.tree)}
        for node in self.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                own = self.imported(node, modules)
                self.means.update(self._foreign(node, foreign) if own is None else own)

    def meaning(self, name: str) -> str:
        """The name, as any module calls what it means.

        Raises:
            SourceError: the module has no such value.
        """
        meaning = self.means.get(name)
        if not isinstance(meaning, ast.Name):
            raise SourceError(f"{self.path} needs {name}, which it does not have")
        return meaning.id

    def body(self, modules: "dict[str, _Source]", kept: set[str]) -> list[ast.stmt]:
        """The module's statements, with names that mean the same in any module."""
        rewrite = Meanings(self.path, self.means.get, lambda node: self.imported(node, modules), kept)
        flat = _Flat(self.path, modules)
        return [flat.visit(rewrite.visit(n)) for n in self.tree.body if not isinstance(n, ast.Import | ast.ImportFrom)]

    def imported(self, node: ast.Import | ast.ImportFrom, modules: "dict[str, _Source]") -> dict[str, ast.expr] | None:
        """What an import of the project's modules binds; None if it is of MicroPython's."""
        package = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
        if package.split(".")[0] not in OWN:
            return None
        linux = package.split(".")[-1] in LINUX_ONLY
        if package not in modules and not linux and not (self._root / package.replace(".", "/")).is_dir():
            raise NeedsError(f"{self.path} needs {package}, which is not in the tree")
        if isinstance(node, ast.Import):
            if len(node.names) > 1 or not node.names[0].asname:
                raise SourceError(f"{self.path}:{node.lineno}: say from ... import ...")
            return {node.names[0].asname: _Module(package)}
        found: dict[str, ast.expr] = {}
        for alias in node.names:
            inner = f"{package}.{alias.name}"
            if package in modules and alias.name in modules[package].means:
                found[alias.asname or alias.name] = modules[package].means[alias.name]
            elif linux:
                found[alias.asname or alias.name] = ast.Name(f"{package}:{alias.name}")  # whoever uses it is not kept
            elif path_of(self._root, inner) is not None:
                found[alias.asname or alias.name] = _Module(inner)
            else:
                raise SourceError(f"{self.path}:{node.lineno}: {package} has no {alias.name}")
        return found

    def _foreign(self, node: ast.Import | ast.ImportFrom, foreign: dict[str, str]) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        for alias in node.names:
            name = alias.asname or alias.name
            said = ast.unparse(
                ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
            )
            if foreign.setdefault(name, said) != said:
                raise SourceError(f"{self.path}:{node.lineno}: {name} is something else in another module")
            found[name] = ast.Name(name)
        return found


class _Module(ast.expr):
    """Stands for a module of the project until its attribute is taken."""

    _fields = ()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class _Flat(Rewriter):
    """Turns attributes of modules into names, and finds modules that are used in any other way."""

    def __init__(self, where: str, modules: dict[str, _Source]) -> None:
        super().__init__()
        self._where = where
        self._modules = modules

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, _Module):
            return self.generic_visit(node)
        meaning = self._modules[node.value.name].means.get(node.attr)
        if meaning is None or not isinstance(node.ctx, ast.Load):
            raise SourceError(f"{self._where}:{node.lineno}: {node.value.name} has no {node.attr} to read")
        return ast.copy_location(ast.Name(meaning.id, node.ctx) if isinstance(meaning, ast.Name) else meaning, node)

    def visit__Module(self, node: _Module) -> ast.AST:
        raise SourceError(f"{self._where}: the module {node.name} is used as a value")


class _Bare(Rewriter):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        is_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if is_types else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        first = node.targets[0]
        name = first.id if isinstance(first, ast.Name) else ""
        if name == SETTINGS and isinstance(node.value, ast.Dict):
            for row in node.value.values:
                if isinstance(row, ast.Tuple) and isinstance(row.elts[-1], ast.Constant):
                    row.elts[-1] = ast.Constant(None)
        return None if name in {"TYPE_CHECKING", "__slots__"} else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node)) if node.value else None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Assert(self, _node: ast.Assert) -> None:
        return None
