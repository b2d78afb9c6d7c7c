"""Private attributes of unrelated classes told apart, so that each class may use the same short names.

A family is a class with those that it derives from. A name with one underscore is private if the firmware asks for it only through the
first parameter of its own family's methods; then it becomes ``family:name``. All other attributes keep one name wherever they are.
"""

import ast
from collections.abc import Iterator

from provisioning.firmware.nodes import walk, walked
from provisioning.firmware.scopes import SourceError


def is_private(name: str) -> bool:
    """Whether a name says that it is for its own class."""
    return name.startswith("_") and not name.startswith("__")


def is_set(node: ast.AST) -> bool:
    """Whether a node is a name that is being set."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def class_names(node: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Name]:
    """What sets an attribute of the class in its body: a function, or a name."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield one
        elif isinstance(one, ast.Assign):
            yield from (name for name in walk(one) if isinstance(name, ast.Name) and is_set(name))
        elif not isinstance(one, ast.Pass):
            raise SourceError(f"{node.name}: a class holds functions and values")


def tell_apart(body: list[ast.stmt]) -> None:
    """Rename the private attributes in these statements, which are all that there are."""
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    family = families(classes)
    mine: dict[int, str] = {}
    for name, made in classes.items():
        for one in class_names(made):
            if is_private(_name(one)):
                mine[id(one)] = family[name]
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.args.args and not _is_static(one):
                itself = one.args.args[0].arg
                mine.update(
                    (id(part), family[name]) for part in walk(one) if _is_of(part, itself) and is_private(_name(part))
                )
    nodes = walked(body)
    asked = {node.attr for node in nodes if isinstance(node, ast.Attribute) and id(node) not in mine}
    for node in nodes:
        if id(node) in mine and _name(node) not in asked:
            _rename(node, f"{mine[id(node)].replace(':', '.')}:{_name(node)}")


def homes(body: list[ast.stmt]) -> dict[str, set[str]]:
    """Families that have an attribute, by its name: it is set in the class, or through the first parameter of a method."""
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    family = families(classes)
    found: dict[str, set[str]] = {}
    for name, made in classes.items():
        for one in class_names(made):
            found.setdefault(_name(one), set()).add(family[name])
            if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) or not one.args.args or _is_static(one):
                continue
            itself = one.args.args[0].arg
            for part in walk(one):
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and _is_of(part, itself):
                    found.setdefault(part.attr, set()).add(family[name])
    return found


def families(classes: dict[str, ast.ClassDef]) -> dict[str, str]:
    """The class that speaks for each class's family."""
    head = {name: name for name in classes}

    def of(name: str) -> str:
        while head[name] != name:
            name = head[name]
        return name

    for name, node in classes.items():
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in classes:
                head[of(base.id)] = of(name)
    return {name: of(name) for name in classes}


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def _rename(node: ast.AST, name: str) -> None:
    if isinstance(node, ast.Attribute):
        node.attr = name
    elif isinstance(node, ast.Name):
        node.id = name
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.name = name


def _is_of(node: ast.AST, name: str) -> bool:
    """Whether a node asks for an attribute of what ``name`` stands for."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name


def _is_static(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list)
