# ruff: noqa: N802  visitors are called after what they visit
"""A function or property that is no more than an expression stands where it is asked for, if that takes fewer bytes than to ask.

Bytes are estimates: one for what names a local value or works on two, two for what names anything else, a dozen for a function.
"""

import ast
import copy
from collections import Counter

from provisioning.firmware.families import class_names, tell_apart
from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, walk, walked
from provisioning.firmware.scopes import COMPREHENSIONS, FUNCTIONS
from provisioning.firmware.shorten import asked_of_modules

FUNCTION_BYTES = 12
PROPERTY_BYTES = 16
ASKING_BYTES = 4
"""Of a function; of a property half."""
SAVES = 1
"""At least so many bytes."""
ROUNDS = 3
"""What stands in another then may make that one small."""


def spread(files: list[File], fixed: set[str]) -> None:
    """Rewrite joined and pruned files, all that are loaded together; attributes in ``fixed`` are not the firmware's alone."""
    for _ in range(ROUNDS):
        statements = [node for file in files for node in file.statements()]
        tell_apart(statements)
        kept = (
            fixed
            | ATTRIBUTES
            | asked_of_modules(walked(statements))
            | {name for file in files for name in file.exports}
        )
        small = _small(statements, kept)
        uses = _Uses(small)
        for node in statements:
            uses.visit(node)
        chosen = {name: one for name, one in small.items() if uses.saves(name, one)}
        if not chosen:
            return
        put = _Uses(chosen, replace=True)
        for file in files:
            for part in file.parts:
                part.body = [put.visit(node) for node in part.body]


class _Small:
    """An expression with parameters."""

    def __init__(self, node: ast.FunctionDef, value: ast.expr) -> None:
        self.is_property = bool(node.decorator_list)
        self.names = [arg.arg for arg in node.args.args]
        self.defaults = dict(zip(reversed(self.names), reversed(node.args.defaults), strict=False))
        self.value = value
        named = Counter(one.id for one in walk(value) if isinstance(one, ast.Name))
        self.named = [named[name] for name in self.names]
        self.weight = sum(_weight(one) for one in walk(value)) - sum(self.named)

    def given(self, receiver: ast.expr | None, call: ast.Call | None) -> dict[str, ast.expr] | None:
        """What each parameter is in this place; None if it cannot stand in the expression."""
        values = [*([receiver] if receiver else []), *(call.args if call else [])]
        if len(values) > len(self.names) or any(isinstance(value, ast.Starred) for value in values):
            return None
        means = {**self.defaults, **dict(zip(self.names, values, strict=False))}
        means.update({word.arg or "": word.value for word in (call.keywords if call else [])})
        if sorted(means) != sorted(self.names):
            return None
        for name, count in zip(self.names, self.named, strict=True):
            if not _is_local(means[name]) and not (count == 1 and means[name] is receiver and _is_chain(receiver)):
                return None
        return means


class _Uses(Rewriter):
    """Looks at all places in which something small is asked for, and puts it there."""

    def __init__(self, small: dict[str, _Small], *, replace: bool = False) -> None:
        super().__init__()
        self._small = small
        self._replace = replace
        self._asked: Counter[str] = Counter()
        self._fits: Counter[str] = Counter()

    def saves(self, name: str, one: _Small) -> bool:
        """Whether to ask for it in each place takes more bytes, and none has to."""
        count = self._fits[name]
        asking = ASKING_BYTES // 2 if one.is_property else ASKING_BYTES
        own = (PROPERTY_BYTES if one.is_property else FUNCTION_BYTES) + one.weight + sum(one.named)
        return 0 < count == self._asked[name] and own + count * (asking - one.weight) >= SAVES

    def visit_Name(self, node: ast.Name) -> ast.expr:
        self._asked[node.id] += 1
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        self._asked[node.attr] += 1
        one = self._small.get(node.attr)
        if one is None or not one.is_property or not isinstance(node.ctx, ast.Load):
            return node
        return self._put(node.attr, one, node, node.value, None)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        one = self._small.get(name)
        if one is None or one.is_property:
            return node
        return self._put(name, one, node, node.func.value if isinstance(node.func, ast.Attribute) else None, node)

    def _put(
        self, name: str, one: _Small, node: ast.expr, receiver: ast.expr | None, call: ast.Call | None
    ) -> ast.expr:
        means = one.given(receiver, call)
        if means is None:
            return node
        self._fits[name] += 1
        return _Rename(means).visit(copy.deepcopy(one.value)) if self._replace else node


class _Rename(Rewriter):
    def __init__(self, means: dict[str, ast.expr]) -> None:
        super().__init__()
        self._means = means

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._means.get(node.id, node)


def _small(statements: list[ast.stmt], kept: set[str]) -> dict[str, _Small]:
    """By name, what is an expression and the only one of its name."""
    nodes = walked(statements)
    classes = [node for node in statements if isinstance(node, ast.ClassDef)]
    functions = [node for body in [statements, *(node.body for node in classes)] for node in body]
    named = Counter(one.id if isinstance(one, ast.Name) else one.name for node in classes for one in class_names(node))
    named.update(node.attr for node in nodes if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load))
    named.update(node.name for node in statements if isinstance(node, ast.FunctionDef))
    found = {}
    for node in functions:
        value = _expression(node)
        if isinstance(node, ast.FunctionDef) and value is not None and named[node.name] == 1 and node.name not in kept:
            found[node.name] = _Small(node, value)
    return found


def _expression(node: ast.stmt) -> ast.expr | None:
    """What a function works out, if that is all that it does, and with nothing but its parameters."""
    if not isinstance(node, ast.FunctionDef) or len(node.body) > 1 or not isinstance(node.body[0], ast.Return):
        return None
    args, value = node.args, node.body[0].value
    decorators = [one.id for one in node.decorator_list if isinstance(one, ast.Name)]
    if args.vararg or args.kwarg or args.kwonlyargs or len(decorators) < len(node.decorator_list):
        return None
    if decorators not in ([], ["property"]) or not all(isinstance(one, ast.Constant) for one in args.defaults):
        return None
    tied = (*FUNCTIONS, *COMPREHENSIONS, ast.Await, ast.Yield, ast.YieldFrom)
    if value is None or any(
        isinstance(one, tied) or getattr(one, "id", "") in {node.name, "super"} for one in walk(value)
    ):
        return None
    return value


def _weight(node: ast.AST) -> int:
    """Bytes of a node, about."""
    if isinstance(node, ast.Attribute | ast.Call | ast.BoolOp | ast.Name | ast.Constant | ast.Tuple | ast.List):
        return 2 if not isinstance(node, ast.Name) or ":" in node.id else 1
    return 5 if isinstance(node, ast.IfExp) else 1


def _is_local(value: ast.expr) -> bool:
    """Whether it may be looked at anywhere in an expression, and more than once."""
    return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and ":" not in value.id)


def _is_chain(value: ast.expr | None) -> bool:
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name) and ":" not in value.id
