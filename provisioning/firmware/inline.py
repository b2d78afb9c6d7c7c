# ruff: noqa: N802  visitors are called after what they visit
"""A function that is called in one place stands there instead: a function of its own costs some twenty bytes, and its call a few more.

Only calls with which the work of a statement begins, for its statements then come before that one. Arguments are worked out once, in order,
before the rest, as in a call. Names that a function brings with it are free again after the statement, for the first sixteen are cheaper.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any

from provisioning.firmware.families import class_names, tell_apart
from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, walk, walked
from provisioning.firmware.returns import ends, returns, settled
from provisioning.firmware.scopes import COMPREHENSIONS, FUNCTIONS, LOCAL, bound

Function = ast.FunctionDef | ast.AsyncFunctionDef
STAYS = (*FUNCTIONS, ast.ClassDef, ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal)
"""What ties code to its own function."""
TIED = (ast.Lambda, ast.GeneratorExp, ast.Await)
"""What may be looked at when a round of a loop is over, or may not stand in one."""
_AS_EXPRESSION, _FOR_NOTHING, _FOR_VALUE, _WITH_RETURNS = range(4)
"""What is wanted where a function is called: an expression, its work alone, what it returns, or that its caller returns this."""


def inlined(files: list[File], fixed: set[str]) -> None:
    """Rewrite joined, folded and pruned files, all that are loaded together; attributes in ``fixed`` are not the firmware's alone."""
    statements = [node for file in files for node in file.statements()]
    tell_apart(statements)
    nodes = walked(statements)
    kept = fixed | ATTRIBUTES | {name for file in files for name in file.exports}
    asked = Counter(name for node in nodes for name in _asked(node))
    named = Counter(one.id if isinstance(one, ast.Name) else one.name for one in _defined(statements))
    once = {
        name
        for name, count in asked.items()
        if count == 1 and named[name] == 1 and name not in kept and name[:2] != "__"
    }
    work = _Inline(once, {name for node in nodes for name in _stored(node)})
    bodies = [statements, *(node.body for node in statements if isinstance(node, ast.ClassDef))]
    functions = [(node, body is not statements) for body in bodies for node in body if isinstance(node, Function)]
    work.bodies = {node.name: node for node, is_method in functions if _may_move(node, is_method=is_method)}
    for node, _is_method in functions:
        work.finish(node)


def _asked(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Load) else [node.id] * 2
    if isinstance(node, ast.Attribute):
        return [node.attr] if isinstance(node.ctx, ast.Load) else [node.attr] * 2
    return node.names * 2 if isinstance(node, ast.Global) else []


