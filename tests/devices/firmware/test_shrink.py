"""Joining, folding, pruning and shortening: what they may change, what never, and that the result does what the source says."""

import ast
import subprocess
from pathlib import Path

import pytest

from provisioning.firmware.micropython import ATTRIBUTES
from provisioning.firmware.scopes import SourceError
from tests.devices.firmware.shrinking import MICROPYTHON, needs_micropython, said, shrunk

RICH = {
    "kit": """
import select
import time
LIMIT = 3 * 7
KEY = "heartbeat"
_table = {"name": 1, "at": 2}
class Base:
    tracing = False
    def __init__(self, name, size=LIMIT):
        self._name = name
        self._size = size
        self.unread = 5
    @property
    def whole(self): return "%s/%d" % (self._name, self._size)
    def _say(self, *parts, **facts): return "-".join(parts) + ":" + ",".join(sorted(facts))
    def never_asked(self): return gone(), select.poll()
    def ioctl(self, request, argument): return 0
class Other:
    armed = 0
    def __init__(self):
        self._size = "other"
        self._name = [1]
        self.rung = 0
        self.heard = self.ring()
    def ring(self):
        self.rung += 1
        self.armed = 5
        return print("rings", self.armed, self.ticks_ms())
    def ticks_ms(self): return "own"
    def append(self, x): self._name.append(x); return self._name
def gone(): return unheard_of
def counter(start):
    count = start
    def step(by=1):
        nonlocal count
        count += by
        return count
    return step
def total(values, a=10, more=0): return more + sum([v * a for v in values if v in _table.values()])
ONE = [1]
TWO = [2]
THREE = [3]
class Late:
    def first(self): return ONE
    def second(self): return TWO
    def third(self): return self.first() + self.second() + THREE
    def fourth(self, one=ONE, two=TWO, three=THREE): return one + two + three + self.first() + self.second() + self.third()
state = 0
calls = 0
def called():
    global calls
    calls += 1
def advance():
    global state
    state += 1
    return state
""",
    "deep": """
from agent.kit import Base
import agent.kit as tools
class Deep(Base):
    def say(self, name):
        if self.tracing:
            self.trace(name)
        return self._say(name, tools.KEY, device=1, at=2) + self.whole + self._name
    def trace(self, name): raise RuntimeError
""",
    "main": """
from agent import kit
def main():
    from agent.deep import Deep
    deep = Deep("x", size=4)
    step = kit.counter(1)
    step()
    parts = {"name": 2}
    also = {"more": 4}
    kit.called()
    print(kit.total([1], **also), kit.Late().fourth())
    print(deep.say("n"), kit.total([1, 2, 5], **{"a": 3}), kit.Other().append(2), step(by=5), deep.__class__ is Deep)
    print(getattr(deep, "late", "no"), kit.KEY, (lambda a, b=2: a + b)(1), [x for x in range(kit.LIMIT) if x > 19])
    print(kit.advance(), kit.advance(), kit.time.ticks_ms() > 0, kit._table["at"], parts)
    try:
        raise ValueError("v")
    except ValueError as error:
        print(error.args, [a for a in (1, 2) if a > 1], Deep("y").whole)
""",
}


TOLD = """14 [1, 2, 3, 1, 2, 1, 2, 3]
rings 5 own
n-heartbeat:at,devicex/4x 9 [1, 2] 7 True
no heartbeat 3 [20]
1 2 True 2 {'name': 2}
('v',) [2] y/21
"""


@pytest.mark.micropython
@needs_micropython
def test_what_is_shrunk_does_the_same(tmp_path: Path) -> None:
    files, source, names = shrunk(tmp_path, RICH)
    assert said(source) == TOLD
    assert [file.path for file in files] == ["agent/main.py"]
    for word in (
        "never_asked",
        "unheard_of",
        "select",
        "trace",
        "unread",
        "tracing",
        "LIMIT",
        "RuntimeError",
        "_size",
        "Deep",
    ):
        assert word not in source
    for word in (
        "append",
        "ioctl",
        "device",
        "'late'",
        "'heartbeat'",
        "'name'",
        "ticks_ms",
        "ValueError",
        "size",
        "by",
    ):
        assert word in source
    where = {long for stands_for in names.values() for long in stands_for}
    assert {"agent.deep.Deep", "agent.kit.counter", "whole"} <= where
    assert any(long.endswith("._size") for long in where)


