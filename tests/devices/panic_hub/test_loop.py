"""Resistors in, bands out: whatever is within its tolerance reads as what it is, and bands that meet are refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.common.settings import SettingsError
from devices.panic_hub import SETTINGS
from devices.panic_hub.loop import APART_MV, Bands, State

DEFAULTS: dict[str, Any] = {name: default for name, (_type, default, *_rest) in SETTINGS.items()}


LONG = {**DEFAULTS, "cable_ohm": 300}


def off(permille: int, unit: float) -> float:
    return 1 + unit * permille / 1000


def read(loop_ohm: float, units: list[float], leak_ohm: float) -> int:
    """What a module reads of a zone, by the law of the divider, with everything off by a part (-1 … 1) of what it may be."""
    supply, pull, across, wrong = units
    beside = [1 / (DEFAULTS["input_ohm"] * off(10, across)), 1 / leak_ohm]
    if loop_ohm:
        beside.append(1 / loop_ohm)
        mv: float = DEFAULTS["supply_mv"] * off(20, supply) / (1 + DEFAULTS["pull_ohm"] * off(10, pull) * sum(beside))
    else:
        mv = 0.0
    return max(0, int(mv + wrong * DEFAULTS["reading_mv"] + 0.5))


UNIT = st.floats(-1, 1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([State.NORMAL, State.PRESSED, State.OPEN, State.SHORT]),
    UNIT,
    st.floats(0, 1),
    st.lists(UNIT, min_size=4, max_size=4),
    st.floats(100_000, 1e9),
)
def test_what_is_within_its_tolerance_reads_as_what_it_is(
    state: State, resistor: float, cable: float, units: list[float], leak_ohm: float
) -> None:
    ohm = {State.NORMAL: 6900, State.PRESSED: 2200, State.OPEN: float("inf"), State.SHORT: 0}[state]
    loop_ohm = ohm * off(10, resistor) + cable * LONG["cable_ohm"] if ohm < float("inf") else ohm
    assert Bands(LONG).state(read(loop_ohm, units, leak_ohm)) == state


@pytest.mark.parametrize("loop_ohm", [400, 1000, 1500, 3000, 4000, 5000, 10_000, 15_000])
def test_what_no_part_of_the_wiring_can_be_is_out_of_band(loop_ohm: float) -> None:
    assert Bands(DEFAULTS).state(read(loop_ohm, [0, 0, 0, 0], 1e9)) == State.OUT_OF_BAND


def test_a_contact_that_opens_when_it_is_pressed_can_be_wired_too() -> None:
    bands = Bands({**DEFAULTS, "normal_ohm": 2200, "pressed_ohm": 6900})
    assert [band.state for band in bands.all] == [State.SHORT, State.NORMAL, State.PRESSED, State.OPEN]


def test_bands_are_apart_and_each_end_belongs_to_its_band() -> None:
    bands = Bands(DEFAULTS)
    for lower, upper in zip(bands.all, bands.all[1:], strict=False):
        assert upper.least_mv - lower.most_mv >= APART_MV
        assert bands.state(lower.most_mv) == lower.state
        assert bands.state(lower.most_mv + 1) == bands.state(upper.least_mv - 1) == State.OUT_OF_BAND
        assert bands.state(upper.least_mv) == upper.state


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"pressed_ohm": 6500}, "'pressed' .* and 'normal' .* cannot be told apart"),
        ({"normal_ohm": 60_000}, "'normal' .* and 'open' .* cannot be told apart"),
        ({"pressed_ohm": 150, "cable_ohm": 100}, "'short' .* and 'pressed' .* cannot be told apart"),
        ({"resistor_permille": 100, "supply_permille": 100, "cable_ohm": 1500}, "cannot be told apart"),
        ({"leak_ohm": 10_000, "input_ohm": 20_000}, "'normal' .* and 'open' .*leak_ohm"),
    ],
)
def test_wiring_that_cannot_work_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        Bands({**DEFAULTS, **settings})
