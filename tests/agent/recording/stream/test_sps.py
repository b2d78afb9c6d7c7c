"""The picture's size out of parameter sets of a real encoder, in several profiles, and nothing worse than an error out of junk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recording.stream import nal, sps
from agent.recording.stream.errors import StreamError
from tests.agent.recording.stream.conftest import encoded


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((64, 48), {}),
        ((70, 50), {"profile": "main"}),
        ((322, 182), {"profile": "high", "preset": "medium"}),
        ((64, 64), {"x264-params": "interlaced=1"}),
    ],
)
def test_size(size: tuple[int, int], options: dict[str, str]) -> None:
    unit = next(unit for unit in nal.split(encoded(1, size, options)[0]) if nal.kind(unit) == nal.SPS)
    told = sps.read(unit)
    assert (told.width, told.height) == size
    assert (told.profile, told.constraints, told.level) == tuple(unit[1:4])


@given(st.binary(max_size=60))
def test_junk(raw: bytes) -> None:
    try:
        told = sps.read(b"\x67" + raw)
    except StreamError:
        return
    assert 0 < told.width <= sps.MAX_SIDE
    assert 0 < told.height <= sps.MAX_SIDE


@pytest.mark.parametrize("unit", [b"", b"\x68abc", b"\x67\x42\x00"])
def test_no_parameter_set(unit: bytes) -> None:
    with pytest.raises(StreamError, match="no sequence parameter set"):
        sps.read(unit)
