"""What the fields of a payload may hold. Each check returns the value or raises ``MalformedError`` naming the field."""

from agent.wire.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Loads = Callable[[bytes], object]

UINT32 = 0xFFFFFFFF
UINT53 = 0x1FFFFFFFFFFFFF
"""The largest integer that JSON carries exactly everywhere (RFC 8259 §6)."""

# Stripping these from both ends leaves nothing exactly where a text holds nothing else.
_ID_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"
_WORD_CHARS = _ID_CHARS + "."

_SCALARS = (int, str, bool, bytes, bytearray, type(None))


def open_map(payload: bytes, names: "tuple[str, ...]", what: str, loads: "Loads") -> "dict[str, object]":
    """The map that ``payload`` encodes, with exactly the keys ``names``."""
    fields = loads(payload)
    if not isinstance(fields, dict):
        raise MalformedError("%s: the payload is not a map" % what)
    for name in names:
        if name not in fields:
            raise MalformedError("%s: no field '%s'" % (what, name))
    if len(fields) != len(names):
        raise MalformedError("%s: fields that the contract does not have" % what)
    return fields


def uint(value: "object", name: str, low: int = 0, high: int = UINT53) -> int:
    """An integer from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        raise MalformedError("'%s' is not an integer from %d to %d" % (name, low, high))
    return value


def flag(value: "object", name: str) -> bool:
    """True or False."""
    if value is not True and value is not False:
        raise MalformedError("'%s' is neither true nor false" % name)
    return value


def text(value: "object", name: str, most: int) -> str:
    """Text of 1 to ``most`` characters."""
    if type(value) is not str or not 0 < len(value) <= most:
        raise MalformedError("'%s' is not a text of 1 to %d characters" % (name, most))
    return value


def identity(value: "object", name: str) -> str:
    """A name matching ``[a-z0-9][a-z0-9-]{2,62}``."""
    if type(value) is not str or not 3 <= len(value) <= 63 or value[0] == "-" or value.strip(_ID_CHARS):
        raise MalformedError("'%s' does not match [a-z0-9][a-z0-9-]{2,62}" % name)
    return value


def word(value: "object", name: str, most: int = 64) -> str:
    """A lower-case word or dotted words: letters, digits, hyphens, single dots between them."""
    if (
        type(value) is not str
        or not 0 < len(value) <= most
        or value[0] == "."
        or value[-1] == "."
        or ".." in value
        or value.strip(_WORD_CHARS)
    ):
        raise MalformedError("'%s' is not a lower-case (dotted) word of at most %d characters" % (name, most))
    return value


def octets(value: "object", name: str, length: int) -> bytes:
    """A byte string of exactly ``length`` bytes."""
    if type(value) is not bytes or len(value) != length:
        raise MalformedError("'%s' is not a byte string of %d bytes" % (name, length))
    return value


def free_map(value: "object", name: str) -> "dict[str, object]":
    """A map with text keys, holding integers, text, byte strings, booleans, nulls, arrays and such maps."""
    if type(value) is not dict:
        raise MalformedError("'%s' is not a map" % name)
    _free(value, name)
    return value


def _free(value: "object", name: str) -> None:
    t = type(value)
    if t is dict:
        for k, v in value.items():  # type: ignore[attr-defined]  # t is dict
            if type(k) is not str:
                raise MalformedError("'%s' holds a map with a key that is no text" % name)
            if type(v) not in _SCALARS:
                _free(v, name)
    elif t is list or t is tuple:
        for v in value:  # type: ignore[attr-defined]  # t is list
            if type(v) not in _SCALARS:
                _free(v, name)
    elif t not in _SCALARS:
        raise MalformedError("'%s' holds a %s, which the contract does not have" % (name, t.__name__))


def triples(value: "object", name: str, most: int, high: "tuple[int, int, int]") -> "list[tuple[int, int, int]]":
    """An array of at most ``most`` arrays of three integers, each from 1 to its ``high``."""
    if type(value) is not list or len(value) > most:
        raise MalformedError("'%s' is not an array of at most %d entries" % (name, most))
    out = []
    for entry in value:
        if type(entry) is not list or len(entry) != 3:
            raise MalformedError("'%s' holds an entry that is not three integers" % name)
        a, b, c = entry
        out.append((uint(a, name, 1, high[0]), uint(b, name, 1, high[1]), uint(c, name, 1, high[2])))
    return out
