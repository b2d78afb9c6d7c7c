# ruff: noqa: N802  visitors are called after what they visit
"""Short names: what joined modules call each other is for people, and compiled code carries every name.

Renamed are names of modules (``module:name``) and attributes that the firmware itself sets, the same in every file. Never renamed: what
MicroPython's objects have, what is asked for as text, names with two underscores before them, what the root's files ask for.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from keyword import iskeyword

from provisioning.firmware.families import class_names, homes, is_set, tell_apart
from provisioning.firmware.join import File
from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.nodes import Rewriter, walk, walked
from provisioning.firmware.scopes import LETTERS, LOCAL, SourceError

FIRST = LETTERS + LETTERS.upper()
NEXT = FIRST + "0123456789"
PYTHONS = frozenset({"as", "do", "if", "in", "is", "or"})
BY_TEXT = frozenset({"getattr", "hasattr", "setattr", "delattr"})
INTERNED = 10
"""Texts of at most so many characters are names to the compiler."""
UNSEEN = frozenset({"eval", "exec", "globals", "locals", "vars", "dir", "__dict__"})
"""What looks for names in ways that no compiler can follow."""


def shortened(files: list[File], fixed: set[str]) -> dict[str, list[str]]:
    """Give the names of joined and pruned files short forms; what each short name stands for.

    Args:
        files: all that are loaded together.
        fixed: attributes that others ask for.

    Raises:
        SourceError: names are looked for in a way that cannot be followed.
    """
    body = [node for file in files for node in file.statements()]
    tell_apart(body)
    nodes = walked(body)
    exports = {name: name.split(":")[-1] for file in files for name in file.exports}
    fixed = fixed | ATTRIBUTES | asked_of_modules(nodes)
    attributes = _attributes(nodes, fixed)
    modules = Counter(name for name in _of_our_modules(nodes) if name not in exports)

    plain = {node.id for node in nodes if isinstance(node, ast.Name) and ":" not in node.id}
    plain |= {node.arg for node in nodes if isinstance(node, ast.arg)} | set(exports.values())
    places = _places(attributes, homes(body))
    shared: Counter[str] = Counter()
    for name, count in attributes.items():
        shared[places.get(name, name)] += count
    there = _there(nodes, fixed)
    in_turn = _given(shared, fixed, [*FIRST, *_often_first(there)])
    short_attributes = {name: in_turn[places.get(name, name)] for name in attributes}
    # An attribute hides a module's name while its class is made; the few that are looked up then get names of their own.
    looked_up = {name for node in nodes if isinstance(node, ast.ClassDef) for name in _looked_up(node)}
    there.update({name: shared[place] for place, name in in_turn.items()})
    short_modules = exports | _given(_only(modules, modules.keys() - looked_up), plain, _often_first(there))
    taken = plain | set(short_modules.values()) | set(short_attributes.values())
    short_modules |= _given(_only(modules, modules.keys() & looked_up), taken | there.keys(), [])

    rename = _Rename(short_modules, short_attributes)
    for file in files:
        for part in file.parts:
            part.body = [rename.visit(node) for node in part.body]
    stands_for: dict[str, set[str]] = {}
    for long, short in (short_modules | short_attributes).items():
        stands_for.setdefault(short, set()).add(long.replace(":", "."))
    return {short: sorted(stands_for[short]) for short in sorted(stands_for)}


def asked_by_text(nodes: list[ast.AST]) -> set[str]:
    """Attributes that are asked for as text.

    Raises:
        SourceError: the text is not known, and the object is not one of MicroPython's modules.
    """
    names = set()
    for node in nodes:
        if getattr(node, "id", getattr(node, "attr", None)) in UNSEEN:
            raise SourceError(f"{getattr(node, 'id', '__dict__')} looks for names that are shortened")
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in BY_TEXT:
            continue
        asked, text = node.args[0], node.args[1]
        if isinstance(text, ast.Constant):
            names.add(str(text.value))
        elif not isinstance(asked, ast.Name) or not _is_foreign(asked.id):
            raise SourceError(f"{ast.unparse(node)} asks for a name that is shortened")
    return names


def _attributes(nodes: list[ast.AST], fixed: set[str]) -> "Counter[str]":
    """How often each attribute is named that the firmware sets itself."""
    in_classes = [one for node in nodes if isinstance(node, ast.ClassDef) for one in class_names(node)]
    bodies = [one.id if isinstance(one, ast.Name) else one.name for one in in_classes]
    ours = set(bodies) | {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    ours = {name for name in ours - fixed if not name.startswith("__")}
    named = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return Counter(name for name in bodies + named if name in ours)


def _of_our_modules(nodes: list[ast.AST]) -> Iterator[str]:
    in_classes = {id(one) for node in nodes if isinstance(node, ast.ClassDef) for one in class_names(node)}
    for node in nodes:
        if id(node) in in_classes:
            continue
        if isinstance(node, ast.Name) and ":" in node.id:
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ":" in node.name:
            yield node.name


def asked_of_modules(nodes: list[ast.AST]) -> set[str]:
    """What MicroPython's modules are asked for."""
    asked = (node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {node.attr for node in asked if isinstance(node.value, ast.Name) and _is_foreign(node.value.id)}


def _is_foreign(name: str) -> bool:
    return ":" not in name and not name.startswith(LOCAL) and name not in LETTERS


def _looked_up(node: ast.ClassDef) -> Iterator[str]:
    """Names of modules that are looked up while a class is made."""
    for one in node.body:
        parts: list[ast.AST] = [one]
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [*one.decorator_list, *one.args.defaults, *(default for default in one.args.kw_defaults if default)]
        for name in (name for part in parts for name in walk(part) if isinstance(name, ast.Name)):
            if ":" in name.id and not is_set(name):
                yield name.id


def _places(attributes: "Counter[str]", homes: dict[str, set[str]]) -> dict[str, str]:
    """Attributes of unrelated families take turns: each shares a name with the first that no family of its own has."""
    places: dict[str, str] = {}
    held: list[set[str]] = []
    for name in _often_first(attributes):
        if name not in homes:
            continue
        place = next((place for place, families in enumerate(held) if families.isdisjoint(homes[name])), len(held))
        if place == len(held):
            held.append(set())
        held[place] |= homes[name]
        places[name] = f":{place}"
    return places


def _there(nodes: list[ast.AST], fixed: set[str]) -> "Counter[str]":
    """Names that compiled code has anyway, and how often: short texts, and what MicroPython's objects are asked for."""
    found = Counter(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    found.update(node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in fixed)
    return Counter(
        {
            name: count
            for name, count in found.items()
            if name.isidentifier() and len(name) <= INTERNED and name[:2] != "__" and not iskeyword(name)
        }
    )


def _given(counts: "Counter[str]", taken: set[str], first: Iterable[str]) -> dict[str, str]:
    """Short names, the first for what is named most; those in ``first`` before others."""
    short = (name for name in dict.fromkeys(chain(first, _short())) if name not in taken)
    return {long: next(short) for long in _often_first(counts)}


def _often_first(counts: "Counter[str]") -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _only(counts: "Counter[str]", names: set[str]) -> "Counter[str]":
    return Counter({name: counts[name] for name in names})


def _short() -> list[str]:
    return [*FIRST, *(one + two for one in FIRST for two in NEXT if one + two not in PYTHONS)]


class _Rename(Rewriter):
    def __init__(self, modules: dict[str, str], attributes: dict[str, str]) -> None:
        super().__init__()
        self._modules = modules
        self._attributes = attributes

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._modules.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._attributes.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._modules.get(name, name) for name in node.names]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._modules.get(node.name, node.name)
        own = list(class_names(node))
        self.generic_visit(node)
        for one in own:
            if isinstance(one, ast.Name):
                one.id = self._attributes.get(one.id, one.id)
            else:
                one.name = self._attributes.get(one.name, one.name)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._modules.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._modules.get(node.name, node.name)
        return self.generic_visit(node)
