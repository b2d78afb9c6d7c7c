# ruff: noqa: N802  visitors are called after what they visit
"""Forms that mean the same and compile to fewer bytes, in files that are otherwise ready to be written.

* A class without functions is made by ``type``: a class statement costs a function and two names.
* A tuple that is only gone through is a list: the compiler keeps a constant tuple as an object, with its numbers as decimal text.
"""

import ast

from provisioning.firmware.join import File
from provisioning.firmware.nodes import Rewriter


def tersed(files: list[File]) -> None:
    """Rewrite files whose names are short."""
    rewrite = _Terse()
    for file in files:
        for part in file.parts:
            part.body = [rewrite.visit(node) for node in part.body]


class _Terse(Rewriter):
    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        values: list[tuple[ast.expr, ast.expr]] = []
        for one in node.body:
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and len(one.targets) == 1:
                values.append((ast.Constant(one.targets[0].id), one.value))
            elif not isinstance(one, ast.Pass):
                return node
        held = ast.Dict([key for key, _value in values], [value for _key, value in values])
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
