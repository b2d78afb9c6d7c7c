# ruff: noqa: N802  visitors are called after what they visit
"""Texts for people take half their bytes: frequent pairs of characters become one code (see ``devices/firmware/texts.py``).

A text for people is one with a blank in it, in a function. No code looks for those in a hurry; they are for the console and for errors.
"""

import ast
import re
from collections import Counter
from pathlib import Path

from devices.firmware import texts
from provisioning.firmware.join import File, Part, bare
from provisioning.firmware.nodes import Rewriter
from provisioning.firmware.scopes import Meanings

UNPACKS = "devices.firmware.texts:text"
CODES = [*range(1, 32), *range(127, 256)]
"""What is not printable, without 0, whose pair is never asked for."""
CALL_BYTES = 4
"""What unpacking adds where a text stands."""
LEAST = 12
"""Characters; what is shorter is a name to the compiler."""
SELDOM = 4
"""A pair that stands in fewer places is not worth its code."""
_BETWEEN = 256
"""The first of the characters after the texts, each another one, so that no pair with them is frequent."""


def packed(files: list[File]) -> None:
    """Rewrite joined and pruned files, all that are loaded together."""
    find = _Texts({})
    for node in (node for file in files for node in file.statements()):
        find.visit(node)
    short, pairs = pack(list(find.seen))
    saving = {text: code for text, code in short.items() if len(text) - len(code) > CALL_BYTES * find.seen[text]}
    if sum(len(text) - len(code) - CALL_BYTES * find.seen[text] for text, code in saving.items()) < len(pairs):
        return
    put = _Texts(saving)
    for file in files:
        for part in file.parts:
            part.body = [put.visit(node) for node in part.body]
    files[0].parts.insert(0, Part("devices/firmware/texts.py", _unpacking(pairs)))


def pack(whole: list[str]) -> tuple[dict[str, bytes], bytes]:
    """Each text packed, and what the codes stand for."""
    joined = "".join(text + chr(_BETWEEN + place) for place, text in enumerate(whole))
    stands_for: dict[int, str] = {}
    for code in CODES:
        ((pair, count),) = Counter(map(str.__add__, joined, joined[1:])).most_common(1) or [("", 0)]
        if count < SELDOM:
            break
        stands_for[code] = pair
        joined = joined.replace(pair, chr(code))
    pairs = "".join(stands_for.get(code, "\0\0") for code in [0, *CODES[: len(stands_for)]])
    codes = re.split(f"[{chr(_BETWEEN)}-\uffff]", joined)[:-1]
    return {text: code.encode("latin-1") for text, code in zip(whole, codes, strict=True)}, pairs.encode("latin-1")


def _unpacking(pairs: bytes) -> list[ast.stmt]:
    """The module that unpacks, with its pairs."""
    path = Path(texts.__file__)
    means: dict[str, ast.expr] = {"text": ast.Name(UNPACKS), "PAIRS": ast.Constant(pairs)}
    rewrite = Meanings(path.name, means.get, lambda _node: None, set())
    functions = (node for node in bare(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
    return [rewrite.visit(node) for node in functions]


class _Texts(Rewriter):
    """Finds texts in functions, and puts what they are packed as in their place."""

    def __init__(self, packed: dict[str, bytes]) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self._packed = packed
        self._inside = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        text = node.value
        if not self._inside or not isinstance(text, str) or len(text) < LEAST or " " not in text:
            return node
        if not text.isascii() or not text.isprintable():
            return node
        self.seen[text] += 1
        if text not in self._packed:
            return node
        return ast.Call(ast.Name(UNPACKS), [ast.Constant(self._packed[text])], [])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        """What they are by default is worked out when the function is made, and then kept."""
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        before, self._inside = self._inside, True
        self.generic_visit(node)
        self._inside = before
        return node
