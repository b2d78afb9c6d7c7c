# ruff: noqa: N802  visitors are called after what they visit
"""A function's statements without their returns, so that they can stand in another function: what is returned is set instead.

``if a: return b`` becomes ``if a: value = b``, and what came after it stands under ``else``. A loop is broken, if nothing else breaks it.
"""

import ast
import copy

from provisioning.firmware.nodes import Rewriter, walk

MOST = 6
"""Returns; each costs a jump, and more than these cost more than a call."""


def returns(body: list[ast.stmt]) -> list[ast.Return]:
    """All of them."""
    return [node for statement in body for node in walk(statement) if isinstance(node, ast.Return)]


def settled(body: list[ast.stmt], value: ast.Name | None) -> list[ast.stmt] | None:
    """The statements with ``value`` set to what they return, or with nothing set; None if they cannot do without returns."""
    if len(returns(body)) > MOST:
        return None
    for place, node in enumerate(body):
        if isinstance(node, ast.Return):
            return [*body[:place], *_set(value, node.value)]
        if not returns([node]):
            continue
        inner = _inside(node, body[place + 1 :], value)
        return None if inner is None else [*body[:place], inner]
    if body and isinstance(body[-1], ast.Raise):
        return body
    return [*body, *_set(value, None)]


def ends(body: list[ast.stmt]) -> bool:
    """Whether nothing after these statements is reached."""
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return ends(last.body) and ends(last.orelse)
    if isinstance(last, ast.With):
        return ends(last.body)
    if isinstance(last, ast.Try):
        return ends(last.orelse or last.body) and all(ends(handler.body) for handler in last.handlers)
    return isinstance(last, ast.Return | ast.Raise)


def _inside(node: ast.stmt, rest: list[ast.stmt], value: ast.Name | None) -> ast.stmt | None:
    """A statement with returns in it, and what comes after it."""
    if isinstance(node, ast.If):
        yes, no = node.body, node.orelse
        if rest and not ends(yes) and not ends(no):
            return None
        first = settled(yes if ends(yes) else [*yes, *rest], value)
        second = settled([*no, *rest] if ends(yes) else no, value)
        if first is None or second is None:
            return None
        return ast.If(node.test, first or [ast.Pass()], second)
    if isinstance(node, ast.For | ast.While):
        return _broken(node, rest, value)
    if rest and not ends([node]):
        return None
    if isinstance(node, ast.With):
        inner = settled(node.body, value)
        return None if inner is None else ast.With(node.items, inner, lineno=0)
    if isinstance(node, ast.Try) and not node.orelse and not returns(node.finalbody):
        bodies = [settled(one, value) for one in (node.body, *(handler.body for handler in node.handlers))]
        whole = [one for one in bodies if one is not None]
        if len(whole) < len(bodies):
            return None
        handlers = [
            ast.ExceptHandler(handler.type, handler.name, one or [ast.Pass()])
            for handler, one in zip(node.handlers, whole[1:], strict=True)
        ]
        return ast.Try(whole[0] or [ast.Pass()], handlers, [], node.finalbody)
    return None


def _broken(node: ast.For | ast.While, rest: list[ast.stmt], value: ast.Name | None) -> ast.stmt | None:
    inner = [one for statement in node.body for one in walk(statement)]
    if node.orelse or any(isinstance(one, ast.Break | ast.For | ast.While | ast.AsyncFor) for one in inner):
        return None
    after = settled(rest, value)
    if after is None:
        return None
    for_ever = isinstance(node, ast.While) and isinstance(node.test, ast.Constant)
    body = [_Breaks(value).visit(one) for one in copy.deepcopy(node.body)]
    if isinstance(node, ast.While):
        return ast.While(node.test, body, [] if for_ever else after)
    return ast.For(node.target, node.iter, body, after, lineno=0)


class _Breaks(Rewriter):
    """Breaks a loop where it returned."""

    def __init__(self, value: ast.Name | None) -> None:
        super().__init__()
        self._value = value

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        return [*_set(self._value, node.value), ast.Break()]


def _set(value: ast.Name | None, to: ast.expr | None) -> list[ast.stmt]:
    if value is not None:
        return [ast.Assign([ast.Name(value.id, ast.Store())], to or ast.Constant(None), lineno=0)]
    return [] if to is None or isinstance(to, ast.Name | ast.Constant) else [ast.Expr(to)]
