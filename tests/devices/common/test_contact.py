"""The debouncer: every press counts once, needles count never, lost and late edges heal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.common.contact import CLEARED, PRESS, RELEASE, STUCK, Debouncer

Edge = tuple[int, int]  # level, at_ms


def gestures(
    edges: list[Edge], debounce_ms: int = 30, stuck_ms: int | None = None, until_ms: int = 100_000
) -> list[tuple[int, int]]:
    """What a debouncer makes of edges when the loop ticks exactly when asked."""
    contact = Debouncer(debounce_ms, stuck_ms)
    found = []
    for level, at_ms in [*edges, (-1, until_ms)]:
        while (due := contact.next_tick_ms()) is not None and due <= at_ms:
            found.extend(contact.tick(due))
        if level >= 0:
            found.extend(contact.level(level, at_ms))
    return found


def presses(found: list[tuple[int, int]]) -> list[int]:
    return [at_ms for gesture, at_ms in found if gesture == PRESS]


def test_a_clean_press_counts_at_its_first_contact_and_is_decided_after_the_debounce_time() -> None:
    contact = Debouncer(30)
    assert contact.level(1, 100) == []
    assert contact.next_tick_ms() == 130
    assert contact.tick(129) == []
    assert contact.tick(130) == [(PRESS, 100)]
    assert contact.level(0, 500) == []
    assert contact.tick(530) == [(RELEASE, 500)]
    assert contact.next_tick_ms() is None


@pytest.mark.parametrize("length_ms", [0, 1, 15, 29])
def test_a_single_spike_shorter_than_the_debounce_time_is_nothing(length_ms: int) -> None:
    assert gestures([(1, 100), (0, 100 + length_ms)]) == []


def test_a_contact_of_exactly_the_debounce_time_is_a_press() -> None:
    assert presses(gestures([(1, 100), (0, 130)])) == [100]


def test_a_train_of_needles_is_nothing_however_dense() -> None:
    needles = [(level, 100 + 10 * n) for n in range(100) for level in (1, 0)]
    assert gestures(needles) == []


def test_hammering_on_a_contact_that_never_closes_for_the_debounce_time_still_counts() -> None:
    edges = [(level, 100 + 40 * n + (0 if level else 20)) for n in range(10) for level in (1, 0)]
    assert presses(gestures(edges)) != []


def test_spikes_far_apart_never_add_up() -> None:
    assert gestures([(level, 1000 + 89 * n + (0 if level else 29)) for n in range(200) for level in (1, 0)]) == []


def test_zero_debounce_lets_the_first_edge_act() -> None:
    contact = Debouncer(0)
    assert contact.level(1, 5) == [(PRESS, 5)]
    assert contact.level(0, 5) == [(RELEASE, 5)]
    assert contact.level(1, 6) == [(PRESS, 6)]


def test_the_shortest_press_with_the_worst_bounce_counts_and_is_decided_no_later_than_a_clean_one() -> None:
    contact = Debouncer(30)
    for level, at_ms in ((1, 100), (0, 100), (1, 112)):
        contact.level(level, at_ms)
    assert contact.tick(129) == []
    assert contact.tick(130) == [(PRESS, 100)]


def test_the_shortest_gap_with_the_worst_bounce_parts_two_presses() -> None:
    edges = [(1, 0), (0, 100), (1, 100), (0, 112), (1, 140), (0, 140), (1, 152), (0, 180)]
    assert presses(gestures(edges)) == [0, 140]


def test_a_held_contact_that_shakes_now_and_then_stays_one_press() -> None:
    edges = [(1, 0)] + [(level, 100 + 50 * n + (5 if level else 0)) for n in range(40) for level in (0, 1)]
    assert presses(gestures(edges)) == [0]


def test_a_press_right_after_another_counts() -> None:
    assert presses(gestures([(1, 0), (0, 40), (1, 71), (0, 111)])) == [0, 71]


def test_a_press_whose_edges_come_after_a_later_tick_counts() -> None:
    contact = Debouncer(30)
    contact.level(0, 0)
    contact.tick(600)
    found = [gesture for level, at_ms in [(1, 100), (0, 150)] for gesture in contact.level(level, at_ms)]
    assert presses(found) == [100]


def test_a_lost_release_edge_heals_with_the_next_sample() -> None:
    assert [gesture for gesture, _ in gestures([(1, 0), (0, 500), (1, 1000), (0, 1100)])] == [
        PRESS,
        RELEASE,
        PRESS,
        RELEASE,
    ]
    assert presses(gestures([(1, 0), (1, 50), (0, 400), (1, 1000), (1, 1020)])) == [0, 1000]


def test_an_edge_that_a_sample_overtook_corrects_the_time() -> None:
    contact = Debouncer(30)
    contact.level(0, 0)
    contact.level(1, 600)  # the poll
    contact.level(1, 575)  # the edge it had overtaken
    assert contact.level(0, 606) == [(PRESS, 575)]


def test_an_edge_with_a_time_before_the_last_change_counts_no_negative_contact() -> None:
    contact = Debouncer(30)
    for level, at_ms in ((1, 600), (0, 590), (1, 605)):
        contact.level(level, at_ms)
    assert contact.tick(630) == [(PRESS, 600)]


def test_a_held_button_is_reported_stuck_once_and_cleared_on_release() -> None:
    found = gestures([(1, 0), (0, 90_000)], stuck_ms=30_000)
    assert found == [(PRESS, 0), (STUCK, 30_000), (RELEASE, 90_000), (CLEARED, 90_000)]


def test_stuck_is_found_even_if_no_tick_came_while_it_was_held() -> None:
    contact = Debouncer(30, 30_000)
    contact.level(1, 0)
    assert contact.level(0, 40_000) == [(PRESS, 0), (STUCK, 30_000)]


def test_the_same_level_again_changes_nothing() -> None:
    contact = Debouncer(30, 30_000)
    found = []
    for at_ms in range(0, 1000, 7):
        found.extend(contact.level(1, at_ms))
    assert found == [(PRESS, 0)]


# Bounce: after an edge the contact may toggle for up to 12 ms, an even number of times, any pattern.
bounce = st.lists(st.integers(0, 12), max_size=10).map(lambda offsets: sorted(offsets[: len(offsets) // 2 * 2]))
press_plan = st.lists(st.tuples(st.integers(40, 400), bounce, st.integers(40, 400), bounce), min_size=1, max_size=12)


def edges_of(plan: list[tuple[int, list[int], int, list[int]]]) -> list[Edge]:
    edges, at_ms = [], 1000
    for held_ms, closing, gap_ms, opening in plan:
        for level, shakes, lasts_ms in ((1, closing, held_ms), (0, opening, gap_ms)):
            edges.append((level, at_ms))
            for count, offset in enumerate(shakes):
                edges.append((level if count % 2 else 1 - level, at_ms + offset))
            at_ms += lasts_ms
    return edges


@settings(max_examples=120, deadline=None)
@given(press_plan)
def test_presses_counted_equal_presses_made_whatever_the_bounce(
    plan: list[tuple[int, list[int], int, list[int]]],
) -> None:
    assert len(presses(gestures(edges_of(plan)))) == len(plan)


@settings(max_examples=80, deadline=None)
@given(press_plan, st.integers(5, 50), st.integers(0, 49))
def test_polling_the_level_between_edges_changes_no_count(
    plan: list[tuple[int, list[int], int, list[int]]], every_ms: int, phase_ms: int
) -> None:
    edges = edges_of(plan)
    level, whole, poll_ms = 0, [], 900 + phase_ms
    for edge in edges:
        while poll_ms < edge[1]:
            whole.append((level, poll_ms))
            poll_ms += every_ms
        level = edge[0]
        whole.append(edge)
    assert len(presses(gestures(whole))) == len(plan)


@settings(max_examples=80, deadline=None)
@given(press_plan)
def test_edges_in_one_late_batch_are_counted_exactly(plan: list[tuple[int, list[int], int, list[int]]]) -> None:
    contact = Debouncer(30)
    contact.level(0, 0)
    contact.tick(50_000)
    found = [gesture for level, at_ms in edges_of(plan) for gesture in contact.level(level, at_ms)]
    assert len(presses([*found, *contact.tick(60_000)])) == len(plan)


@settings(max_examples=80, deadline=None)
@given(press_plan, st.lists(st.booleans(), min_size=1, max_size=40))
def test_ticks_far_ahead_of_the_edges_never_lose_a_press(
    plan: list[tuple[int, list[int], int, list[int]]], ticks: list[bool]
) -> None:
    contact = Debouncer(30)
    found = []
    for count, (level, at_ms) in enumerate(edges_of(plan)):
        found.extend(contact.level(level, at_ms))
        if ticks[count % len(ticks)]:
            found.extend(contact.tick(at_ms + 500))
    assert len(presses([*found, *contact.tick(60_000)])) >= len(plan)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 200)), max_size=60),
    st.integers(0, 100),
    st.one_of(st.none(), st.integers(100, 500)),
)
def test_presses_and_releases_alternate_whatever_comes_in(
    steps: list[tuple[int, int]], debounce_ms: int, stuck_ms: int | None
) -> None:
    at_ms, edges = 0, []
    for level, later_ms in steps:
        at_ms += later_ms
        edges.append((level, at_ms))
    found = [gesture for gesture, _ in gestures(edges, debounce_ms, stuck_ms)]
    flips = [gesture for gesture in found if gesture in (PRESS, RELEASE)]
    assert flips == [PRESS, RELEASE] * (len(flips) // 2) + [PRESS] * (len(flips) % 2)
    assert found.count(STUCK) - found.count(CLEARED) in (0, 1)
