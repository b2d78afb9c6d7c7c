# ruff: noqa: N802  visitors are called after what they visit
"""A function that is called in one place stands there instead: a function of its own costs some twenty bytes, and its call a few more.

Only calls that are a statement, a value that is set, or a value that is returned, of functions and of a class's own methods. Arguments are
worked out once, in order, before the rest, as in a call.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from provisioning.firmware.families import class_names, tell_apart
from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, walk, walked
from provisioning.firmware.scopes import COMPREHENSIONS, FUNCTIONS, LOCAL, bound

Function = ast.FunctionDef | ast.AsyncFunctionDef
STAYS = (*FUNCTIONS, ast.ClassDef, ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal)
"""What ties code to its own function."""


def inlined(files: list[File], fixed: set[str]) -> None:
    """Rewrite joined, folded and pruned files, all that are loaded together; attributes in ``fixed`` are not the firmware's alone."""
    statements = [node for file in files for node in file.statements()]
    tell_apart(statements)
    nodes = walked(statements)
    kept = fixed | ATTRIBUTES | {name for file in files for name in file.exports}
    asked = Counter(name for node in nodes for name in _asked(node))
    named = Counter(one.id if isinstance(one, ast.Name) else one.name for one in _defined(statements))
    once = {name for name, count in asked.items() if count == 1 and named[name] == 1 and name not in kept}
    work = _Inline(once, {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)})
    classes: list[tuple[str, list[ast.stmt]]] = [("", statements)]
    classes += [(node.name, node.body) for _name, body in classes for node in body if isinstance(node, ast.ClassDef)]
    for name, body in classes:
        for node in body:
            if isinstance(node, Function) and _may_move(node, is_method=name != ""):
                work.bodies[name, node.name] = node
    for name, body in classes:
        for node in body:
            if isinstance(node, Function):
                work.finish(name, node)


def _asked(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Load) else [node.id] * 2
    if isinstance(node, ast.Attribute):
        return [node.attr] if isinstance(node.ctx, ast.Load) else [node.attr] * 2
    return node.names * 2 if isinstance(node, ast.Global) else []


def _defined(statements: list[ast.stmt]) -> Iterator["Function | ast.Name"]:
    for node in statements:
        if isinstance(node, ast.ClassDef):
            yield from class_names(node)
        elif isinstance(node, Function):
            yield node


def _may_move(node: Function, *, is_method: bool) -> bool:
    """Whether a function's statements may stand elsewhere."""
    args = node.args
    if node.decorator_list or args.vararg or args.kwarg or args.kwonlyargs or (is_method and not args.args):
        return False
    if not all(isinstance(default, ast.Constant) for default in args.defaults):
        return False
    return not any(isinstance(one, STAYS) for statement in node.body for one in walk(statement))


