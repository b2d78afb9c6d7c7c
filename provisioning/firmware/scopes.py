# ruff: noqa: N802  visitors are called after what they visit
"""What each name in a module means: one of the module's own, one of a function's, or MicroPython's.

``Meanings`` rewrites a module so that no name means two things: names of modules become ``module:name``, which no source can say and
``shorten`` gives a short form; a function's own names become ones that cannot hide them. Parameters get single letters by their place, for
compiled code carries their names; a parameter that any call names keeps its own.
"""

import ast
from collections.abc import Callable

from provisioning.firmware.nodes import Rewriter, parts, walk

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""What parameters are called, in order of their place."""
LOCAL = "v_"
"""How other names of a function begin: compiled code does not carry them."""

Scoped = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class SourceError(Exception):
    """A module does what cannot be joined or shortened safely. The text says what, and where."""


def parameters(node: Scoped) -> list[ast.arg]:
    """Those whose names compiled code carries."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def bound(node: ast.AST) -> set[str]:
    """Names that a function or class binds itself."""
    names: set[str] = set()
    if isinstance(node, FUNCTIONS):
        names.update(arg.arg for arg in (*parameters(node), node.args.vararg, node.args.kwarg) if arg is not None)
        waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    elif isinstance(node, COMPREHENSIONS):
        waiting = [generator.target for generator in node.generators]
    else:
        waiting = list(getattr(node, "body", []))
    elsewhere: set[str] = set()
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(inner.name)
            continue
        if isinstance(inner, (ast.Lambda, *COMPREHENSIONS)):
            continue
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            names.add(inner.id)
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            names.add(inner.name)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.split(".")[0] for alias in inner.names)
        elif isinstance(inner, ast.Global | ast.Nonlocal):
            elsewhere.update(inner.names)
        waiting += parts(inner)
    return names - elsewhere


class Meanings(Rewriter):
    """Rewrites one module.

    Args:
        where: the module's path, for errors.
        outer: what a name of the module means, as an expression; None for one that the module does not have.
        own_import: what an import inside a function binds if it is of the project (name to expression); None if it is MicroPython's.
        kept: names of parameters that calls use.
    """

    def __init__(
        self,
        where: str,
        outer: Callable[[str], ast.expr | None],
        own_import: Callable[[ast.Import | ast.ImportFrom], dict[str, ast.expr] | None],
        kept: set[str],
    ) -> None:
        super().__init__()
        self._where = where
        self._outer = outer
        self._own_import = own_import
        self._kept = kept
        self._free = [letter for letter in LETTERS if letter not in kept]
        self._scopes: list[dict[str, ast.expr]] = []
        self._letters = 0
        self._class: set[str] | None = None

    def meaning(self, name: str) -> ast.expr | None:
        """The expression that a name stands for here; None for MicroPython's own."""
        if self._class is not None and name in self._class:
            return None  # an attribute of the class that is being made
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return self._outer(name)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Say what it means."""
        if self._class is not None and node.id in self._class and isinstance(node.ctx, ast.Load):
            raise self._wrong(node, f"{node.id} is used while its class is made")
        meaning = self.meaning(node.id)
        if meaning is None:
            return node
        if isinstance(meaning, ast.Name):
            return ast.copy_location(ast.Name(meaning.id, node.ctx), node)
        if isinstance(node.ctx, ast.Load):
            return meaning
        raise self._wrong(node, f"{node.id} is imported, and set")

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class's own names are attributes; its functions do not see them."""
        if self._scopes or self._class is not None:
            raise self._wrong(node, "a class inside a function or class")
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        self._class = bound(node)
        node.body = [self.visit(one) for one in node.body]
        self._class = None
        node.name = self._named(node.name)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function has names of its own."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """As any function."""
        return self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """As any function."""
        self._defaults(node)
        before = self._enter(node)
        node.body = self.visit(node.body)
        self._leave(before)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """A comprehension has names of its own."""
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """As any comprehension."""
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """As any comprehension."""
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """As any comprehension."""
        return self._comprehension(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """The name of what was caught."""
        if node.name:
            node.name = self._named(node.name)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Names of the module that a function sets."""
        node.names = [self._named(name) for name in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Names of the function around."""
        node.names = [self._named(name) for name in node.names]
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        """In a function: what is the project's is there already."""
        return self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """As any import."""
        return self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.AST | None:
        own = self._own_import(node)
        if own is not None:
            if not self._scopes:
                raise self._wrong(node, "an import that is neither at the top nor in a function")
            self._scopes[-1].update(own)
            return ast.Pass()
        for alias in node.names:
            alias.asname = self._named(alias.asname or alias.name)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        self._defaults(node)
        if self._class is None:
            node.name = self._named(node.name)
        before = self._enter(node)
        node.returns = None
        node.body = [self.visit(one) for one in node.body]
        self._leave(before)
        return node

    def _defaults(self, node: Scoped) -> None:
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.args.kw_defaults = [one and self.visit(one) for one in node.args.kw_defaults]

    def _comprehension(self, node: "ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp") -> ast.AST:
        node.generators[0].iter = self.visit(node.generators[0].iter)
        first = node.generators[0].iter
        before = self._enter(node)
        node.generators[0].iter = ast.Constant(None)  # it belongs to the scope around
        self.generic_visit(node)
        node.generators[0].iter = first
        self._leave(before)
        return node

    def _enter(self, node: ast.AST) -> tuple[int, set[str] | None]:
        before = self._letters, self._class
        scope: dict[str, ast.expr] = {name: ast.Name(LOCAL + name) for name in bound(node)}
        if isinstance(node, FUNCTIONS):
            nested = [one.name for one in walk(node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            for name in [arg.arg for arg in parameters(node)] + nested:
                if name not in scope or scope[name].id != LOCAL + name:  # type: ignore[attr-defined]
                    continue
                if name in self._kept:
                    scope[name] = ast.Name(name)
                    continue
                if self._letters == len(self._free):
                    raise self._wrong(node, "too many parameters")
                scope[name] = ast.Name(self._free[self._letters])
                self._letters += 1
        self._class = None
        self._scopes.append(scope)
        if isinstance(node, FUNCTIONS):
            for arg in [*parameters(node), node.args.vararg, node.args.kwarg]:
                if arg is not None:
                    arg.annotation = None
                    arg.arg = self._named(arg.arg)
        return before

    def _leave(self, before: tuple[int, set[str] | None]) -> None:
        self._scopes.pop()
        self._letters, self._class = before

    def _named(self, name: str) -> str:
        meaning = self.meaning(name)
        if meaning is None:
            return name
        if isinstance(meaning, ast.Name):
            return meaning.id
        raise SourceError(f"{self._where}: {name} is imported, and set")

    def _wrong(self, node: ast.AST, what: str) -> SourceError:
        return SourceError(f"{self._where}:{getattr(node, 'lineno', 0)}: {what}")
