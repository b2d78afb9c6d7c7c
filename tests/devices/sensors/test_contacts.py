"""Plain contacts and loop currents: what is said, and that a cut wire never says that nobody is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sensors import contacts
from devices.sensors.readings import LampCurrent, Motion


def test_a_cut_wire_looks_like_somebody() -> None:
    assert contacts.motion(False, 5) == Motion(5, True)
    assert contacts.motion(True, 5) == Motion(5, False)


@pytest.mark.parametrize(
    ("loop_ua", "ma"),
    [
        (0, None),
        (3_599, None),
        (3_600, 0),
        (4_000, 0),
        (4_001, 0),
        (12_000, 2_500),
        (20_000, 5_000),
        (21_000, 5_313),
        (21_001, None),
        (65_535, None),
    ],
)
def test_a_lamps_current_by_that_of_the_loop(loop_ua: int, ma: int | None) -> None:
    expected = None if ma is None else LampCurrent(5, "left", ma)
    assert contacts.lamp_current("left", loop_ua, 5_000, 5) == expected


@given(full_ma=st.integers(100, 16_000), share=st.integers(0, 1000))
def test_what_is_encoded_comes_back(full_ma: int, share: int) -> None:
    reading = LampCurrent(5, "left", full_ma * share // 1000)
    assert contacts.lamp_current("left", contacts.loop_ua(reading, full_ma), full_ma, 5) == reading


def test_more_than_the_transducer_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="6000 mA is beyond a transducer of 5000 mA"):
        contacts.loop_ua(LampCurrent(5, "left", 6_000), 5_000)
