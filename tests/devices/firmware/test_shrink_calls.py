"""Shrinking puts functions where they are called, small ones where they are asked for: MicroPython says the same before and after."""

from pathlib import Path

import pytest

from tests.devices.firmware.shrinking import as_written, needs_micropython, said, shrunk

MOVED = """
import asyncio
count = 0
class Base:
    def hook(self): return "base"
    def run(self): print(self.hook(), self._sum(2, b=self._next()))
    def _sum(self, a, b=5):
        a += self.start
        return a * b
    def _next(self):
        self.start += 1
        return self.start
    def __init__(self): self.start = 1
class Other(Base):
    def hook(self): return "other"
    def early(self, x):
        self._checked(x)
        return self._pick(x)
    def _checked(self, y):
        x = "inner"
        if y < 0:
            raise ValueError(x)
    def _pick(self, x):
        for n in range(9):
            if n == x: return "found", n
    async def wait(self):
        try:
            await self._slept(0)
            return await self._told()
        except OSError as e:
            return self._why(e)
    async def _slept(self, e):
        await asyncio.sleep(e)
        e = "slept"
        print(e)
    async def _told(self): raise OSError(5)
    def _why(self, error): return "error", error.errno
def moves(a, b): return a + b
def twice(f):
    x = f
    print("args first")
    return x * 2
def noted(x):
    print("noted", x)
    return x
def value_first(a, b):
    print("inside")
    return a, b
def stops(x):
    if x: return
    print("does not stop")
def counts():
    global count
    count += 1
def again(n): return n and again(n - 1)
def gives():
    yield 1
def late(x): return [lambda: x]
def shown(f, x): return f(x)
def passed(x): return x + 1
def branches(x):
    if x == 1: return "one"
    if x > 1:
        y = x * 2
        if y > 8: return "large"
    else:
        return "small"
    return "some", y
def found(n):
    for i in range(n):
        if i * i > 10:
            try:
                return noted(i)
            finally:
                noted("left")
def waits(n):
    while True:
        n -= 1
        if n < 0: return n
def breaks(n):
    for i in range(n):
        if i == 2: return "returned"
        if i == n - 2: break
    return "broken"
def shows(n):
    print("shows", n)
    return n
def ends_or_not(x):
    if x > 1: return "more"
    print("falls off")
def halfway(x):
    if x > 1:
        if x > 5: return "big"
    else:
        if x < 0: return "small"
    print("half")
    return "rest"
def before_and_after(before):
    counts()
    return before, count
def usual(a, b=2):
    c = a + b
    return c
def looked(before, change):
    change()
    return before
def nested(n):
    for i in range(n):
        for j in range(n):
            if i + j > 3: return i, j
def tried(x):
    try:
        return int(x)
    except ValueError as e:
        if x: return "no number"
    return "nothing"
def falls(x):
    try:
        number = int(x)
        if number: return number
    except ValueError:
        noted("fell")
def entered(x):
    with Door() as door:
        if x: return door.opened
        return "shut"
class Door:
    opened = "opened"
    def __enter__(self): return self
    def __exit__(self, *what): noted("out")
class Bag:
    def __init__(self): self.out = []
    def fill(self):
        old = self.out
        self.out.append(self.swapped())
        return old, self.out
    def swapped(self):
        self.out = [0]
        return 7
    def only(self, x=None): return "only", x
    def grown(self, by):
        if by > 1: return by
        return self.more + by
    more = 3
    def each(self): return [0, 1]
    def worst(self): return ValueError("worst")
    def changed(self): self.more = 30; return 2
    def sums(self, n): return self.more * self.changed() + n
    def holds(self): return self.more
    def seen(self): return [x for x in self.out if x != self.more]
    def pair(self, a, b=2):
        t = a, b
        return t
    def tells(self):
        self.to = noted
        return self.to(self.turned())
    def turned(self):
        self.to = print
        return 8
    def adds(self):
        self.more += self.bumped()
        return self.more
    def bumped(self):
        self.more = 100
        return 1
    @staticmethod
    def fixed(a, b=2):
        c = a
        return c, b
    async def later(self, n):
        if n: return n
        await asyncio.sleep(0)
        return "later"
"""


