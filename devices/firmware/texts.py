"""Texts, tables and numbers as a bundle carries them, in fewer bytes. Texts are unpacked when somebody is to read them.

The build (``provisioning/firmware/pack.py``) writes the pairs of characters that are most frequent as one code each, pairs of codes again,
and keeps here what each code stands for, and all texts one after the other.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAIRS = b""
"""Two bytes a code, in order of the codes; filled in by the build."""
PACKED = b""
"""The texts, each with a zero at its end; filled in by the build."""


class Texts:
    """Texts by number, from -64 on: to look up is shorter than to call, and numbers up to 63 are short, from -16 to 47 shortest."""

    def __getitem__(self, number: int) -> str:
        """The text, unpacked."""
        start = 0
        for _ in range(number + 64):
            start = PACKED.find(b"\0", start) + 1
        found = bytearray()
        _unpack(PACKED[start : PACKED.find(b"\0", start)], found)
        return found.decode()

    def __call__(self, number: int, kind: "type[Exception]", *values: object) -> Exception:
        """An error with the text, in which the values stand where it has a ``%``."""
        return kind(self[number] % values if values else self[number])


def _unpack(packed: bytes, found: bytearray) -> None:
    for code in packed:
        if code == 10 or 31 < code < 127:  # what is printed stands for itself, any other code for a pair
            found.append(code)
        else:
            place = 2 * code if code < 32 else 2 * code - 190  # 95 codes are printable
            _unpack(PAIRS[place : place + 2], found)


TEXTS = Texts()


def table(packed: bytes) -> "tuple[tuple[int, int], ...]":
    """The pairs of numbers, of 16 bits each, big-endian."""
    places = range(0, len(packed), 4)
    return tuple([(packed[n] << 8 | packed[n + 1], packed[n + 2] << 8 | packed[n + 3]) for n in places])


def number(data: bytes) -> int:
    """The number that these bytes are, the highest first."""
    return int.from_bytes(data, "big")


def plain_class(*named: "Any", **values: object) -> type:
    """A class without functions: its name and its base, neither by a name that one of its values may have."""
    return type(named[0], named[1:], values)
