"""The signing SEI: its bytes are what the standard says, it comes back, and whatever was damaged is found."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.keys import p256
from agent.keys.file import FileKey
from agent.recording.stream import nal, sei
from agent.recording.stream.errors import StreamError

HASHES = tuple(sha256(bytes((number,))).digest() for number in range(30))
UUID = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    return FileKey.generate(str(tmp_path_factory.mktemp("key") / "key.pem"))


def period(hashes: tuple[bytes, ...] = HASHES) -> sei.Period:
    return sei.Period(
        counter=7,
        partial=True,
        start_ms=1_790_000_000_123,
        end_ms=1_790_000_001_123,
        gop_hash=sha256(b"".join(hashes)).digest(),
        link=bytes(32),
        hashes=hashes,
        vendor=sei.Vendor("1.2", "badge-001", "dabyl"),
        certificates=(b"leaf" * 100, b"issuing" * 60),
    )


def written(made: sei.Period, key: FileKey) -> bytes:
    opened = sei.opening(made)
    return sei.closed(opened, key.sign(opened))


def test_bytes(key: FileKey) -> None:
    unit = written(period(), key)
    raw = nal.unprotect(unit)
    size = 2
    while raw[size] == 0xFF:
        size += 1
    assert unit[:2] == b"\x06\x05"
    assert (size - 2) * 255 + raw[size] == len(raw) - size - 2
    assert raw[size + 1 : size + 17] == UUID
    assert raw[size + 17] == 0x40
    assert raw[-1] == 0x80
    tags, at = [], size + 18
    while at < len(raw) - 1:
        tags.append(raw[at])
        at += 3 + int.from_bytes(raw[at + 1 : at + 3], "big")
    assert tags == [4, 5, 6, 1, 2, 3]
    assert at == len(raw) - 1


def test_what_is_signed_ends_before_the_signature(key: FileKey) -> None:
    opened = sei.opening(period())
    unit = sei.closed(opened, key.sign(opened))
    assert unit.startswith(opened + b"\x03\x00\x4b\x01\x00")
    assert len(nal.unprotect(unit[len(opened) :])) == 3 + 3 + 72 + 1


def test_times_are_100_ns_since_1601(key: FileKey) -> None:
    raw = nal.unprotect(written(period(), key))
    assert ((1_790_000_000_123 + 11_644_473_600_000) * 10_000).to_bytes(8, "big") in raw


def test_comes_back(key: FileKey) -> None:
    read = sei.read(written(period(), key))
    assert read.period == period()
    assert p256.verifier(key.public_der)(read.signature, read.signed)


@pytest.mark.parametrize("end", [b"\x00\x00", b"\x00\x00\x00", b"\x01\x00"])
def test_a_hash_list_that_ends_in_zeros(key: FileKey, end: bytes) -> None:
    """The signature's tag, 3, would be taken for emulation prevention."""
    hashes = (*HASHES[:-1], HASHES[-1][: -len(end)] + end)
    unit = written(period(hashes), key)
    read = sei.read(unit)
    assert read.period.hashes == hashes
    assert p256.verifier(key.public_der)(read.signature, read.signed)
    assert b"\x00\x00\x00" not in unit
    assert nal.split(b"\x00\x00\x01" + unit) == [unit]


def test_protected_where_nothing_is_to_be_protected(key: FileKey) -> None:
    """What was signed has one form: the same with more emulation prevention is not it."""
    unit = written(period((b"\x00\x00\x09" + bytes(29), *HASHES)), key)
    at = unit.index(b"\x00\x00\x09") + 2
    with pytest.raises(StreamError, match="protected"):
        sei.read(unit[:at] + b"\x03" + unit[at:])


@pytest.fixture(scope="module")
def whole(key: FileKey) -> bytes:
    """Made once: each signature is another, and not even all are equally long."""
    return written(period(), key)


@given(st.data())
def test_damaged(key: FileKey, whole: bytes, data: st.DataObject) -> None:
    unit = bytearray(whole)
    at = data.draw(st.integers(0, len(unit) - 1))
    unit[at] ^= data.draw(st.integers(1, 255))
    try:
        read = sei.read(bytes(unit))
    except StreamError:
        return
    padding = range(len(unit) - 9, len(unit))
    verified = p256.verifier(key.public_der)(read.signature, read.signed)
    assert not verified or at in padding


@given(st.binary(max_size=300))
def test_junk(raw: bytes) -> None:
    with pytest.raises(StreamError):
        sei.read(b"\x06\x05\xff\x10" + UUID + raw)


def test_bounds() -> None:
    with pytest.raises(StreamError, match="300"):
        sei.opening(period(HASHES * 11))
    with pytest.raises(StreamError, match="1 to 300"):
        sei.opening(period(()))
    with pytest.raises(StreamError, match="no SEI"):
        sei.read(b"\x06\x05" + b"\xff" * 70_000)