@pytest.mark.micropython
@needs_micropython
def test_classes_of_no_kin_share_names_and_kin_does_not(tmp_path: Path) -> None:
    main = """
class A:
    def __init__(self): self._one = 1; self._two = 2
    def sum(self): return self._one + self._two
class B(A):
    def __init__(self): super().__init__(); self._three = 3
    def all(self): return self.sum() + self._three
class C:
    def __init__(self): self._four = 4; self._shared = 5
    def own(self): return self._four + self._shared
class D:
    def __init__(self): self._four = 6; self.fifth = 7
    def own(self): return self._four * self.fifth
def main():
    c = C()
    d = D()
    d.fifth += 1
    print(B().all(), c.own(), c._shared, [x.own() for x in (c, d)], d.fifth, hasattr(c, "fifth"))
"""
    _files, source, names = shrunk(tmp_path, {"main": main})
    assert said(source) == "6 9 5 [9, 48] 8 False\n"
    short = {long.split(".")[-1]: name for name, stands_for in names.items() for long in stands_for}
    assert len({short["_one"], short["_two"], short["_three"]}) == 3
    assert short["_shared"] in {short["_one"], short["_two"], short["_three"]}
    assert short["own"] not in {short["_shared"], short["_four"]}
    assert "fifth" not in short  # it is asked for as text
    assert short["_four"] in {short["_one"], short["_two"], short["_three"]}
    assert short["_four"] != short["_shared"]


@pytest.mark.micropython
@needs_micropython
def test_attributes_do_not_hide_what_a_class_looks_up_while_it_is_made(tmp_path: Path) -> None:
    lists = "".join(f"L{n} = [{n}]\n" for n in range(30))
    methods = "".join(f"    def m{n}(self): return L{n}\n" for n in range(30))
    values = " + ".join(f"L{n}" for n in range(30))
    calls = ", ".join(f"a.m{n}()[0]" for n in range(30))
    main = f"{lists}class A:\n{methods}    def all(self, whole={values}): return whole\n"
    main += f"def main():\n    a = A()\n    print(a.all() == [{calls}])\n"
    _files, source, _names = shrunk(tmp_path, {"main": main})
    assert said(source) == "True\n"


@pytest.mark.parametrize(
    "name", ["send", "irq", "isconnected", "out_buf", "readinto", "cancel", "duty_u16", "writeto", "__len__", "healthy"]
)
def test_names_that_others_ask_for_stay(tmp_path: Path, name: str) -> None:
    main = (
        f"class A:\n    def {name}(self): return 1\n    def other(self): return self.{name}()\n"
        "def main():\n    print(A().other())\n"
    )
    _files, source, _names = shrunk(tmp_path, {"main": main}, frozenset({"healthy"}))
    assert f"def {name}(" in source
    assert "other" not in source


@pytest.mark.parametrize(
    ("main", "message"),
    [
        ("def main(o, n): return getattr(o, n)", "asks for a name that is shortened"),
        ("def main(o): return o(**o.map)", "names parameters that cannot be known"),
        ("def main(o): return o.__dict__", "looks for names that are shortened"),
        ("def main(): return globals()", "looks for names that are shortened"),
        ("import agent.kit as kit\ndef main(): return [kit]", "the module agent.kit is used as a value"),
        ("import agent.kit as kit\ndef main(): kit.X = 1", "agent.kit has no X to read"),
        ("from agent.kit import Z\ndef main(): return Z", "agent.kit has no Z"),
        ("import agent.kit\ndef main(): return agent.kit.X", "say from ... import ..."),
        ("def main():\n    class A: pass\n    return A", "a class inside a function"),
        ("class A:\n    n = 2\n    m = n\ndef main(): return A.m, A.n", "used while its class is made"),
        ("from time import time\nimport agent.kit as kit\ndef main(): return kit.now(), time()", "something else"),
        ("from agent.linux import Pin\ndef main(): return Pin", "which no board has"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, main: str, message: str) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "linux.py").write_text("import gpiozero\n")
    with pytest.raises(SourceError) as refused:
        shrunk(tmp_path, {"kit": "import time\nX = [1]\ndef now(): return time.time()\n", "main": main})
    assert message in str(refused.value)


def test_an_object_that_is_compared_as_one_stays_one(tmp_path: Path) -> None:
    main = "A = 'acknowledged by the broker'\ndef main(x): return [A, 'acknowledged by the broker' is x, x is A]\n"
    _files, source, _names = shrunk(tmp_path, {"main": main})
    assert source.count("acknowledged") == 2


@pytest.mark.micropython
@needs_micropython
def test_the_list_of_micropythons_names_is_whole() -> None:
    script = """
import array, asyncio, builtins, errno, gc, hashlib, io, json, os, select, socket, struct, sys, time, tls
found = set()
for module in (builtins, asyncio, hashlib, io, os, select, socket, tls, array):
    for name in dir(module):
        one = getattr(module, name)
        if type(one) is type:
            found.update(dir(one))
for one in (0, "", b"", bytearray(), [], {}, (), set(), {}.items(), hashlib.sha256(), socket.socket(), select.poll(), io.BytesIO(),
            (i for i in ()), OSError(1), array.array("B")):
    found.update(dir(one))
print(" ".join(name for name in found if not name.startswith("_")))
"""
    done = subprocess.run([MICROPYTHON, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert set(done.stdout.split()) - ATTRIBUTES == set()
    device = Path(__file__).parents[3] / "simulators" / "board" / "device"
    for module in ("machine", "network", "esp32"):
        for node in ast.walk(ast.parse((device / f"{module}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
                assert {name for name in methods if not name.startswith("_")} - ATTRIBUTES == set()
