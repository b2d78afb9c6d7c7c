"""The SEI of ONVIF Media Signing in H.264: one signed period (at most one GOP) and who signed it, as bytes and back.

A SEI message "user data unregistered" with the standard's UUID, one byte of flags, then fields of one byte tag, two bytes length
(big endian, as the reference code has it) and value. What is signed are the NAL unit's bytes from its header up to the signature's
field, emulation prevention included (flag ``0x40`` says so): ECDSA P-256 with SHA-256.
"""

import struct
from dataclasses import dataclass

from agent.keys import p256, pem
from agent.keys.errors import SignatureFormatError
from agent.recording.stream import nal
from agent.recording.stream.errors import StreamError

HASH_SIZE = 32
MAX_HASHES = 300
"""NAL units in a signed period at most, a bound of the reference implementation."""
MAX_SIZE = 65536
"""Bytes of a whole SEI that is read."""
MAX_CERTIFICATES = 5

_UUID = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
_HEADER = b"\x06\x05"
_PROTECTED_FIRST = 0x40
_STOP = b"\x80"
_GENERAL, _HASHES, _SIGNATURE, _CRYPTO, _VENDOR, _CERTIFICATES = 1, 2, 3, 4, 5, 6
_GENERAL_FIELDS = struct.Struct(">B3sBqqIH32s32s")
_GENERAL_VERSION = 2
_SOFTWARE = bytes((25, 12, 3))
"""The release of the reference implementation whose format this is."""
_SHA256 = bytes.fromhex("0609608648016503040201")
"""The object identifier 2.16.840.1.101.3.4.2.1 in DER."""
_SIGNATURE_ROOM = 72
"""A DER signature of P-256 has at most this many bytes; unused ones are 1."""
_EPOCH_MS = 11_644_473_600_000
"""Milliseconds from 1601 to 1970: times are 100 ns since 1601."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who made the stream, as the format can say it: texts of at most 255 bytes."""

    firmware: str
    serial: str
    manufacturer: str


@dataclass(frozen=True, slots=True)
class Period:
    """What one SEI says of its signed period.

    ``counter`` runs from 1. ``partial`` tells that the period does not end with its GOP. ``hashes`` are those of the slices in order,
    the first one the anchor where the period begins a GOP; ``gop_hash`` is over all of them; ``link`` is the first hash of the period
    before. Times in milliseconds since 1970 UTC. ``vendor`` and ``certificates`` (DER, leaf first) are None and empty if not told.
    """

    counter: int
    partial: bool
    start_ms: int
    end_ms: int
    gop_hash: bytes
    link: bytes
    hashes: tuple[bytes, ...]
    vendor: Vendor | None = None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A SEI as it was read: its claims, the bytes that were signed, and the signature, ``r || s``."""

    period: Period
    signed: bytes
    signature: bytes


def opening(period: Period) -> bytes:
    """The NAL unit up to the signature's field, protected: what is to be signed.

    Raises:
        StreamError: a value that the format cannot hold.
    """
    if not 0 < len(period.hashes) <= MAX_HASHES:
        raise StreamError(f"a signed period has 1 to {MAX_HASHES} NAL units, this has {len(period.hashes)}")
    fields = b"".join(
        (
            _field(_CRYPTO, bytes((1, len(_SHA256))) + _SHA256 + b"\x00\x00\x00"),
            b"" if period.vendor is None else _field(_VENDOR, _vendor_value(period.vendor)),
            _field(_CERTIFICATES, b"\x01\x00" + _chain_text(period.certificates)) if period.certificates else b"",
            _field(_GENERAL, _general_value(period)),
            _field(_HASHES, b"\x01" + b"".join(period.hashes)),
        )
    )
    size = len(_UUID) + 1 + len(fields) + 3 + 3 + _SIGNATURE_ROOM
    head = _HEADER + b"\xff" * (size // 255) + bytes((size % 255,)) + _UUID + bytes((_PROTECTED_FIRST,))
    return nal.protect(head + fields)


def closed(opened: bytes, signature: bytes) -> bytes:
    """The whole NAL unit: what ``opening`` made, and its signature (``r || s``)."""
    der = p256.der_from_raw(signature)
    value = b"\x01" + len(der).to_bytes(2, "big") + der.ljust(_SIGNATURE_ROOM, b"\x01")
    zeros = opened[-2:] if opened[-2:] == b"\x00\x00" else b""
    rest = nal.protect(zeros + _field(_SIGNATURE, value))
    return opened + rest[len(zeros) :] + _STOP


def is_signing(unit: bytes) -> bool:
    """Whether this NAL unit is a SEI of ONVIF Media Signing."""
    if not unit.startswith(_HEADER):
        return False
    at = 2
    while at < len(unit) and unit[at] == 0xFF:
        at += 1
    return unit[at + 1 : at + 1 + len(_UUID)] == _UUID


def read(unit: bytes) -> Read:
    """What a SEI of ONVIF Media Signing says. Claims: nothing of it is proven before its signature was verified.

    Raises:
        StreamError: it is none, is damaged, or uses what Dabyl does not (another hash, RSA, a list that was left out).
    """
    if len(unit) > MAX_SIZE or not is_signing(unit):
        raise StreamError("no SEI of ONVIF Media Signing")
    raw = nal.unprotect(unit)
    at = 2
    size = 0
    while at < len(raw) and raw[at] == 0xFF:
        size += 255
        at += 1
    if at >= len(raw):
        raise StreamError("the signing SEI ends too early")
    size += raw[at]
    body = raw[at + 1 : at + 1 + size]
    if len(body) != size or raw[at + 1 + size :] != _STOP or len(body) <= len(_UUID):
        raise StreamError("the signing SEI has another length than it says")
    if body[len(_UUID)] != _PROTECTED_FIRST:
        raise StreamError("the signing SEI is of a sort that Dabyl does not write (flags)")
    values, signature_at = _fields(body, len(_UUID) + 1)
    signed = nal.protect(raw[: at + 1 + signature_at])
    if not unit.startswith(signed):
        raise StreamError("the signing SEI's bytes are not protected as the standard has it")
    return Read(_period(values), signed, _signature(values[_SIGNATURE]))


def _field(tag: int, value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise StreamError(f"field {tag} of the signing SEI would have {len(value)} bytes")
    return bytes((tag,)) + len(value).to_bytes(2, "big") + value


def _general_value(period: Period) -> bytes:
    return _GENERAL_FIELDS.pack(
        _GENERAL_VERSION,
        _SOFTWARE,
        period.partial,
        (period.start_ms + _EPOCH_MS) * 10_000,
        (period.end_ms + _EPOCH_MS) * 10_000,
        period.counter & 0xFFFFFFFF,
        len(period.hashes),
        period.gop_hash,
        period.link,
    )


def _vendor_value(vendor: Vendor) -> bytes:
    parts = [text.encode() for text in (vendor.firmware, vendor.serial, vendor.manufacturer)]
    if max(map(len, parts)) > 255:
        raise StreamError("a vendor's text has more than 255 bytes")
    return b"\x01" + b"".join(bytes((len(part),)) + part for part in parts)


def _chain_text(certificates: tuple[bytes, ...]) -> bytes:
    if len(certificates) > MAX_CERTIFICATES:
        raise StreamError(f"{len(certificates)} certificates, a signing SEI carries at most {MAX_CERTIFICATES}")
    return "".join(pem.encoded("CERTIFICATE", der) for der in certificates).encode("ascii")


def _fields(body: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """All fields by tag, and where the signature's begins: the last one."""
    values: dict[int, bytes] = {}
    while at < len(body):
        begin = at
        tag = body[at]
        length = int.from_bytes(body[at + 1 : at + 3], "big")
        at += 3 + length
        if at > len(body) or tag in values:
            raise StreamError("the fields of the signing SEI are damaged")
        values[tag] = body[begin + 3 : at]
        if tag == _SIGNATURE and at != len(body):
            raise StreamError("the signing SEI goes on behind its signature")
    if not {_GENERAL, _HASHES, _SIGNATURE} <= values.keys():
        raise StreamError("the signing SEI lacks a field that Dabyl needs")
    return values, begin


