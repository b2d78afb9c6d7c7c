"""PEM text blocks (RFC 7468) without a cryptography import: split, decode, encode. Strict, bounded, knows nothing of the contents."""

import binascii

_BEGIN = "-----BEGIN "
_END = "-----END "
_DASHES = "-----"
_LINE = 64


def blocks(text: str, limit: int) -> "list[tuple[str, bytes]]":
    """The (label, DER) pairs of all PEM blocks in ``text``, in order. Text outside of blocks is ignored, as RFC 7468 section 2 allows.

    Args:
        text: the file's text.
        limit: the most blocks that are accepted.

    Raises:
        ValueError: a block is not closed, its base64 is broken or empty, or there are more than ``limit``. Callers translate it.
    """
    found: list[tuple[str, bytes]] = []
    label = None
    body: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if label is None:
            if line.startswith(_BEGIN) and line.endswith(_DASHES):
                label = line[len(_BEGIN) : -len(_DASHES)]
                body = []
        elif line.startswith(_END):
            if line != f"{_END}{label}{_DASHES}":
                raise ValueError(f"line {number}: the block {label[:40]!r} is closed by {line[:60]!r}")
            found.append((label, _decoded("".join(body), number)))
            if len(found) > limit:
                raise ValueError(f"line {number}: more than {limit} blocks")
            label = None
        elif line.startswith(_BEGIN):
            raise ValueError(f"line {number}: the block {label[:40]!r} is not closed")
        else:
            body.append(line)
    if label is not None:
        raise ValueError(f"the last block, {label[:40]!r}, is not closed")
    return found


def encoded(label: str, der: bytes) -> str:
    """One PEM block, lines of 64 characters, ending in a newline."""
    text = binascii.b2a_base64(der, newline=False).decode("ascii")
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"{_BEGIN}{label}{_DASHES}", *lines, f"{_END}{label}{_DASHES}", ""])


def _decoded(body: str, number: int) -> bytes:
    try:
        der = binascii.a2b_base64(body.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"the block that ends in line {number} is not base64: {error}") from None
    if not der:
        raise ValueError(f"the block that ends in line {number} is empty")
    return der
