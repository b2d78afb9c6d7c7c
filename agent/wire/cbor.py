"""Deterministic CBOR (RFC 8949 §4.2.1), encoder and strict decoder, for the types that the contract uses.

Types: integers of 64 bits, byte strings, text, arrays, maps with integer or text keys, ``True``, ``False``, ``None`` and tags. No
floating point numbers, on purpose: boards have single precision only. The decoder accepts exactly one encoding of each value, the one
that the encoder makes; all else (longer heads, unordered or duplicate keys, indefinite lengths, trailing bytes) is ``MalformedError``.
"""

from agent.wire.errors import MalformedError

MAX_DEPTH = 12
"""How deep arrays, maps and tags may nest (a bound on the decoder's stack, on boards too)."""

_MIN_OF_WIDTH = (24, 0x100, 0x10000, 0x100000000)


class Tag:
    """A tagged item (RFC 8949 §3.4): ``tag`` is the number, ``value`` the item."""

    def __init__(self, tag: int, value: "object") -> None:
        self.tag = tag
        self.value = value

    def __eq__(self, other: "object") -> bool:
        return isinstance(other, Tag) and other.tag == self.tag and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.tag)

    def __repr__(self) -> str:
        return "Tag(%d, %r)" % (self.tag, self.value)


def head(major: int, n: int) -> bytes:
    """The shortest head of an item: ``major`` type 0…7, argument ``n`` below 2**64.

    Raises:
        MalformedError: ``n`` does not fit 64 bits.
    """
    if n < 24:
        return bytes((major << 5 | n,))
    if n < 0x100:
        return bytes((major << 5 | 24, n))
    if n < 0x10000:
        return bytes((major << 5 | 25, n >> 8, n & 255))
    if n < 0x100000000:
        return bytes((major << 5 | 26,)) + n.to_bytes(4, "big")
    if n < 0x10000000000000000:
        return bytes((major << 5 | 27,)) + n.to_bytes(8, "big")
    raise MalformedError("cbor: the integer does not fit 64 bits")


def byte_string(value: "bytes | bytearray") -> bytes:
    """``value`` encoded as a byte string."""
    return head(2, len(value)) + value


def dumps(value: "object") -> bytes:
    """The deterministic encoding of ``value``.

    Raises:
        MalformedError: a type, an integer or a depth that the contract does not have.
    """
    out = bytearray()
    encode_into(value, out)
    return bytes(out)


def encode_into(v: "object", out: bytearray, depth: int = MAX_DEPTH) -> None:
    """Append the deterministic encoding of ``v`` to ``out``. Raises as ``dumps``."""
    t = type(v)
    if t is int:
        if v >= 0:  # type: ignore[operator]  # t is int
            out.extend(head(0, v))  # type: ignore[arg-type]  # t is int
        else:
            out.extend(head(1, -1 - v))  # type: ignore[operator]  # t is int
    elif t is str:
        text = v.encode()  # type: ignore[attr-defined]  # t is str
        out.extend(head(3, len(text)))
        out.extend(text)
    elif t is bytes or t is bytearray:
        out.extend(head(2, len(v)))  # type: ignore[arg-type]  # t is bytes
        out.extend(v)  # type: ignore[arg-type]  # t is bytes
    elif v is True:
        out.append(0xF5)
    elif v is False:
        out.append(0xF4)
    elif v is None:
        out.append(0xF6)
    elif depth <= 0:
        raise MalformedError("cbor: nested deeper than %d" % MAX_DEPTH)
    elif t is list or t is tuple:
        out.extend(head(4, len(v)))  # type: ignore[arg-type]  # t is list
        for item in v:  # type: ignore[attr-defined]  # t is list
            encode_into(item, out, depth - 1)
    elif t is dict:
        out.extend(head(5, len(v)))  # type: ignore[arg-type]  # t is dict
        pairs = []
        for k, item in v.items():  # type: ignore[attr-defined]  # t is dict
            if type(k) is not str and type(k) is not int:
                raise MalformedError("cbor: a map's key is neither text nor integer")
            pairs.append((dumps(k), item))
        pairs.sort(key=_first)
        for k, item in pairs:
            out.extend(k)
            encode_into(item, out, depth - 1)
    elif t is Tag:
        out.extend(head(6, v.tag))  # type: ignore[attr-defined]  # t is Tag
        encode_into(v.value, out, depth - 1)  # type: ignore[attr-defined]  # t is Tag
    else:
        raise MalformedError("cbor: the contract has no type %s" % t.__name__)


def _first(pair: "tuple[bytes, object]") -> bytes:
    return pair[0]


def loads(b: bytes) -> "object":
    """The value that ``b`` encodes, the whole of ``b`` and nothing but its deterministic encoding.

    Raises:
        MalformedError: ``b`` is anything else.
    """
    v, i = decode_item(b, 0)
    if i != len(b):
        raise MalformedError("cbor: %d bytes after the end" % (len(b) - i))
    return v


def decode_item(b: bytes, i: int, depth: int = MAX_DEPTH) -> "tuple[object, int]":
    """The item of ``b`` that starts at ``i``, and where the next one starts. Raises as ``loads``."""
    end = len(b)
    if i >= end:
        raise MalformedError("cbor: ends inside an item")
    first = b[i]
    i += 1
    major = first >> 5
    n = first & 31
    if major == 7:
        if n == 20:
            return False, i
        if n == 21:
            return True, i
        if n == 22:
            return None, i
        raise MalformedError("cbor: the contract has no simple value or float 0x%02x" % first)
    if n >= 24:
        if n > 27:
            raise MalformedError("cbor: indefinite length or reserved head 0x%02x" % first)
        width = 1 << (n - 24)
        if i + width > end:
            raise MalformedError("cbor: ends inside a head")
        least = _MIN_OF_WIDTH[n - 24]
        n = int.from_bytes(b[i : i + width], "big")
        if n < least:
            raise MalformedError("cbor: not the shortest head")
        i += width
    if major == 0:
        return n, i
    if major == 1:
        return -1 - n, i
    if major < 4:
        if n > end - i:
            raise MalformedError("cbor: ends inside a string")
        s = bytes(b[i : i + n])
        i += n
        if major == 2:
            return s, i
        try:
            return s.decode(), i
        except ValueError:  # UnicodeError is one, here and on MicroPython
            raise MalformedError("cbor: text is not UTF-8")
    if depth <= 0:
        raise MalformedError("cbor: nested deeper than %d" % MAX_DEPTH)
    if major == 4:
        if n > end - i:
            raise MalformedError("cbor: ends inside an array")
        items = []
        for _ in range(n):
            v, i = decode_item(b, i, depth - 1)
            items.append(v)
        return items, i
    if major == 5:
        if n > end - i:
            raise MalformedError("cbor: ends inside a map")
        entries: "dict[object, object]" = {}
        last = b""
        for _ in range(n):
            start = i
            k, i = decode_item(b, i, 0)
            if type(k) is not str and type(k) is not int:
                raise MalformedError("cbor: a map's key is neither text nor integer")
            key = bytes(b[start:i])
            if key <= last:
                raise MalformedError("cbor: a map's keys are not in order, or one is there twice")
            last = key
            entries[k], i = decode_item(b, i, depth - 1)
        return entries, i
    v, i = decode_item(b, i, depth - 1)
    return Tag(n, v), i
