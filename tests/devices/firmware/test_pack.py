"""Texts for people and other values in the form that takes fewest bytes: they say the same, and nothing else is touched."""

import random
import re
import string
from pathlib import Path

import pytest

from devices.firmware import texts
from provisioning.firmware.bundle import compiled
from provisioning.firmware.pack import CODES, pack
from tests.devices.firmware.shrinking import as_written, needs_micropython, said, shrunk

WORDS = ["the", "broker", "board", "was", "not", "answered", "by", "its", "certificate", "network", "alarm", "journal"]


def sentences(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return sorted({f"{number}: " + " ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for number in range(count)})


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_a_text_is_what_it_was(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    noise = "".join(random.Random(count).choices(string.printable[:95] + "\n", k=500))
    whole = [noise, *sentences(count, count), string.printable[:95]] if count else []
    short, pairs = pack(whole)
    monkeypatch.setattr(texts, "PAIRS", pairs)
    monkeypatch.setattr(texts, "PACKED", b"".join(short[text] + b"\0" for text in whole))
    assert [texts.TEXTS[number - 64] for number in range(len(whole))] == whole
    assert len(pairs) <= 2 * (256 - 95)
    if count == 300:  # each code is in use, those above the letters and those below
        assert len(pairs) == 2 * (256 - 95)
        assert sum(map(len, short.values())) < sum(map(len, whole)) / 2.5


def test_unpacking_does_not_go_deep() -> None:
    """A board's stack is small."""
    _short, pairs = pack(sentences(1, 1000))
    depth = dict.fromkeys(range(32, 127), 0)
    depth[10] = 0
    for code in CODES:
        place = code if code < 32 else code - 95
        depth[code] = 1 + max(depth[inner] for inner in pairs[2 * place : 2 * place + 2])
    assert 3 < max(depth.values()) <= 16


TOLD = "".join(f"    log({text!r})\n" for text in sentences(5, 60))
MAIN = f"""
import agent.kit as kit
KEPT = ["the broker was not answered by its network, the board was not answered by its alarm"]
def log(text, more="a default of a function, with blanks in it"): print(text, more)
def main():
{TOLD}
    for name in (1, "two"): print(name in (1, 2), name not in ("two", 3))
    print("short one", "twelve-without-a-blank", "d\u00fcrfen wir Umlaute in Texten haben?", "a line\\nand another line")
    print(KEPT[0], f"{{KEPT!r:.3}} of the text, and more text, and more", kit.Wide.__name__ != "", kit.Wide().n)
    print(kit.SIZE, kit.N % 1000, kit.FAR, kit.FAR[0] == (1, 70000))
    try:
        raise kit.Narrow("the broker was not answered by the board %d times" % 3)
    except kit.Wide as error:
        print(error, error.n, type(error) is kit.Narrow, issubclass(kit.Narrow, ValueError), kit.ended(2), kit.ended(0))
"""
KIT = """
SIZE = 1 << 70
FAR = ((1, 70000), (2, 3))
N = 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
class Wide(ValueError):
    n = 5
class Narrow(Wide):
    pass
class Held:
    def name(self): return self.__class__
def ended(x):
    if x:
        return N - x
        x = 7
    while True:
        break
        print("never")
    return Held().name() is Held
"""


@pytest.mark.micropython
@needs_micropython
def test_what_is_packed_says_the_same_and_takes_less(tmp_path: Path) -> None:
    files, source, _names = shrunk(tmp_path, {"kit": KIT, "main": MAIN})
    assert said(source) == as_written(tmp_path)
    for whole in (
        "the broker was not answered by its network, the",
        "a default of a function",
        "twelve-without",
        "short one",
        "dürfen",
    ):
        assert whole in source
    for gone in ("was not answered by the board %d", "never", "48439561293906", "(1, 2)"):
        assert gone not in source
    assert (source.count("class "), source.count("type(")) == (2, 3)  # one is what unpacks; one asks for a type
    assert files[0].parts[0].path == "devices/firmware/texts.py"
    before = MAIN.replace("import agent.kit as kit", KIT).replace("kit.", "")
    assert len(compiled(source, "main.py", tmp_path / "a.mpy")) < 0.7 * len(
        compiled(before, "main.py", tmp_path / "b.mpy")
    )


TABLES = """
T = ((1, 2), (300, 65535))
U = ((1, 2), (3, 4))
V = ((5, 6), (7, 8))
W = ((9, 9), (9, 9)), ((0, 0),), (1, 2)
R = {"a": (int, 1, None), "b": (int, 1, None), "c": (bool, 1, None), "d": (int, 1, None), "e": (int, 2, None), "f": (int, 1)}
X = ((1 << 256) - 1, 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296, (1 << 200) + 1, 1 << 128)
Y = [int.from_bytes(x, "big") for x in (b"", b"\\x01\\x02")] + [int.from_bytes(b"\\x01\\x02", "little"), int.from_bytes(b"ab", "big")]
"""
ERRORS = """
class Told(ValueError):
    pass
class E1(Told): n = 1
class E2(E1): pass
class E3(E1): n, m = 3, 4
class E4(E1): k = "four"
class E5(E4): n = 5
class E6(E5): pass
class E7(E4):
    def __init__(self, x): self.x = x
class E8: n = 8
def failed(number, values):
    if number == 0: raise Told("the broker was not answered by %s and %d boards" % ("its", values))
    if number == 1: raise Told("the broker was not answered by %s" % values)
    if number == 2: raise Told("the broker was not answered by 5 % of the boards")
    if number == 3: raise ValueError("the broker was not answered by %d%% of the boards" % values)
    if number == 4: raise Told("the broker was not answered by %s and %s boards" % values)
    if number == 5: raise Told("the broker was not answered by", "the board was not answered")
    raise Told("the broker was not answered by %r and %s" % ("the board was not answered", "x" + "the network was not answered"[:11]))
"""


@pytest.mark.micropython
@needs_micropython
def test_tables_are_what_they_were_and_errors_say_what_they_said(tmp_path: Path) -> None:
    said_by = "".join(f"    print({text!r})\n" for text in sentences(5, 60))
    main = f"{TABLES}{ERRORS}def main():\n    print(T, U, V, W)\n    print(R, X, Y)\n{said_by}"
    main += "    print([(one.n, one('x').args, issubclass(one, Told)) for one in (E1, E2, E3, E4, E5, E6)], E5.k, E3.m, E8.n, E7(7).x)\n"
    main += "    for number, value in enumerate((3, [4], 0, 7, (1, 2), 0, 0)):\n        try:\n            failed(number, value)\n"
    main += "        except ValueError as error: print(error.args, isinstance(error, Told))\n"
    _files, source, _names = shrunk(tmp_path, {"main": main})
    unchanged = as_written(tmp_path)
    assert "('the broker was not answered by 5 % of the boards',) True\n" in unchanged
    assert "Traceback" not in unchanged
    assert said(source) == unchanged
    assert source.count("was not answered") == 0
    assert source.count("(int, 1, None)") == 1
    assert source.count("type(") == 1
    assert len(re.findall(r"^class ", source, re.MULTILINE)) == 4  # what unpacks, and E3, E7, E8
    assert source.count("int.from_bytes(") == 2  # the other way round, and in one place
    assert "b'\\xff' * 32" in source


def test_few_texts_stay_as_they_are(tmp_path: Path) -> None:
    """What unpacks them would cost more than it saves."""
    _files, source, _names = shrunk(
        tmp_path, {"main": "def main(): print('two texts, which are', 'few and short texts')\n"}
    )
    assert "two texts, which are" in source
    assert source.count("def ") == 1
