"""The center's CBOR decoder: as strict as ``agent.wire.cbor.loads``, with cbor2 doing the reading.

Accepts exactly the bytes that the contract's own decoder accepts, and returns equal values.
Whatever arrives ends in a value or in ``MalformedError``.
"""

import cbor2

from agent.wire import cbor
from agent.wire.errors import MalformedError


def loads(b: bytes) -> object:
    """The value that ``b`` encodes, the whole of ``b`` and nothing but its deterministic encoding (RFC 8949 §4.2.1).

    Raises:
        MalformedError: ``b`` is anything else, nests deeper than ``cbor.MAX_DEPTH``, or holds a type that no payload has.
    """
    try:
        value = cbor2.loads(b)
        # Longer heads, indefinite lengths, keys there twice and bytes after the end all vanish when the value is written again.
        same = cbor2.dumps(value) == b
    except Exception as error:  # noqa: BLE001  a tag's decoder (date, pattern, address …) fails in ways of its own, recursion included
        raise MalformedError(f"cbor: {type(error).__name__} while decoding") from None
    if not same:
        raise MalformedError("cbor: not the deterministic encoding")
    _check(value, cbor.MAX_DEPTH)
    return value


def _check(value: object, depth: int) -> None:
    """That ``value`` has only the contract's types, nests no deeper than ``depth``, and its maps' keys ascend in their encoding."""
    kind = type(value)
    if kind is int or kind is str or kind is bytes or value is None or kind is bool:
        if kind is int and not -0x10000000000000000 <= value < 0x10000000000000000:  # type: ignore[operator]  # kind is int
            raise MalformedError("cbor: the integer does not fit 64 bits")
        return
    if depth <= 0:
        raise MalformedError(f"cbor: nested deeper than {cbor.MAX_DEPTH}")
    if kind is dict:
        last = b""
        for key, item in value.items():  # type: ignore[attr-defined]  # kind is dict
            if type(key) is not str and type(key) is not int:
                raise MalformedError("cbor: a map's key is neither text nor integer")
            encoded = cbor.dumps(key)
            if encoded <= last:
                raise MalformedError("cbor: a map's keys are not in order")
            last = encoded
            _check(item, depth - 1)
    elif kind is list:
        for item in value:  # type: ignore[attr-defined]  # kind is list
            _check(item, depth - 1)
    else:
        raise MalformedError(f"cbor: the contract has no type {kind.__name__}")
