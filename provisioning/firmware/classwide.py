"""What each object of a class begins with is kept once, by the class: a constant there takes a byte less than in ``__init__``.

Only constants that are set before anything else can have the object, under names that no class has
otherwise, and no kin sets when it is made.
"""

import ast

from provisioning.firmware.families import class_names, families
from provisioning.firmware.fold import is_constant
from provisioning.firmware.join import File
from provisioning.firmware.nodes import walk


def shared(files: list[File]) -> None:
    """Rewrite joined files, all that are loaded together, whose names are not short yet."""
    classes = [node for file in files for node in file.statements() if isinstance(node, ast.ClassDef)]
    taken = {one.id if isinstance(one, ast.Name) else one.name for node in classes for one in class_names(node)}
    kin = families({node.name: node for node in classes})
    sets = {
        node.name: {one.attr for made in _makers(node) for one in walk(made) if isinstance(one, ast.Attribute)}
        for node in classes
    }
    for node in classes:
        others = {
            attr for name, attrs in sets.items() if name != node.name and kin[name] == kin[node.name] for attr in attrs
        }
        for made in _makers(node):
            begins = _begins(made, taken | others)
            made.body = [one for one in made.body if one not in begins] or [ast.Pass()]
            node.body[:0] = [ast.Assign([ast.Name(_name(one), ast.Store())], one.value, lineno=0) for one in begins]


def _makers(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]


def _begins(made: ast.FunctionDef, taken: set[str]) -> list[ast.Assign]:
    """The statements that set constants."""
    itself = made.args.args[0].arg
    found: list[ast.Assign] = []
    seen: set[str] = set()
    for one in made.body:
        nodes = walk(one)
        named = [node for node in nodes if isinstance(node, ast.Name) and node.id == itself]
        asked = [node for node in nodes if isinstance(node, ast.Attribute) and node.value in named]
        handed = any(isinstance(node, ast.Name) and node.id == "super" for node in nodes)
        if (
            handed
            or len(asked) < len(named)
            or any(isinstance(node, ast.Call) and node.func in asked for node in nodes)
        ):
            break  # somebody else has the object now
        is_set = isinstance(one, ast.Assign) and one.targets == asked and is_constant(one.value)
        if isinstance(one, ast.Assign) and is_set and asked[0].attr not in taken | seen:
            found.append(one)
        seen.update(node.attr for node in asked)
    return found


def _name(one: ast.Assign) -> str:
    target = one.targets[0]
    return target.attr if isinstance(target, ast.Attribute) else ""
