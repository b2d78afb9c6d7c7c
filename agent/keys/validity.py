"""From when until when a certificate is valid, read from its DER without X.509 code, which the running agent does not load."""

from agent.keys.errors import CredentialsError

_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18


def validity(der: bytes) -> "tuple[int, int]":
    """(not before, not after) of a certificate, milliseconds since 1970 UTC.

    Raises:
        CredentialsError: it is not laid out like a certificate (RFC 5280 section 4.1).
    """
    try:
        _, certificate, _ = _element(der)
        _, rest, _ = _element(certificate)
        if rest[0] == _VERSION:
            _, _, rest = _element(rest)
        for _ in range(3):  # serial number, algorithm, issuer
            _, _, rest = _element(rest)
        _, times, _ = _element(rest)
        tag, begin, times = _element(times)
        after_tag, end, _ = _element(times)
        return _time(tag, begin), _time(after_tag, end)
    except (IndexError, ValueError, OverflowError):
        raise CredentialsError(
            "the certificate's validity cannot be read: it is damaged, enrol the device again"
        ) from None


def due_ms(der: bytes) -> int:
    """When a certificate is to be renewed: with a third of its lifetime left. Milliseconds since 1970 UTC. Raises as ``validity``."""
    begin_ms, end_ms = validity(der)
    return end_ms - (end_ms - begin_ms) // 3


def _element(data: bytes) -> "tuple[int, bytes, bytes]":
    """Tag and contents of the first DER element, and what follows it."""
    size, at = data[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big")
    if at + size > len(data):
        raise ValueError(size)
    return data[0], data[at : at + size], data[at + size :]


def _time(tag: int, text: bytes) -> int:
    digits = text.decode("ascii")
    if tag == _UTC_TIME and len(digits) == 13:
        digits = ("19" if digits >= "50" else "20") + digits  # RFC 5280 section 4.1.2.5.1
    elif tag != _GENERALIZED_TIME:
        raise ValueError(tag)
    if len(digits) != 15 or not digits[:14].isdigit() or digits[14] != "Z":
        raise ValueError(digits)
    year, month, day, hour, minute, second = int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        raise ValueError(digits)
    return 1000 * (86400 * _days(year, month, day) + 3600 * hour + 60 * minute + second)


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, in years that begin in March, so that the leap day is the last; `calendar` is more than it takes."""
    year -= month < 3
    month = (month + 9) % 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 719_469
