"""What a function asks for often is asked for once and held as a local, which is named in one byte.

That is a name of the module or of MicroPython, which takes two or three bytes, and an attribute of the function's own object, which takes
three or four: one that nothing sets but ``__init__``, always, under a name that is no method's. What runs while the firmware is loaded, or
while an object is made, might ask too early, and stays as it is.
"""

import ast
from collections import Counter
from collections.abc import Callable
from typing import Any

from provisioning.firmware.families import class_names, families, tell_apart
from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, parts, walk, walked
from provisioning.firmware.scopes import COMPREHENSIONS, FUNCTIONS, LOCAL, bound

TIMES, TIMES_ATTRIBUTE = 4, 3
"""So often a function has to ask: for a name, for an attribute."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
INNER = (*FUNCTIONS, *COMPREHENSIONS)


def held(files: list[File], fixed: set[str]) -> None:
    """Rewrite joined and packed files, all that are loaded together; attributes in ``fixed`` are not the firmware's alone."""
    statements = [node for file in files for node in file.statements()]
    tell_apart(statements)
    nodes = walked(statements)
    hold = _Hold(nodes, _lasting(statements, nodes) - fixed - ATTRIBUTES)
    loading = _when_loading(statements)
    making = _when_made(statements)
    for node in statements:
        if isinstance(node, Function) and node.name not in loading:
            hold.within(node, "")
        elif isinstance(node, ast.ClassDef) and node.name not in loading:
            for one in node.body:
                if isinstance(one, Function):
                    is_method = one.args.args and not one.decorator_list and id(one) not in making
                    hold.within(one, one.args.args[0].arg if is_method else "")


def _lasting(statements: list[ast.stmt], nodes: list[ast.AST]) -> set[str]:
    """Attributes that only ``__init__`` sets, whatever happens in it, and no class."""
    made: set[str] = set()
    first: set[int] = set()
    classes = [node for node in statements if isinstance(node, ast.ClassDef)]
    for one in (one for node in classes for one in node.body):
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            for target in (target for step in one.body if isinstance(step, ast.Assign) for target in step.targets):
                if isinstance(target, ast.Attribute) and _is_name(target.value, one.args.args[0].arg):
                    made.add(target.attr)
                    first.add(id(target))
    changed = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and id(node) not in first
    }
    named = {one.id if isinstance(one, ast.Name) else one.name for node in classes for one in class_names(node)}
    return made - changed - named


def _when_loading(statements: list[ast.stmt]) -> set[str]:
    """Names of functions and classes that run before all modules are there."""
    inside = {node.name: node for node in statements if isinstance(node, Function | ast.ClassDef)}
    waiting: list[ast.AST] = [node for node in statements if not isinstance(node, Function | ast.ClassDef)]
    found: set[str] = set()
    waiting = [node.func for statement in waiting for node in walk(statement) if isinstance(node, ast.Call)]
    while waiting:
        for node in walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id in inside and node.id not in found:
                found.add(node.id)
                waiting.append(inside[node.id])
    return found


def _when_made(statements: list[ast.stmt]) -> set[int]:
    """Methods (their ``id``) that may run while their object is made: ``__init__``, and what it names of its object."""
    classes = {node.name: node for node in statements if isinstance(node, ast.ClassDef)}
    family = families(classes)
    methods = [(family[name], one) for name, node in classes.items() for one in node.body if isinstance(one, Function)]
    asked = {(head, "__init__") for head in family.values()}
    found: set[int] = set()
    grown = True
    while grown:
        fresh = [(head, one) for head, one in methods if (head, one.name) in asked and id(one) not in found]
        found |= {id(one) for _head, one in fresh}
        asked |= {(head, node.attr) for head, one in fresh for node in walk(one) if isinstance(node, ast.Attribute)}
        grown = bool(fresh)
    return found


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class _Hold:
    """Rewrites functions."""

    def __init__(self, nodes: list[ast.AST], lasting: set[str]) -> None:
        self._changing = {name for node in nodes if isinstance(node, ast.Global) for name in node.names} | {"super"}
        self._lasting = lasting
        self._count = 0

    def within(self, function: Function, itself: str, around: frozenset[str] = frozenset()) -> None:
        """One function and those in it: ``itself`` is what a method calls its object, ``around`` what functions around it have."""
        mine = around | bound(function)
        for node in _own(function):
            if isinstance(node, Function):
                self.within(node, "", mine)
        if itself in _set_again(function):
            itself = ""
        asked: Counter[tuple[str, str]] = Counter()
        for node in _own(function):
            asked[self._asks(node, itself, mine)] += 1
        for (name, attr), count in sorted(asked.items()):
            if name and count >= (TIMES_ATTRIBUTE if attr else TIMES):
                self._hold(function, (name, attr), itself, mine)

    def _asks(self, node: ast.AST, itself: str, mine: frozenset[str]) -> tuple[str, str]:
        """The name, and the attribute of it, that may be held; none if there is none."""
        if isinstance(node, ast.Attribute) and node.attr in self._lasting and _is_name(node.value, itself):
            return itself, node.attr
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in mine | self._changing:
            return node.id, ""
        return "", ""

    def _hold(self, function: Function, wanted: tuple[str, str], itself: str, mine: frozenset[str]) -> None:
        self._count += 1
        local = f"{LOCAL}{self._count}held"  # no source has a name that begins with a digit
        instead = _Instead(lambda node: self._asks(node, itself, mine) == wanted, local)
        name, attr = wanted
        value: ast.expr = ast.Name(name, ast.Load())
        if attr:
            value = ast.Attribute(value, attr, ast.Load())
        for place, statement in enumerate(function.body):
            instead.visit(statement)
            if instead.count:
                first = place
                break
        for statement in function.body[first + 1 :]:
            instead.visit(statement)
        function.body.insert(first, ast.Assign([ast.Name(local, ast.Store())], value, lineno=0))


class _Instead(Rewriter):
    """Puts a local where something is asked for, but not in functions inside."""

    def __init__(self, is_wanted: Callable[[ast.AST], bool], local: str) -> None:
        super().__init__()
        self.count = 0
        self._is_wanted = is_wanted
        self._local = local

    def visit(self, node: ast.AST) -> Any:
        if self._is_wanted(node):
            self.count += 1
            return ast.Name(self._local, ast.Load())
        return node if isinstance(node, INNER) else super().visit(node)


def _own(function: Function) -> list[ast.AST]:
    """All nodes of a function's body but those inside of others."""
    found: list[ast.AST] = list(function.body)
    for node in found:
        if not isinstance(node, INNER):
            found += parts(node)
    return found


def _set_again(function: Function) -> set[str]:
    return {node.id for node in _own(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
