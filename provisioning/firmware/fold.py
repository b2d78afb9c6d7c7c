# ruff: noqa: N802  visitors are called after what they visit
"""What is known when the firmware is built: constants stand where their names stood, and branches that are never taken are gone.

A constant is a name of a module, an attribute of one class (``tracing = False``), or a name of a function, that is set once: to a number, a
text, bytes or None; or one of MicroPython's that is the same on every board.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator

from provisioning.firmware.families import class_names
from provisioning.firmware.join import File
from provisioning.firmware.nodes import Rewriter, walk, walked
from provisioning.firmware.scopes import LOCAL

INLINED = (int, str, bytes, type(None))
MOST_BITS = 512
WIDE_BITS = 128
"""A number that is wider stays where it is named: each place that has it looks it up, and the file has it once."""
ERRORS = {"ENOENT": 2, "EIO": 5}
"""Numbers of errors that are the same wherever MicroPython runs; others are not."""
_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitXor: lambda a, b: a ^ b,
}


def folded(files: list[File], fixed: set[str], given: dict[str, bool] | None = None) -> None:
    """Rewrite joined files, all that are loaded together.

    Args:
        files: those that are loaded together.
        fixed: attributes that are not the firmware's alone.
        given: names of modules that are known to be something else than the source says.
    """
    nodes = [node for file in files for node in walked(file.statements())]
    once = {name for name, count in Counter(_sets(nodes)).items() if count == 1} - _compared_as_objects(nodes)
    fold = _Fold(_constant_attributes(nodes, fixed))
    fold.names = {name: ast.Constant(value) for name, value in (given or {}).items()}
    once -= {name for file in files for name in file.exports}
    for file in files:
        for part in file.parts:
            for place, node in enumerate(part.body):
                part.body[place] = fold.visit(node)
                for name, value in _constants(part.body[place]):
                    if name in once:
                        fold.names.setdefault(name, value)
    for file in files:  # names that stood before their value did
        for part in file.parts:
            part.body = [_Locals().visit(fold.visit(node)) for node in part.body]


def is_constant(node: ast.AST | None) -> bool:
    """Whether a node is a value that may stand anywhere."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, INLINED):
        return False
    return type(node.value) is not int or node.value.bit_length() <= WIDE_BITS


def _sets(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id


def _constants(node: ast.AST) -> Iterator[tuple[str, ast.Constant]]:
    """Names that a statement sets to constants."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and is_constant(node.value):
        yield from ((name.id, node.value) for name in node.targets if isinstance(name, ast.Name))


def _compared_as_objects(nodes: list[ast.AST]) -> set[str]:
    """Names whose value has to stay one object."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Compare) and any(isinstance(how, ast.Is | ast.IsNot) for how in node.ops):
            found.update(one.id for one in (node.left, *node.comparators) if isinstance(one, ast.Name))
    return found


def _constant_attributes(nodes: list[ast.AST], fixed: set[str]) -> dict[str, ast.Constant]:
    """Attributes that one class sets in its body, and nothing anywhere else."""
    stored = {node.attr for node in nodes if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)}
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    names = [one.id if isinstance(one, ast.Name) else one.name for node in classes for one in class_names(node)]
    values = dict(found for node in classes for one in node.body for found in _constants(one))
    return {name: value for name, value in values.items() if names.count(name) == 1 and name not in stored | fixed}