def _stored(node: ast.AST) -> list[str]:
    if not isinstance(getattr(node, "ctx", None), ast.Store):
        return []
    return [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []


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
        self.bodies: dict[str, Function] = {}
        self._once = once
        self._stored = stored
        self._within: list[Function] = []
        self._finished: set[int] = set()
        self._count = 0

    def finish(self, node: Function) -> None:
        """Put into this function what only it calls."""
        if id(node) in self._finished:
            return
        self._finished.add(id(node))
        if any(isinstance(one, ast.Nonlocal) for one in walk(node)):
            return  # a function inside may change what arguments say
        self._within.append(node)
        count = self._count
        self.generic_visit(node)
        self._count = count
        self._within.pop()

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt):
            self._count = 0  # what the statement before brought with it is over: its names are free
        return node if isinstance(node, (ast.arguments, *FUNCTIONS, *COMPREHENSIONS)) else super().visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Within an expression stands what is one itself, if its arguments need no working out."""
        self.generic_visit(node)
        moved = self._moved(node, _AS_EXPRESSION)
        return moved[1] if moved else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        moved = self._moved(node.value, _FOR_NOTHING)
        return moved[0] if moved else self._begun(node, "value")

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        return self._begun(node, "value")

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        return self._begun(node, "value") if isinstance(node.target, ast.Name) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        return self._begun(node, "test")

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        return self._begun(node, "iter")

    def visit_Raise(self, node: ast.Raise) -> ast.AST | list[ast.stmt]:
        return self._begun(node, "exc")

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        moved = self._moved(node.value, _WITH_RETURNS)
        return moved[0] if moved else self._begun(node, "value")

    def _begun(self, node: ast.stmt, field: str) -> list[ast.stmt]:
        """A statement, after what a call brings with which its work begins."""
        before = self._taken_out(node, field)
        self.generic_visit(node)
        return [*before, node]

    def _taken_out(self, node: ast.AST, field: str, place: int | None = None) -> list[ast.stmt]:
        """The statements that have to come before this part of a node, which loses the call that they stand for."""
        held = getattr(node, field)
        value = held if place is None else held[place]
        moved = self._moved(value, _FOR_VALUE)
        if moved is None:
            for inner in self._in_order(value):
                part = getattr(value, inner[0]) if len(inner) < 2 else getattr(value, inner[0])[inner[1]]
                if not self._is_simple(part):
                    return self._receiver(value, self._taken_out(value, *inner))
            return []
        if place is None:
            setattr(node, field, moved[1])
        else:
            held[place] = moved[1]
        return moved[0]

    def _in_order(self, value: ast.expr | None) -> list[tuple[str, *tuple[int, ...]]]:
        """The parts of an expression that are always worked out, in order, as far as is known."""
        if isinstance(value, ast.Call):
            asked = value.func
            if isinstance(asked, ast.Attribute) and (asked.attr in self._stored or _root(asked.value) is None):
                return [("func",)]
            return [("args", place) for place in range(len(value.args))]
        if isinstance(value, ast.BoolOp):
            return [("values", 0)]
        if isinstance(value, ast.Tuple | ast.List):
            return [("elts", place) for place in range(len(value.elts))]
        if isinstance(value, ast.Attribute | ast.Subscript | ast.Await | ast.Starred):
            return [("value",)]
        if isinstance(value, ast.UnaryOp):
            return [("operand",)]
        if isinstance(value, ast.BinOp):
            return [("left",), ("right",)]
        if isinstance(value, ast.Compare):
            return [("left",), ("comparators", 0)]
        return [("test",)] if isinstance(value, ast.IfExp) else []

    def _receiver(self, value: ast.expr | None, before: list[ast.stmt]) -> list[ast.stmt]:
        """What comes before a call, after what is called was looked at."""
        if not before or not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
            return before
        if self._is_simple(value.func.value):
            return before
        fresh = self._fresh()
        before = [ast.Assign([ast.Name(fresh.id, ast.Store())], value.func.value, lineno=0), *before]
        value.func.value = fresh
        return before

    def _moved(self, call: ast.expr | None, how: int) -> tuple[list[ast.stmt], ast.expr] | None:
        """The statements of the function that is called, and what it returns; None if it has to be called."""
        if isinstance(call, ast.ListComp | ast.DictComp) and how == _FOR_VALUE:
            return self._looped(call)
        waits = isinstance(call, ast.Await)
        call = call.value if isinstance(call, ast.Await) else call
        if not isinstance(call, ast.Call):
            return None
        function = self._called(call.func)
        if function is None or function in self._within or isinstance(function, ast.AsyncFunctionDef) != waits:
            return None
        receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        given = self._given(function, receiver, call)
        if given is None:
            return None
        self.finish(function)
        if how == _AS_EXPRESSION:
            fits = _is_expression(function) and all(self._is_simple(value) for _name, value in given)
        else:
            fits = how == _WITH_RETURNS or settled(function.body, None) is not None
        return self._renamed(function, given, how) if fits else None

    def _looped(self, made: ast.ListComp | ast.DictComp) -> tuple[list[ast.stmt], ast.expr] | None:
        """A loop that makes a list or map; None if something in it outlives a round."""
        first = made.generators[0]
        if len(made.generators) > 1 or first.is_async or any(isinstance(one, TIED) for one in walk(made)):
            return None
        all_of_it = self._fresh()
        rename = _Rename({name: self._fresh() for name in sorted(bound(made))})
        target, tests = rename.visit(first.target), [rename.visit(test) for test in first.ifs]
        if isinstance(made, ast.ListComp):
            adding = ast.Attribute(all_of_it, "append", ast.Load())
            body: ast.stmt = ast.Expr(ast.Call(adding, [rename.visit(made.elt)], []))
        else:
            key, value = rename.visit(made.key), rename.visit(made.value)
            body = ast.Assign([ast.Subscript(all_of_it, key, ast.Store())], value, lineno=0)
        for test in reversed(tests):
            body = ast.If(test, [body], [])
        empty = ast.List([], ast.Load()) if isinstance(made, ast.ListComp) else ast.Dict([], [])
        begin = ast.Assign([ast.Name(all_of_it.id, ast.Store())], empty, lineno=0)
        return [begin, ast.For(target, first.iter, [body], [], lineno=0)], all_of_it

    def _called(self, asked: ast.expr) -> Function | None:
        if isinstance(asked, ast.Name):
            return self.bodies.get(asked.id) if asked.id in self._once else None
        if not isinstance(asked, ast.Attribute) or asked.attr not in self._once:
            return None
        itself = _root(asked.value)
        if itself is None or (not itself.startswith(LOCAL) and itself not in bound(self._within[-1])):
            return None  # of a class, or of something that is not the firmware's
        return self.bodies.get(asked.attr)

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
        self, function: Function, given: list[tuple[str, ast.expr]], how: int
    ) -> tuple[list[ast.stmt], ast.expr]:
        stored = bound_again(function)
        means: dict[str, ast.expr] = {}
        before: list[ast.stmt] = []
        for name, value in given:
            if name not in stored and self._is_simple(value):
                means[name] = value
                continue
            fresh = self._fresh()
            means[name] = fresh
            before.append(ast.Assign([ast.Name(fresh.id, ast.Store())], value, lineno=0))
        means.update((name, self._fresh()) for name in sorted(bound(function) - means.keys()))
        rename = _Rename(means)
        body = [rename.visit(node) for node in function.body]
        function.body = [ast.Pass()]
        gives: ast.expr = ast.Constant(None)
        if how == _WITH_RETURNS:
            body += [] if ends(body) else [ast.Return(None)]
        elif how == _FOR_NOTHING:
            body = settled(body, None) or []
        elif isinstance(last := body[-1], ast.Return) and returns(body) == [last]:
            body.pop()
            gives = last.value or gives
        elif returns(body):
            gives = self._fresh()
            body = settled(body, gives) or []
        return [*before, *body] or [ast.Pass()], gives

    def _fresh(self) -> ast.Name:
        self._count += 1
        return ast.Name(f"{LOCAL}{self._count}", ast.Load())

    def _is_simple(self, value: ast.expr) -> bool:
        """Whether a value may be looked at later and more than once: nothing that the function does can change it."""
        if isinstance(value, ast.Constant):
            return True
        return isinstance(value, ast.Name) and (":" not in value.id or value.id not in self._stored)


def _root(value: ast.expr) -> str | None:
    """The name that an expression is attributes of, if it is no more than that."""
    while isinstance(value, ast.Attribute):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None


def bound_again(function: Function) -> set[str]:
    """Names that a function sets, its parameters only if it sets them anew."""
    bare = ast.FunctionDef(function.name, ast.arguments([], [], None, [], [], None, []), function.body, [])
    return bound(bare)


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