def _period(values: dict[int, bytes]) -> Period:
    general = values[_GENERAL]
    if len(general) != _GENERAL_FIELDS.size or general[0] != _GENERAL_VERSION:
        raise StreamError("the signing SEI is of a version that Dabyl does not know")
    _, _, partial, start, end, counter, count, gop_hash, link = _GENERAL_FIELDS.unpack(general)
    listed = values[_HASHES]
    hashes = tuple(listed[at : at + HASH_SIZE] for at in range(1, len(listed), HASH_SIZE))
    if listed[:1] != b"\x01" or len(listed) != 1 + HASH_SIZE * count or not 0 < count <= MAX_HASHES:
        raise StreamError("the signing SEI lists another number of hashes than it says")
    crypto = values.get(_CRYPTO)
    if crypto is not None and crypto[:13] != bytes((1, len(_SHA256))) + _SHA256:
        raise StreamError("the signing SEI uses another hash than SHA-256")
    return Period(
        counter,
        bool(partial),
        start // 10_000 - _EPOCH_MS,
        end // 10_000 - _EPOCH_MS,
        gop_hash,
        link,
        hashes,
        _read_vendor(values[_VENDOR]) if _VENDOR in values else None,
        _read_chain(values[_CERTIFICATES]) if _CERTIFICATES in values else (),
    )


def _read_vendor(value: bytes) -> Vendor:
    texts = []
    at = 1
    for _ in range(3):
        length = value[at] if at < len(value) else 256
        part = value[at + 1 : at + 1 + length]
        if len(part) != length:
            raise StreamError("the vendor's texts in the signing SEI are damaged")
        texts.append(part.decode("utf-8", "replace"))
        at += 1 + length
    return Vendor(*texts)


def _read_chain(value: bytes) -> tuple[bytes, ...]:
    try:
        found = pem.blocks(value[2:].decode("ascii"), MAX_CERTIFICATES)
    except ValueError as error:
        raise StreamError(f"the certificates in the signing SEI are damaged: {error}") from None
    return tuple(der for label, der in found if label == "CERTIFICATE")


def _signature(value: bytes) -> bytes:
    length = int.from_bytes(value[1:3], "big")
    if value[:1] != b"\x01" or not 0 < length <= len(value) - 3:
        raise StreamError("the signature's field in the signing SEI is damaged")
    try:
        return p256.raw_from_der(value[3 : 3 + length])
    except SignatureFormatError as error:
        raise StreamError(f"the signing SEI: {error}") from None
