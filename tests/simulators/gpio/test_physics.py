"""Waveforms of contacts and wires: bounded, ordered, reproducible, and ending where they should."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.errors import WiringError
from simulators.gpio import physics

PATTERNS = st.sampled_from([physics.CLEAN, physics.TYPICAL, physics.POOR, physics.WORN])


def rises(wave: physics.Waveform) -> bool:
    times = [at_us for at_us, _ in wave]
    return all(earlier < later for earlier, later in itertools.pairwise(times)) and min(times, default=0) >= 0


def alternates(wave: physics.Waveform) -> bool:
    states = [state for _, state in wave]
    return all(one != other for one, other in itertools.pairwise(states))


@settings(deadline=None)
@given(st.integers(0, 1), PATTERNS, st.integers())
def test_a_transition_starts_at_once_settles_in_time_and_ends_in_its_state(
    closed: int, bounce: physics.BouncePattern, seed: int
) -> None:
    wave = physics.transition(closed, bounce, random.Random(seed))
    assert wave[0] == (0, closed)
    assert wave[-1][1] == closed
    assert wave[-1][0] <= bounce.settle_us
    assert rises(wave)
    assert alternates(wave)


@settings(deadline=None)
@given(st.integers(1, 200_000), PATTERNS, st.integers())
def test_a_press_closes_first_and_is_open_when_it_is_over(
    hold_us: int, bounce: physics.BouncePattern, seed: int
) -> None:
    wave = physics.press(hold_us, bounce, random.Random(seed))
    assert wave[0] == (0, 1)
    assert (hold_us, 0) in wave
    assert wave[-1][1] == 0
    assert wave[-1][0] <= hold_us + bounce.settle_us
    assert rises(wave)
    assert alternates(wave)


def test_a_clean_press_has_two_edges() -> None:
    assert physics.press(50_000, physics.CLEAN, random.Random(0)) == ((0, 1), (50_000, 0))


def test_the_seed_decides_everything() -> None:
    waves = {physics.press(50_000, physics.POOR, random.Random(seed)) for seed in range(20)}
    assert len(waves) > 10
    assert physics.press(50_000, physics.POOR, random.Random(3)) == physics.press(
        50_000, physics.POOR, random.Random(3)
    )


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(10_000, 1_000_000), st.integers())
def test_spikes_are_short_apart_and_inside_their_window(count: int, within_us: int, seed: int) -> None:
    wave = physics.spikes(count, within_us, (1, 100), random.Random(seed))
    assert len(wave) == 2 * count
    assert rises(wave)
    assert alternates(wave)
    assert all(end[0] - start[0] <= 100 for start, end in zip(wave[::2], wave[1::2], strict=True))
    assert wave == () or wave[-1][0] <= within_us


@settings(deadline=None)
@given(st.integers(1, 100_000), st.integers(200, 5_000), st.integers())
def test_chatter_ends_closed(duration_us: int, mean_us: int, seed: int) -> None:
    wave = physics.chatter(duration_us, mean_us, random.Random(seed))
    assert rises(wave)
    assert alternates(wave)
    assert wave == () or (wave[0][1], wave[-1][1]) == (0, 1)
    assert wave == () or wave[-1][0] <= duration_us


def test_hum_has_the_edges_of_fifty_hertz() -> None:
    wave = physics.hum(1_000_000, random.Random(1))
    assert len(wave) == 99
    assert rises(wave)
    assert alternates(wave)


def test_a_recording_is_taken_as_it_is() -> None:
    assert physics.recorded([(0, 1), (0.25, 0), (1.5, 1)]) == ((0, 1), (250, 0), (1500, 1))


@pytest.mark.parametrize("samples", [[(1, 1), (1, 0)], [(-1, 1)], [(0, 2)], [(2, 1), (1, 0)]])
def test_an_impossible_recording_is_refused(samples: list[tuple[float, int]]) -> None:
    with pytest.raises(WiringError, match="recorded edge"):
        physics.recorded(samples)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(WiringError, match="do not fit"):
        physics.spikes(100, 100, (1, 10), random.Random(0))
    with pytest.raises(WiringError, match="does not fit"):
        physics.BouncePattern(extra=100, settle_us=10)
    with pytest.raises(WiringError, match="lasts longer"):
        physics.press(0, physics.CLEAN, random.Random(0))
