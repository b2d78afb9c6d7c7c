# ruff: noqa: N802  visitors are called after what they visit
"""Texts take half their bytes: frequent pairs of characters become one code (see ``devices/firmware/texts.py``).

They are those with a blank or a dot in them, in a function. No code looks for those in a hurry: they are for the console and for errors, or
name events and files. All of them are one constant, in which each has a number, those that stand in most places first. An error that is
raised is made from the number of its text, and what stands in it.
Tables of pairs of numbers, such as a lamp's patterns, are packed too: the compiler writes constant numbers as decimal text. Rows that stand
in several places of tables, such as those of settings, are one object. Wide numbers become bytes, and numbers are read out of bytes in one
place.
"""

import ast
import re
from collections import Counter
from pathlib import Path

from devices.firmware import texts
from provisioning.firmware.join import File, Part, bare
from provisioning.firmware.nodes import Rewriter
from provisioning.firmware.prune import defined
from provisioning.firmware.scopes import Meanings, bound

TEXT = f"{texts.__name__}:TEXTS"
OF_TEXTS = {f"{texts.__name__}:{name}" for name in ("TEXTS", "Texts", "_unpack")}
TABLE = f"{texts.__name__}:table"
NUMBER = f"{texts.__name__}:number"
PLAIN_CLASS = f"{texts.__name__}:plain_class"
ROW = f"{texts.__name__}:row"
CODES = [*range(1, 10), *range(11, 32), *range(127, 256)]
"""What is not printed, without 0, which ends a text."""
NUMBERS = [*range(-16, 48), *range(-64, -16), *range(48, 1000)]
"""Of texts, in order of the bytes that they take."""
PLAIN_BYTES, ASKING_BYTES = 2, 3
"""What a constant has besides its text, and what asking for a packed one adds."""
LEAST = 11
"""Characters; what is shorter is a name to the compiler."""
LEAST_PAIRS = 2
LEAST_TABLES = LEAST_READ = 4
LEAST_CLASSES = 6
"""Fewer are not worth the function that makes them."""
MOST_BITS = 128
"""A wider number is made of its bytes."""
LEAST_ROWS = 3
"""Fewer that are alike are not worth a name."""
SELDOM = 4
"""A pair that stands in fewer places is not worth its code."""
AT_ONCE = 6
"""Pairs that are chosen before all are counted again, which takes most of the time; they have no character in common."""
_BETWEEN = 256
"""The first of the characters after the texts, each another one, so that no pair with them is frequent."""


def packed(files: list[File]) -> None:
    """Rewrite joined and pruned files, all that are loaded together."""
    find = _Packed({}, None)
    statements = [node for file in files for node in file.statements()]
    for node in statements:
        find.visit(node)
    if sum(values_of(node) is not None for node in statements if isinstance(node, ast.ClassDef)) >= LEAST_CLASSES:
        find.asked.add(PLAIN_CLASS)
    short, pairs = pack(list(find.seen))
    saved = {text: PLAIN_BYTES + len(text) - len(code) - ASKING_BYTES * find.seen[text] for text, code in short.items()}
    chosen = [text for text, bytes_saved in saved.items() if bytes_saved > 0]
    if sum(saved[text] for text in chosen) < len(pairs):
        chosen = []
    chosen.sort(key=lambda text: -find.seen[text])
    numbers = dict(zip(chosen, NUMBERS, strict=False))
    held = {number: short[text] for text, number in numbers.items()}
    for file in files:
        put = _Packed(numbers, find)
        for part in file.parts:
            part.body = [put.visit(node) for node in part.body]
        find.asked |= put.asked
    whole = b"".join(held.get(number, b"") + b"\0" for number in range(-64, max(held, default=-65) + 1))
    rows = [
        ast.Assign([ast.Name(f"{ROW}{place}", ast.Store())], ast.parse(row, mode="eval").body, lineno=0)
        for place, row in enumerate(find.often())
    ]
    files[0].parts.insert(0, Part("devices/firmware/texts.py", [*_unpacking(pairs, whole, find.asked), *rows]))


def values_of(node: ast.ClassDef) -> list[tuple[str, ast.expr]] | None:
    """What a class without functions holds; None if it is no such class with one base."""
    found = []
    for one in node.body:
        match one:
            case ast.Assign([ast.Name(name)], value):
                found.append((name, value))
            case ast.Pass():
                pass
            case _:
                return None
    return found if len(node.bases) == 1 else None


def pack(whole: list[str]) -> tuple[dict[str, bytes], bytes]:
    """Each text packed, and what the codes stand for."""
    joined = "".join(text + chr(_BETWEEN + place) for place, text in enumerate(whole))
    stands_for: dict[int, str] = {}
    codes = iter(CODES)
    while len(stands_for) < len(CODES):
        taken = ""
        for pair, count in Counter(map(str.__add__, joined, joined[1:])).most_common(AT_ONCE):
            if count >= SELDOM and len(stands_for) < len(CODES) and not set(taken) & set(pair):
                taken += pair
                code = next(codes)
                stands_for[code] = pair
                joined = joined.replace(pair, chr(code))
        if not taken:
            break
    pairs = "".join(stands_for.get(code, "\0\0") for code in range(256) if not 32 <= code < 127).rstrip("\0")
    short = re.split(f"[{chr(_BETWEEN)}-\uffff]", joined)[:-1]
    return {text: code.encode("latin-1") for text, code in zip(whole, short, strict=True)}, pairs.encode("latin-1")