CALLS = """
import asyncio
from agent import kit
def main():
    x = 5
    b = kit.moves(x, 1)
    x = kit.twice(x)
    print(b, x)
    kit.stops(x)
    pair = kit.value_first(kit.noted(1), b)
    print(pair, list(kit.gives()), kit.again(3), kit.shown(kit.passed, 3))
    kit.counts()
    print(kit.count, kit.late(2)[0]())
    kit.Base().run()
    other = kit.Other()
    other.run()
    print(other.early(3), other.early(20), asyncio.run(other.wait()))
    try:
        other.early(-1)
    except ValueError as x:
        print(x)
    more()
def more():
    y = "kept"
    for x in (0, 1, 2, 7):
        found = kit.branches(x)
        print(x, found, y)
    for n in (9, 2):
        place = kit.found(n)
        broken = kit.breaks(n)
        print(place, broken)
    for x in ("5", "x", "0"):
        fallen = kit.falls(x)
        print(fallen)
    for x in (0, 2, 9, -1):
        half = kit.halfway(x)
        print(half)
    n = kit.waits(3)
    n += kit.tried("4")
    pair = kit.nested(3)
    print(n, pair)
    was = kit.before_and_after(kit.count)
    print(was)
    print(kit.usual(1))
    if kit.entered(n):
        print("entered")
    bag, other = kit.Bag(), kit.Bag()
    print(bag.fill())
    print(kit.Bag.only(bag))
    x = other.grown(1)
    for y in other.each():
        x += y
    try:
        raise other.worst()
    except ValueError as e:
        print(e, x)
    print(bag.sums(1), not bag.holds(), other.seen())
    first = bag.pair(b=kit.noted(4), a=kit.noted(5))
    print(first[0], first)
    print(other.fixed(1)[1], changes(), other.adds(), other.tells(), gives_up(1), gives_up(0), gives_up(2))
    y = []
    x = y and kit.shows(1)
    print(x, y)
    print(asyncio.run(awaits(bag)))
def gives_up(x):
    if x:
        return kit.ends_or_not(x)
    return "after"
def changes():
    n = 1
    def change():
        nonlocal n
        n += 1
    was = kit.looked(n, change)
    return was, n
async def awaits(bag):
    print(await bag.later(0))
    return "awaited"
"""


@pytest.mark.micropython
@needs_micropython
def test_what_is_called_once_stands_where_it_was_called(tmp_path: Path) -> None:
    _files, source, names = shrunk(tmp_path, {"kit": MOVED, "main": CALLS})
    unchanged = as_written(tmp_path)
    assert "('error', 5)\ninner\n" in unchanged
    assert said(source) == unchanged
    where = {long.split(".")[-1].split(":")[-1] for stands_for in names.values() for long in stands_for}
    gone = """moves twice stops value_first _checked _pick _slept _told _why branches found waits falls entered fill swapped
        grown each worst pair later passed usual before_and_after"""
    assert where & set(gone.split()) == set()
    stay = set("hook counts again gives late noted _sum _next nested only changed tried halfway breaks seen".split())  # noqa: SIM905  shorter
    assert stay - where == set()


SMALL = """
class Box:
    def __init__(self, inner): self.inner = inner; self.items = [3]; self.changes = 0
    @property
    def first(self): return self.items[0]
    @property
    def twice(self): return self.items[0] + self.items[-1]
    @property
    def deep(self): return self.inner.items
    def more(self, by, most=9): return min(most, self.items[0] + by)
    @property
    def long(self): return [self.items[0], self.items[0], self.items[0], self.items[0], self.items[0], self.items[0]]
    @property
    def grown(self):
        self.changes += 1
        return self.changes
    def same(self): return self
    def ours(self): return self.items
    def monotonic(self): return 77
class Left:
    @property
    def side(self): return 1
class Right:
    @property
    def side(self): return 2
def half(n): return n // 2
def less(a, b): return b - a
def later(n): return lambda: n
def noted(n):
    print("noted", n)
    return n
"""


ASKS = """
import time
from agent import kit
def main():
    inner = kit.Box(None)
    box = kit.Box(inner)
    print(box.first, box.inner.first, box.same().first, box.twice, box.inner.twice, box.deep, [x.first for x in (box, inner)])
    print(box.more(2), box.more(20), box.more(most=4, by=3), box.inner.more(1), kit.half(7), kit.half(kit.noted(5)))
    print(kit.less(kit.noted(1), kit.noted(2)), kit.less(4, 5))
    print(box.long, box.long, box.long, box.grown, box.grown, kit.Left().side, kit.Right().side, kit.later(4)())
    print(box.ours(), kit.Box.ours(box), time.monotonic() != 77 if hasattr(time, "monotonic") else True)
"""


@pytest.mark.micropython
@needs_micropython
def test_what_is_small_stands_where_it_is_asked_for(tmp_path: Path) -> None:
    _files, source, names = shrunk(tmp_path, {"kit": SMALL, "main": ASKS})
    unchanged = as_written(tmp_path)
    assert "noted 5\n5 9 4 4 3 2\nnoted 1\nnoted 2\n1 1\n" in unchanged
    assert said(source) == unchanged
    where = {long.split(".")[-1].split(":")[-1] for stands_for in names.values() for long in stands_for}
    assert where & {"deep", "monotonic"} == set()
    assert {"long", "grown", "side", "later", "ours", "twice"} - where == set()
