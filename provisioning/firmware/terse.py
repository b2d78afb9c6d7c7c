# ruff: noqa: N802  visitors are called after what they visit
"""Forms that mean the same and compile to fewer bytes, in files that are otherwise ready to be written.

* A class without functions is made by a call: a class statement costs a function and two names.
* A tuple that is only gone through is a list: the compiler keeps a constant tuple as an object, with its numbers as decimal text.
"""

import ast

from provisioning.firmware.join import File
from provisioning.firmware.nodes import Rewriter
from provisioning.firmware.pack import PLAIN_CLASS, values_of


def tersed(files: list[File], names: dict[str, list[str]]) -> None:
    """Rewrite files whose names are short, and stand for ``names``."""
    makers = [short for short, stands_for in names.items() if PLAIN_CLASS.replace(":", ".") in stands_for]
    rewrite = _Terse(makers)
    for file in files:
        for part in file.parts:
            part.body = [rewrite.visit(node) for node in part.body]


class _Terse(Rewriter):
    def __init__(self, makers: list[str]) -> None:
        super().__init__()
        self._makers = makers

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        values = values_of(node)
        if values is None:
            return node
        if self._makers:
            words = [ast.keyword(name, value) for name, value in values]
            made = ast.Call(ast.Name(self._makers[0]), [ast.Constant(node.name), node.bases[0]], words)
        else:
            held = ast.Dict([ast.Constant(name) for name, _value in values], [value for _name, value in values])
            made = ast.Call(ast.Name("type"), [ast.Constant(node.name), ast.Tuple(node.bases), held], [])
        return ast.Assign([ast.Name(node.name)], made, lineno=0)

    def visit_For(self, node: ast.For) -> ast.AST:
        node.iter = _listed(node.iter)
        return self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.iter = _listed(node.iter)
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if isinstance(node.ops[-1], ast.In | ast.NotIn):
            node.comparators[-1] = _listed(node.comparators[-1])
        return self.generic_visit(node)


def _listed(value: ast.expr) -> ast.expr:
    return ast.List(value.elts) if isinstance(value, ast.Tuple) else value