def _unpacking(pairs: bytes, whole: bytes, asked: set[str]) -> list[ast.stmt]:
    """What unpacks, as far as it is asked for, with all that it unpacks."""
    path = Path(texts.__file__)
    tree = bare(path.read_text(encoding="utf-8"))
    means: dict[str, ast.expr] = {name: ast.Name(f"{texts.__name__}:{name}") for name in bound(tree)}
    means.update(PAIRS=ast.Constant(pairs), PACKED=ast.Constant(whole))
    rewrite = Meanings(path.name, means.get, lambda _node: None, set())
    body = [rewrite.visit(node) for node in tree.body if defined(node).isdisjoint({"PAIRS", "PACKED"})]
    parts = {
        TEXT: [node for node in body if defined(node) & OF_TEXTS],
        TABLE: [node for node in body if TABLE in defined(node)],
        NUMBER: [node for node in body if NUMBER in defined(node)],
        PLAIN_CLASS: [node for node in body if PLAIN_CLASS in defined(node)],
    }
    return [node for name, nodes in parts.items() if name in asked for node in nodes]


class _Packed(Rewriter):
    """Finds texts in functions and tables anywhere, and puts what they are packed as in their place."""

    def __init__(self, numbers: dict[str, int], found: "_Packed | None") -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.tables = 0
        self.read = 0
        self.rows: Counter[str] = Counter()
        self.asked: set[str] = set()
        self._numbers = numbers
        self._tables = found is not None and found.tables >= LEAST_TABLES
        self._reads = found is not None and found.read >= LEAST_READ
        self._named = found.often() if found else []
        self._inside = False

    def often(self) -> list[str]:
        """Rows that get a name."""
        return [row for row, count in self.rows.items() if count >= LEAST_ROWS]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        text = node.value
        if type(text) is int and text.bit_length() > MOST_BITS:
            data = _bytes(text.to_bytes((text.bit_length() + 7) // 8, "big"))
            return self.visit_Call(_read(data))
        if not self._inside or not isinstance(text, str) or not _is_for_people(text):
            return node
        self.seen[text] += 1
        if text not in self._numbers:
            return node
        self.asked.add(TEXT)
        return ast.Subscript(ast.Name(TEXT, ast.Load()), ast.Constant(self._numbers[text]))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(ast.Name("int"), "from_bytes"), [data, ast.Constant("big")], []):
                self.read += 1
                if self._reads:
                    self.asked.add(NUMBER)
                    return ast.Call(ast.Name(NUMBER, ast.Load()), [data], [])
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        call = node.exc
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.func, ast.Name)
            or call.keywords
            or len(call.args) != 1
        ):
            return self.generic_visit(node)
        text, values = _in_parts(call.args[0])
        if not isinstance(text, ast.Constant) or text.value not in self._numbers:
            return self.generic_visit(node)
        self.asked.add(TEXT)
        number = ast.Constant(self._numbers[text.value])
        node.exc = ast.Call(ast.Name(TEXT, ast.Load()), [number, call.func, *map(self.visit, values)], [])
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        numbers = [number for pair in node.elts for number in _numbers(pair)]
        if _is_row(node) and not self._inside:
            row = ast.unparse(node)
            self.rows[row] += 1
            return ast.Name(f"{ROW}{self._named.index(row)}", ast.Load()) if row in self._named else node
        if len(node.elts) < LEAST_PAIRS or len(numbers) < 2 * len(node.elts):
            return self.generic_visit(node)
        self.tables += 1
        data = b"".join(number.to_bytes(2, "big") for number in numbers)
        if not self._tables:
            return node
        self.asked.add(TABLE)
        return ast.Call(ast.Name(TABLE, ast.Load()), [ast.Constant(data)], [])

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


def _read(data: ast.expr) -> ast.Call:
    """The number that bytes are, as a module says it."""
    asked = ast.Attribute(ast.Name("int", ast.Load()), "from_bytes", ast.Load())
    return ast.Call(asked, [data, ast.Constant("big")], [])


def _bytes(data: bytes) -> ast.expr:
    """These bytes, repeated if they are all the same."""
    if data.count(data[0]) < len(data):
        return ast.Constant(data)
    return ast.BinOp(ast.Constant(data[:1]), ast.Mult(), ast.Constant(len(data)))


def _is_row(node: ast.Tuple) -> bool:
    """Whether it is of constants and MicroPython's own types: the compiler makes such a one anew wherever it stands."""
    names = [one for one in node.elts if isinstance(one, ast.Name) and ":" not in one.id]
    return bool(names) and len(names) + sum(isinstance(one, ast.Constant) for one in node.elts) == len(node.elts)


def _in_parts(said: ast.expr) -> tuple[ast.expr, list[ast.expr]]:
    """A text, and the values that it is filled with, as far as they can be told apart."""
    if not isinstance(said, ast.BinOp) or not isinstance(said.op, ast.Mod) or not isinstance(said.left, ast.Constant):
        return said, []
    if isinstance(said.right, ast.Tuple):
        return said.left, list(said.right.elts)
    return (said.left, [said.right]) if str(said.left.value).count("%") == 1 else (said, [])


def _is_for_people(text: str) -> bool:
    if len(text) < LEAST or not (" " in text or "." in text[1:-1]):
        return False
    return text.isascii() and text.replace("\n", "").isprintable()


def _numbers(node: ast.expr) -> list[int]:
    """The numbers of a pair of numbers that fit into 16 bits each; none of anything else."""
    if not isinstance(node, ast.Tuple) or len(node.elts) != 2:
        return []
    values = [one.value for one in node.elts if isinstance(one, ast.Constant)]
    return [value for value in values if type(value) is int and 0 <= value < 1 << 16]
