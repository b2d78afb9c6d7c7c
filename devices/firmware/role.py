"""What a certificate says its holder is: whether a name in it makes it a broker's. Read as DER (X.690), field by field, never searched.

A device, a center and a broker hold certificates of the same authority; without this, whoever has a device's could pose as the broker.
"""

BROKER = b"urn:dabyl:broker:"
"""How a broker's name begins (a URI among the subject's alternative names)."""

_SEQUENCE = 0x30
_OID = 0x06
_OCTETS = 0x04
_BOOLEAN = 0x01
_EXTENSIONS = 0xA3
_URI = 0x86
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
"""2.5.29.17 (RFC 5280 §4.2.1.6)."""


def is_broker(certificate: bytes) -> bool:
    """Whether ``certificate`` (DER) bears a broker's name. Damaged DER bears none."""
    try:
        return _named(certificate)
    except (ValueError, IndexError):
        return False


def _named(certificate: bytes) -> bool:
    outer = _content(certificate, 0, len(certificate), _SEQUENCE)
    i, end = _content(certificate, outer[0], outer[1], _SEQUENCE)
    while certificate[i] != _EXTENSIONS:
        i = _field(certificate, i, end)[1]
    i, end = _field(certificate, i, end)
    i, end = _content(certificate, i, end, _SEQUENCE)
    while i < end:
        here, i = _content(certificate, i, end, _SEQUENCE)
        oid, after = _content(certificate, here, i, _OID)
        if certificate[oid:after] == _ALTERNATIVE_NAMES:
            if certificate[after] == _BOOLEAN:
                after = _field(certificate, after, i)[1]
            here, after = _content(certificate, after, i, _OCTETS)
            here, after = _content(certificate, here, after, _SEQUENCE)
            while here < after:
                kind = certificate[here]
                name, here = _field(certificate, here, after)
                if kind == _URI and certificate[name:here].startswith(BROKER):
                    return True
            return False
    return False


def _content(b: bytes, i: int, end: int, tag: int) -> "tuple[int, int]":
    """As ``_field``, of a field that has to have this tag."""
    if b[i] != tag:
        raise ValueError
    return _field(b, i, end)


def _field(b: bytes, i: int, end: int) -> "tuple[int, int]":
    """Where the content of the field at ``i`` starts and ends.

    Raises:
        ValueError: it does not end by ``end``.
        IndexError: the certificate ends before it.
    """
    size = b[i + 1]
    i += 2
    if size & 0x80:
        width = size & 0x7F
        size = int.from_bytes(b[i : i + width], "big")
        i += width
    if i + size > end:
        raise ValueError
    return i, i + size
