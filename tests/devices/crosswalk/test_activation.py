"""When the beacon is lit and for how long, over any calls at any times."""

from hypothesis import given
from hypothesis import strategies as st

from devices.crosswalk.activation import Activation, lit_ms
from devices.crosswalk.settings import completed

gaps = st.lists(st.integers(0, 60_000), min_size=1, max_size=30)


@given(gaps, st.integers(2000, 31_500))
def test_lit_exactly_from_each_call_on_for_the_time_to_cross(waits: list[int], crossing_mm: int) -> None:
    lasts_ms = lit_ms(completed({"crossing_mm": crossing_mm}))
    assert 10_000 <= lasts_ms <= 40_000
    assert lasts_ms * 900 >= (crossing_mm + 5 * 900) * 1000 or lasts_ms == 40_000
    activation = Activation(lasts_ms)
    now_ms, called_ms, until_ms = 0, None, 0
    for wait_ms in waits:
        for at_ms in range(now_ms, now_ms + wait_ms, 500):
            activation.ended(at_ms)
            expected = called_ms is not None and at_ms < called_ms + lasts_ms
            assert activation.lit == expected
        now_ms += wait_ms
        activation.ended(now_ms)
        was_lit = activation.lit
        assert activation.call(now_ms) == (not was_lit)
        assert activation.until_at_ms is not None
        assert activation.until_at_ms == now_ms + lasts_ms
        assert activation.until_at_ms >= until_ms
        called_ms, until_ms = now_ms, activation.until_at_ms


def test_a_call_with_an_older_time_shortens_nothing() -> None:
    activation = Activation(10_000)
    activation.call(5000)
    activation.call(4000)
    assert activation.until_at_ms == 15_000
    assert activation.ended(14_999) is None
    assert activation.ended(15_000) == 10_000
    assert not activation.lit
