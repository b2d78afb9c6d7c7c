"""Byte streams are cut and joined without a byte lost, and no start code ever arises in what is protected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recording.stream import nal
from agent.recording.stream.errors import StreamError

ZEROS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 0x67]), max_size=60).map(bytes)


def test_what_an_encoder_writes(units: list[bytes]) -> None:
    kinds = [nal.kind(unit) for unit in nal.split(units[0])]
    assert kinds[:2] == [nal.SPS, nal.PPS]
    assert nal.IDR in kinds
    assert [nal.kind(unit) for unit in nal.split(units[1])] == [nal.SLICE]


@pytest.mark.parametrize("code", [b"\x00\x00\x01", b"\x00\x00\x00\x01"])
def test_start_codes_of_both_lengths_and_zeros_behind(code: bytes) -> None:
    assert nal.split(code + b"\x67a" + code + b"\x68b\x00\x00" + code + code + b"\x65c") == [
        b"\x67a",
        b"\x68b",
        b"\x65c",
    ]


def test_no_byte_stream() -> None:
    with pytest.raises(StreamError, match="no start code"):
        nal.split(b"\x00\x00\x02 no")


def test_units_have_a_bound() -> None:
    with pytest.raises(StreamError, match="more than"):
        nal.split(b"\x00\x00\x01\x65" * (nal.MAX_UNITS + 1))
    with pytest.raises(StreamError, match="more than"):
        nal.parted(b"\x00\x00\x00\x01\x65" * (nal.MAX_UNITS + 1))


@given(st.lists(st.binary(min_size=1, max_size=40).map(lambda raw: raw + b"\x80"), max_size=8))
def test_a_sample_gives_back_its_units(some: list[bytes]) -> None:
    assert nal.parted(nal.joined(some)) == some


def test_a_unit_longer_than_its_sample() -> None:
    with pytest.raises(StreamError, match="longer than the sample"):
        nal.parted(b"\x00\x00\x00\x09\x65abc")


@given(st.binary(max_size=80), st.sampled_from([1, 2, 4]))
def test_a_hostile_sample_ends_in_units_or_the_documented_error(sample: bytes, length_size: int) -> None:
    try:
        assert sum(map(len, nal.parted(sample, length_size))) <= len(sample)
    except StreamError:
        return


@given(ZEROS)
def test_protected_bytes_hold_no_start_code_and_come_back(raw: bytes) -> None:
    protected = nal.protect(raw)
    assert not any(protected[at : at + 2] == b"\x00\x00" and protected[at + 2] < 3 for at in range(len(protected) - 2))
    assert nal.unprotect(protected) == raw
