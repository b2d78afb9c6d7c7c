"""A function whose result nobody looks at returns what it called last: to drop that and to return None takes two bytes more."""

import ast
from collections import Counter

from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import parts, walk, walked
from provisioning.firmware.scopes import FUNCTIONS


def returned(files: list[File], fixed: set[str]) -> None:
    """Rewrite joined files, all that are loaded together, whose names are not short yet; ``fixed`` are attributes that others ask for."""
    statements = [node for file in files for node in file.statements()]
    nodes = walked(statements)
    kept = fixed | ATTRIBUTES | {name for file in files for name in file.exports}
    asked = Counter(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    )
    dropped = Counter(_called(node.value) for node in nodes if isinstance(node, ast.Expr))
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in kept or node.decorator_list:
            continue
        if node.name[:2] == "__" or asked[node.name] != dropped[node.name] or _gives(node):
            continue
        _return_early(node)
        _return_last(node.body)


def _called(value: ast.expr) -> str:
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call):
        return ""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _gives(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is called for more than once: it yields."""
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in walk(node))


def _return_last(body: list[ast.stmt]) -> None:
    last = body[-1]
    if isinstance(last, ast.Expr) and _called(last.value):
        body[-1] = ast.Return(last.value)
    elif isinstance(last, ast.If) and last.orelse:
        _return_last(last.body)
        _return_last(last.orelse)


def _return_early(node: ast.AST) -> None:
    """As above, where a call is followed by a return of nothing."""
    for inner in parts(node):
        if not isinstance(inner, FUNCTIONS):
            _return_early(inner)
    for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
        match block:
            case [*_, ast.Expr(value), ast.Return(None | ast.Constant(None))] if _called(value):
                block[-2:] = [ast.Return(value)]
