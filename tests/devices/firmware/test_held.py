"""What a function asks for often is held as a local, and means the same as if it were asked for each time."""

import re
from pathlib import Path

import pytest

from tests.devices.firmware.shrinking import as_written, needs_micropython, said, shrunk

KIT = """
steady = [1]
moving = [1]
class Base:
    def __init__(self, tell):
        tell(self.early())
        self.early()
        self._kept = [2]
        self._moved = [3]
        self._late = [4]
        if tell:
            self._perhaps = [5]
        tell(self.whole())
    def early(self):
        try:
            if self._late: return self._kept + self._kept + self._kept
        except AttributeError:
            return "early"
    def whole(self):
        return self._kept + self._kept + self._kept + self._late
    def after(self):
        self.move()
        found = self._kept + self._moved + self._perhaps
        self.move()
        found = found + self._kept + self._moved + self._perhaps
        self.move()
        return found + self._kept + self._moved + self._perhaps
    def move(self):
        self._moved = [self._moved[0] + 1]
        return self._moved
    def again(self, other):
        found = self._kept + self._kept
        self = other
        return found + self._kept + self._kept
    def inside(self):
        step = lambda: self._kept + self._kept + self._kept
        return step, [self._kept + x + self._kept + self._kept for x in ([0], [1])]
    def late(self):
        if self._kept:
            for x in self._kept:
                print(self._kept, x)
        print(self._kept)
class Kin(Base):
    def more(self):
        return self._kept + self._kept + self._kept
def moves():
    global moving
    moving = moving + [len(moving)]
    return moving
def reads():
    found = steady + moving + steady
    moves()
    found = found + steady + moving
    moves()
    return found + steady + moving + moving
def named(len, steady):
    return len + len + len + len + steady + steady + steady + steady
def lengths(*all):
    total = 0
    for one in all:
        total += len(one) + len(all)
        def inner(x=len(one)): return len([x]) + len([1]) + len([2]) + len([3])
        total += inner()
    return total + len(all) + len([total])
def loading():
    return there() + there() + there() + there()
def there(): return 1
TOTAL = loading()
class Fixed:
    def __init__(self): self.level = 1
class Rising:
    def __init__(self): self.count = 0
    @property
    def level(self):
        self.count += 1
        return self.count
    def three(self): return [self.level, self.level, self.level]
ready = []
def early():
    if ready:
        return later + later + later + later
    return "early"
FIRST = early()
later = [6]
ready.append(1)
def outer():
    count = [0]
    def bump():
        nonlocal count
        count = count + [len(count)]
    def inner():
        found = count
        bump()
        found = found + count
        bump()
        return found + count + count + count
    return inner()
"""
MAIN = """
from agent import kit
def main():
    base = kit.Base(print)
    kin = kit.Kin(print)
    print(base.after(), base.after(), base.again(kin), base.again(base), kin.more(), kin.more())
    step, found = base.inside()
    print(step(), found, base.inside()[1])
    base.late(); kin.late()
    print(kit.reads(), kit.reads(), kit.named(1, 2), kit.named(3, 4), kit.lengths([1], [2, 3]), kit.lengths(), kit.TOTAL)
    print(base.move(), kit.loading(), kin.whole(), kin.early())
    print(kit.Rising().three(), kit.Fixed().level, kit.FIRST, kit.early(), kit.outer())
"""


@pytest.mark.micropython
@needs_micropython
def test_what_is_held_means_the_same(tmp_path: Path) -> None:
    _files, source, names = shrunk(tmp_path, {"kit": KIT, "main": MAIN})
    unchanged = as_written(tmp_path)
    assert "[2, 4, 5, 2, 5, 5, 2, 6, 5] " in unchanged
    assert said(source) == unchanged
    short = {long: name for name, all_long in names.items() for long in all_long}
    kept = next(name for long, name in short.items() if long.endswith("_kept"))
    held = re.findall(r"v_\d+held = (.+)", source)
    # Methods after, late and more; neither while an object is made, nor where its name is another's.
    assert sorted(held) == sorted([f"a.{kept}"] * 3 + [short["agent.kit.steady"], "len", "len", "print"])