class _Inline(Rewriter):
    def __init__(self, once: set[str], stored: set[str]) -> None:
        super().__init__()
        self.bodies: dict[tuple[str, str], Function] = {}
        self._once = once
        self._stored = stored
        self._within: list[tuple[str, Function]] = []
        self._finished: set[int] = set()
        self._count = 0

    def finish(self, owner: str, node: Function) -> None:
        """Put into this function what only it calls."""
        if id(node) in self._finished:
            return
        self._finished.add(id(node))
        if any(isinstance(one, ast.Nonlocal) for one in walk(node)):
            return  # a function inside may change what arguments say
        self._within.append((owner, node))
        self.generic_visit(node)
        self._within.pop()

    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, (ast.arguments, *FUNCTIONS, *COMPREHENSIONS)) else super().visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Within an expression stands what is one itself, if its arguments need no working out."""
        self.generic_visit(node)
        body, value = self._moved(node, _is_expression)
        return node if body is None or value is None else value

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        body, value = self._moved(node.value, _ends)
        if body is None:
            return self.generic_visit(node)
        return [*body, *([ast.Expr(value)] if value and not isinstance(value, ast.Name | ast.Constant) else [])]

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        body, value = self._moved(node.value, _ends)
        if body is None:
            return self.generic_visit(node)
        node.value = value or ast.Constant(None)
        return [*body, node]

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        body, _value = self._moved(node.value, lambda _function: True, whole=True)
        return self.generic_visit(node) if body is None else body

    def _moved(
        self, call: ast.expr | None, fits: Callable[[Function], bool], *, whole: bool = False
    ) -> tuple[list[ast.stmt] | None, ast.expr | None]:
        """The statements of the function that is called, and what it returns at their end; none if it has to be called."""
        waits = isinstance(call, ast.Await)
        call = call.value if isinstance(call, ast.Await) else call
        if not isinstance(call, ast.Call):
            return None, None
        owner, function = self._called(call.func)
        within = [id(node) for _owner, node in self._within]
        if function is None or id(function) in within or isinstance(function, ast.AsyncFunctionDef) != waits:
            return None, None
        receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        given = self._given(function, receiver, call)
        if given is None or not fits(function):
            return None, None
        self.finish(owner, function)
        if not fits(function):
            return None, None
        if fits is _is_expression and not self._all_simple(function, given):
            return None, None
        return self._renamed(function, given, whole=whole)

    def _called(self, asked: ast.expr) -> tuple[str, Function | None]:
        owner, caller = self._within[-1]
        if isinstance(asked, ast.Name) and asked.id in self._once:
            return "", self.bodies.get(("", asked.id))
        if not isinstance(asked, ast.Attribute) or asked.attr not in self._once or not caller.args.args or not owner:
            return "", None
        itself = caller.args.args[0].arg
        if not isinstance(asked.value, ast.Name) or asked.value.id != itself:
            return "", None
        if caller.decorator_list or itself in bound_again(caller):
            return "", None
        return owner, self.bodies.get((owner, asked.attr))

    def _given(self, function: Function, receiver: list[ast.expr], call: ast.Call) -> list[tuple[str, ast.expr]] | None:
        """What each parameter is, in the order in which it is worked out."""
        names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
        values = [*receiver, *call.args]
        words = [(word.arg or "", word.value) for word in call.keywords]
        if any(isinstance(value, ast.Starred) for value in values) or len(values) > len(names):
            return None
        found = [*zip(names, values, strict=False), *words]
        defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
        said = [name for name, _value in found]
        found += [(name, value) for name, value in defaults.items() if name not in said]
        return found if sorted(name for name, _value in found) == sorted(names) else None

    def _renamed(
        self, function: Function, given: list[tuple[str, ast.expr]], *, whole: bool
    ) -> tuple[list[ast.stmt], ast.expr | None]:
        stored = bound_again(function)
        means: dict[str, ast.expr] = {}
        body: list[ast.stmt] = []
        for name, value in given:
            if name not in stored and self._is_simple(value):
                means[name] = value
                continue
            fresh = self._fresh()
            means[name] = fresh
            body.append(ast.Assign([ast.Name(fresh.id, ast.Store())], value, lineno=0))
        means.update((name, self._fresh()) for name in sorted(bound(function) - means.keys()))
        rename = _Rename(means)
        body += [rename.visit(node) for node in function.body]
        function.body = [ast.Pass()]
        if whole:
            return body if isinstance(body[-1], ast.Return | ast.Raise) else [*body, ast.Return(None)], None
        last = body.pop() if body and isinstance(body[-1], ast.Return) else None
        return body or [ast.Pass()], last.value if isinstance(last, ast.Return) else None

    def _all_simple(self, function: Function, given: list[tuple[str, ast.expr]]) -> bool:
        stored = bound_again(function)
        return not stored and all(self._is_simple(value) for _name, value in given)

    def _fresh(self) -> ast.Name:
        self._count += 1
        return ast.Name(f"{LOCAL}{self._count}")

    def _is_simple(self, value: ast.expr) -> bool:
        """Whether a value may be looked at later and more than once: nothing that the function does can change it."""
        if isinstance(value, ast.Constant):
            return True
        return isinstance(value, ast.Name) and (":" not in value.id or value.id not in self._stored)


def bound_again(function: Function) -> set[str]:
    """Names that a function sets, its parameters only if it sets them anew."""
    bare = ast.FunctionDef(function.name, ast.arguments([], [], None, [], [], None, []), function.body, [])
    return bound(bare)


def _ends(function: Function) -> bool:
    """Whether a function returns at its end only."""
    returns = [one for statement in function.body for one in walk(statement) if isinstance(one, ast.Return)]
    return not returns or returns == function.body[-1:]


def _is_expression(function: Function) -> bool:
    """Whether a function does nothing but return what it works out."""
    return len(function.body) == 1 and isinstance(function.body[0], ast.Return) and function.body[0].value is not None


class _Rename(Rewriter):
    def __init__(self, means: dict[str, ast.expr]) -> None:
        super().__init__()
        self._means = means

    def visit_Name(self, node: ast.Name) -> ast.expr:
        meaning = self._means.get(node.id)
        return ast.Name(meaning.id, node.ctx) if isinstance(meaning, ast.Name) else meaning or node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self._named(node.name)
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.asname = self._named(node.asname)
        return node

    def _named(self, name: str | None) -> str | None:
        meaning = self._means.get(name or "")
        return meaning.id if isinstance(meaning, ast.Name) else name