class _Fold(Rewriter):
    def __init__(self, attributes: dict[str, ast.Constant]) -> None:
        super().__init__()
        self.names: dict[str, ast.Constant] = {}
        self._attributes = attributes

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if type(block) is list:
                block[:] = _reached(block) or [ast.Pass()] * (field == "body")
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.names.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A constant attribute, asked of what may as well not be looked at."""
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if node.attr in ERRORS and isinstance(node.value, ast.Name) and node.value.id == "errno":
            return ast.Constant(ERRORS[node.attr])
        if node.attr in self._attributes and isinstance(inner, ast.Name):
            return self._attributes[node.attr]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        work = _ARITHMETIC.get(type(node.op))
        if work is None or not isinstance(node.left, ast.Constant) or not isinstance(node.right, ast.Constant):
            return node
        a, b = node.left.value, node.right.value
        if (
            type(a) is int
            and type(b) is int
            and (not isinstance(node.op, ast.LShift | ast.RShift) or 0 <= b < MOST_BITS)
        ):
            return ast.Constant(work(a, b))
        if isinstance(node.op, ast.Add) and isinstance(a, str) and isinstance(b, str):
            return ast.Constant(a + b)
        if isinstance(node.op, ast.Mod) and isinstance(a, str) and isinstance(b, int | str):
            return ast.Constant(a % b)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.operand, ast.Constant):
            return node
        if isinstance(node.op, ast.USub) and type(node.operand.value) is int:
            return ast.Constant(-node.operand.value)
        return ast.Constant(not node.operand.value) if isinstance(node.op, ast.Not) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """What comes after a value that decides is never looked at; what does not decide goes."""
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        kept: list[ast.expr] = []
        for place, value in enumerate(node.values):
            last = place == len(node.values) - 1
            if isinstance(value, ast.Constant) and bool(value.value) is not decides and not last:
                continue
            kept.append(value)
            if isinstance(value, ast.Constant) and bool(value.value) is decides:
                break
        node.values = kept
        return node if len(kept) > 1 else kept[0]

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if (
            isinstance(node.test, ast.BoolOp)
            and isinstance(node.test.op, ast.And)
            and all(map(_is_looked_at, node.test.values))
        ):
            last = node.test.values[-1]
            node.test = last if isinstance(last, ast.Constant) and not last.value else node.test
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        return node


def _is_looked_at(value: ast.expr) -> bool:
    """Whether nothing is called to work it out."""
    return not any(isinstance(node, ast.Call | ast.Await) for node in walk(value))


def _reached(block: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that are ever come to, without those that do nothing."""
    ends = [
        place for place, node in enumerate(block) if isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break)
    ]
    return [node for node in block[: ends[0] + 1 if ends else None] if not isinstance(node, ast.Pass)]


class _Locals(Rewriter):
    """Constants of functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        nodes = walk(node)
        once = {name for name, count in Counter(_sets(nodes)).items() if count == 1} - _compared_as_objects(nodes)
        once -= {name for one in nodes if isinstance(one, ast.ExceptHandler | ast.alias) for name in _bound(one)}
        once -= {
            name.arg
            for one in nodes
            if isinstance(one, ast.arguments)
            for name in walk(one)
            if isinstance(name, ast.arg)
        }
        split = _Split({name for name in once if name.startswith(LOCAL)})
        node = split.visit(node)
        if split.names:
            fold = _Fold({})
            fold.names = split.names
            node = fold.visit(node)
        return node


def _bound(node: ast.ExceptHandler | ast.alias) -> set[str | None]:
    return {node.name} if isinstance(node, ast.ExceptHandler) else {node.asname, node.name}


class _Split(Rewriter):
    """Takes constants out of assignments."""

    def __init__(self, once: set[str]) -> None:
        super().__init__()
        self._once = once
        self.names: dict[str, ast.Constant] = {}

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target, value = node.targets[0], node.value
        if len(node.targets) > 1:
            return node
        if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple) or len(target.elts) != len(value.elts):
            return ast.Pass() if self._takes(target, value) else node
        pairs = [pair for pair in zip(target.elts, value.elts, strict=True) if not self._takes(*pair)]
        if len(pairs) > 1:
            target.elts, value.elts = [list(side) for side in zip(*pairs, strict=True)]
            return node
        return ast.Assign([pairs[0][0]], pairs[0][1], lineno=0) if pairs else ast.Pass()

    def _takes(self, target: ast.expr, value: ast.expr) -> bool:
        if (
            isinstance(target, ast.Name)
            and target.id in self._once
            and isinstance(value, ast.Constant)
            and is_constant(value)
        ):
            self.names[target.id] = value
            return True
        return False
