"""Deterministic CBOR (RFC 8949 §4.2.1), encoder and strict decoder, for the types that the contract uses.

Types: integers of 64 bits, byte strings, text, arrays, maps with integer or text keys, ``True``, ``False`` and ``None``. No floating
point numbers, on purpose: boards have single precision only. No tags: the one that the envelope has is part of its first byte.
The decoder accepts exactly one encoding of each value, the one
that the encoder makes; all else (longer heads, unordered or duplicate keys, indefinite lengths, trailing bytes) is ``MalformedError``.
"""

from agent.wire.errors import MalformedError

MAX_DEPTH = 12
"""How deep arrays and maps may nest (a bound on the decoder's stack, on boards too)."""

MAX_KNOWN = 64
MAX_KNOWN_BYTES = 64
_known: "dict[str, bytes]" = {}
"""Encodings of the first short texts met: a device says the same few names and words in each of its messages."""

_MIN_OF_WIDTH = (24, 0x100, 0x10000, 0x100000000)


def head(major: int, n: int) -> bytes:
    """The shortest head of an item: ``major`` type 0…7, argument ``n`` below 2**64.

    Raises:
        MalformedError: ``n`` is negative or does not fit 64 bits.
    """
    major <<= 5
    if n < 24:
        if n < 0:
            raise MalformedError("cbor: a head's argument is negative")
        return bytes((major | n,))
    if n < 0x100:
        return bytes((major | 24, n))
    if n < 0x10000:
        return ((major | 25) << 16 | n).to_bytes(3, "big")
    if n < 0x100000000:
        return ((major | 26) << 32 | n).to_bytes(5, "big")
    if n < 0x10000000000000000:
        return ((major | 27) << 64 | n).to_bytes(9, "big")
    raise MalformedError("cbor: the integer does not fit 64 bits")


def text_string(value: str) -> bytes:
    """``value`` encoded as text.

    Raises:
        MalformedError: it holds a surrogate, which UTF-8 cannot carry.
    """
    known = _known.get(value)
    if known is not None:
        return known
    try:
        b = value.encode()
    except ValueError:  # UnicodeError is one, here and on MicroPython
        raise MalformedError("cbor: text that UTF-8 cannot carry")
    if len(b) != len(value) and _width(value) != len(b):
        raise MalformedError("cbor: text that UTF-8 cannot carry")
    encoded = head(3, len(b)) + b
    if len(_known) < MAX_KNOWN and len(b) <= MAX_KNOWN_BYTES:
        _known[value] = encoded
    return encoded


def _width(text: str) -> int:
    """Bytes of ``text`` in UTF-8 (RFC 3629 §3), -1 if UTF-8 cannot carry it. MicroPython's own codec also takes surrogates, code points
    past U+10FFFF and longer forms, so that whoever relies on it alone reads some bytes that CPython refuses.
    """
    n = 0
    for c in text:
        o = ord(c)
        if o < 0x80:
            n += 1
        elif o < 0x800:
            n += 2
        elif o < 0x10000:
            if 0xD800 <= o < 0xE000:
                return -1
            n += 3
        elif o < 0x110000:
            n += 4
        else:
            return -1
    return n


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
        if 0 <= v < 24:  # type: ignore[operator]  # t is int
            out.append(v)  # type: ignore[arg-type]  # t is int
        elif v > 0:  # type: ignore[operator]  # t is int
            out.extend(head(0, v))  # type: ignore[arg-type]  # t is int
        else:
            out.extend(head(1, -1 - v))  # type: ignore[operator]  # t is int
    elif t is str:
        out.extend(text_string(v))  # type: ignore[arg-type]  # t is str
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
            if type(k) is str:
                pairs.append((text_string(k), item))
            elif type(k) is int:
                pairs.append((head(0, k) if k >= 0 else head(1, -1 - k), item))
            else:
                raise MalformedError("cbor: a map's key is neither text nor integer")
        pairs.sort()  # by the keys alone, for no two are the same
        for k, item in pairs:
            out.extend(k)
            encode_into(item, out, depth - 1)
    else:
        raise MalformedError("cbor: the contract has no type %s" % t.__name__)


def loads(b: bytes) -> "object":
    """The value that ``b`` encodes, the whole of ``b`` and nothing but its deterministic encoding.

    Raises:
        MalformedError: ``b`` is anything else.
    """
    v, i = decode_item(bytes(b), 0)
    if i != len(b):
        raise MalformedError("cbor: %d bytes after the end" % (len(b) - i))
    return v


def decode_item(b: bytes, i: int, depth: int = MAX_DEPTH) -> "tuple[object, int]":
    """The item of ``b`` that starts at ``i``, and where the next one starts. ``b`` is bytes, no view of them. Raises as ``loads``."""
    end = len(b)
    if i >= end:
        raise MalformedError("cbor: ends inside an item")
    first = b[i]
    i += 1
    n = first & 31
    if n >= 24 and first < 0xE0:
        if n > 27:
            raise MalformedError("cbor: indefinite length or reserved head 0x%02x" % first)
        width = 1 << (n - 24)
        if i + width > end:
            raise MalformedError("cbor: ends inside a head")
        least = _MIN_OF_WIDTH[n - 24]
        n = b[i] if width == 1 else int.from_bytes(b[i : i + width], "big")
        if n < least:
            raise MalformedError("cbor: not the shortest head")
        i += width
    if first < 0x20:
        return n, i
    if first < 0x40:
        return -1 - n, i
    if first < 0x80:
        if n > end - i:
            raise MalformedError("cbor: ends inside a string")
        s = b[i : i + n]
        i += n
        return (s if first < 0x60 else _text(s, n)), i
    if first == 0xF4:
        return False, i
    if first == 0xF5:
        return True, i
    if first == 0xF6:
        return None, i
    if first >= 0xC0:
        raise MalformedError("cbor: the contract has no tag, simple value or float 0x%02x" % first)
    if depth <= 0:
        raise MalformedError("cbor: nested deeper than %d" % MAX_DEPTH)
    if n > end - i:
        raise MalformedError("cbor: ends inside an array or a map")
    if first < 0xA0:
        items = []
        for _ in range(n):
            v, i = decode_item(b, i, depth - 1)
            items.append(v)
        return items, i
    entries: "dict[object, object]" = {}
    last = b""
    for _ in range(n):
        start = i
        length = b[i] - 0x60 if i < end else 0
        if 0 < length < 24 and i + length < end:
            i += 1 + length
            key = b[start:i]
            k: "object" = _text(key[1:], length)
        else:
            k, i = decode_item(b, i, 0)
            if type(k) is not str and type(k) is not int:
                raise MalformedError("cbor: a map's key is neither text nor integer")
            key = b[start:i]
        if key <= last:
            raise MalformedError("cbor: a map's keys are not in order, or one is there twice")
        last = key
        entries[k], i = decode_item(b, i, depth - 1)
    return entries, i


def _text(s: bytes, n: int) -> str:
    try:
        text = s.decode()
    except ValueError:  # UnicodeError is one, here and on MicroPython
        raise MalformedError("cbor: text is not UTF-8")
    if len(text) != n and _width(text) != n:
        raise MalformedError("cbor: text is not UTF-8")
    return text
