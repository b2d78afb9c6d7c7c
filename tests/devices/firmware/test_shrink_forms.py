"""Loops, what objects begin with, results that nobody reads, and names that are there: shrunk, they do the same."""

import re
from pathlib import Path

import pytest

from tests.devices.firmware.shrinking import as_written, needs_micropython, said, shrunk

LOOPS = """
import errno
def early(x):
    for n in range(x):
        if n == 2:
            print("early", n)
            return
    def inner(y):
        if y:
            print("inner")
            return
        return 5
    print(inner(0), inner(1), errno.ENOENT, errno.EIO, errno.ECONNRESET > 5, x)
class Base:
    def __init__(self, n):
        self.n = n
        self.kept = None
        self.hook()
        self.late = 1
    def hook(self): self.late = 5
class Derived(Base):
    def __init__(self, n):
        self.kept = 7
        self.many = 0
        super().__init__(n)
        self.after = 0
    def hook(self): self.after = 9; self.late = 3
class Plain:
    shown = 2
    def __init__(self):
        self.shown = 3
        self.count = 0
        self.text = "a text of some length"
        self.items = []
    def grow(self):
        self.count += 1
        return self.tell()
    def tell(self): print("told", self.count)
    def add(self, x):
        if x > 2:
            self.items.append(x)
        else:
            self.say("small", x)
    def say(self, *words): print(*words); return words
    def silent(self): self.say("silent")
    def asked(self): return self.say("asked")
class Handed:
    def __init__(self, to):
        to.append(self)
        self.late = 0
def squares(n): return [x * x for x in range(n) if x != 2]
def late(n): return [lambda: x for x in range(n)]
def pairs(n):
    x = "kept"
    found = {x: [y for y in range(x)] for x in range(n)}
    return x, found
def grid(n): return [(x, y) for x in range(n) for y in range(x)]
def unread(x):
    if x:
        return print("unread", x)
    print("else")
"""
ASKED = """
from agent import kit
def main():
    derived, plain, other = kit.Derived(1), kit.Plain(), kit.Plain()
    print(derived.kept, derived.late, derived.many, derived.after, derived.n, kit.Plain.shown)
    plain.grow(); plain.grow()
    print(plain.count, other.count, other.shown, plain.text, plain.grow())
    plain.add(1)
    plain.add(3)
    x = 40
    print(kit.squares(5), [f() for f in kit.late(3)], kit.pairs(3), kit.grid(3), x)
    n = 0
    while [y for y in range(3 - n)]:
        n += 1
    total = sum([y + x for y in range(n)]) or x
    names = {word: len(word) for word in ("grow", "device", "squares")}
    print(n, total, sorted(names.items()), plain.items, plain.asked())
    plain.silent()
    print([plain.silent() for _ in (1, 2)])
    kit.early(1)
    kit.early(4)
    kit.unread(0)
    kit.unread(1)
    handed = []
    kit.Handed(handed)
    print(handed[0].late, device(2))
def device(squares):
    grow = squares
    return "device", grow
"""


@pytest.mark.micropython
@needs_micropython
def test_loops_beginnings_results_and_names_that_are_there_change_nothing(tmp_path: Path) -> None:
    _files, source, _names = shrunk(tmp_path, {"kit": LOOPS, "main": ASKED})
    unchanged = as_written(tmp_path)
    assert "None 1 0 0 1 2\n" in unchanged
    assert said(source) == unchanged
    assert re.search(r"for \w+ in range\((a|5)\):\n +if \w+ != 2:\n", source)  # a list is made by a loop
    assert re.search(r"\n    \w+ = 'a text of some length'\n", source)  # it is the class's
    assert "return print('unread', " in source
    assert "return print('early', " in source
    assert "return print('inner')" not in source
    assert "errno.ECONNRESET" in source
    assert "errno.E" not in source.replace("errno.ECONNRESET", "")
