"""The table of gestures: what is accepted can happen and means one thing, what is refused is so for a true reason."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.common.settings import SettingsError
from devices.panic_button import GESTURES, LEVELS
from devices.panic_button.gestures import FASTEST_MS, Gestures, checked, shortest_ms

STUCK_MS = 30_000
ONE = {"level": "staff", "presses": 3, "within_ms": 3000}


def count(level: str, presses: int, within_ms: int) -> dict[str, object]:
    return {"level": level, "presses": presses, "within_ms": within_ms}


def hold(level: str, hold_ms: int) -> dict[str, object]:
    return {"level": level, "hold_ms": hold_ms}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([5], "gesture 1 must be a table, not 5"),
        ([{}], "gesture 1 lacks level"),
        ([ONE, {"level": "staff", "presses": 3}], "gesture 2 lacks within_ms"),
        ([{**ONE, "hold_ms": 5000}], "gesture 1 has presses, which is unknown; known are: level, hold_ms"),
        ([{**ONE, "times": 2}], "gesture 1 has times, which is unknown"),
        ([{**ONE, "presses": "3"}], "gesture 1: presses must be a whole number from 2 to 20, not '3'"),
        ([{**ONE, "presses": True}], "presses must be a whole number from 2 to 20, not True"),
        ([{**ONE, "presses": 1}], "presses must be a whole number from 2 to 20, not 1"),
        ([{**ONE, "presses": 21}], "presses must be a whole number from 2 to 20, not 21"),
        ([{**ONE, "within_ms": 199}], "within_ms must be a whole number from 200 to 60000, not 199"),
        ([{**ONE, "within_ms": 60_001}], "within_ms must be a whole number from 200 to 60000, not 60001"),
        ([hold("staff", 999)], "hold_ms must be a whole number from 1000 to 30000, not 999"),
        ([hold("staff", 30_001)], "hold_ms must be a whole number from 1000 to 30000, not 30001"),
        ([{**ONE, "level": "panic"}], "gesture 1: level must be one of staff, lockdown, not 'panic'"),
        ([{**ONE, "level": []}], r"gesture 1: level must be one of staff, lockdown, not \[\]"),
        ([{**ONE, "level": "assist-pending"}], "gesture 1 can never be reached: the first press has the level"),
        ([ONE, {**ONE, "level": "lockdown"}], "gesture 1 and gesture 2 are the same gesture; a gesture has one level"),
        ([ONE, ONE], "gesture 1 and gesture 2 are the same gesture"),
        ([hold("staff", 2000), ONE, hold("lockdown", 2000)], "gesture 1 and gesture 3 are the same gesture"),
        ([count("staff", 4, 599)], "gesture 1 can never be reached: 4 presses take 600 ms or more"),
        ([count("staff", 5, 3000), count("lockdown", 3, 3000)], "gesture 1 can never be reached: another"),
        ([count("lockdown", 8, 8000), count("lockdown", 10, 8000)], "gesture 2 can never be reached: another"),
        ([count("staff", 3, 2000), count("staff", 3, 3000)], "gesture 1 can never be reached: another"),
        ([hold("lockdown", 2000), hold("staff", 3000)], "gesture 2 can never be reached: another"),
        ([hold("staff", 3000), hold("staff", 2000)], "gesture 1 can never be reached: another"),
        ([hold("lockdown", 30_000)], "gesture 1 can never be reached: stuck_s is over before hold_ms"),
    ],
)
def test_a_table_with_a_wrong_double_or_unreachable_gesture_is_refused(table: list[Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Gestures(table, STUCK_MS)


@pytest.mark.parametrize(
    "table",
    [
        [],
        GESTURES,
        [count("staff", 4, 600)],
        [count("staff", 3, 3000), count("lockdown", 3, 2000)],
        [count("lockdown", 3, 1000), count("staff", 4, 4000)],
        [count("staff", 2, 3000), hold("staff", 1000), hold("lockdown", 29_999)],
        [count("staff", 20, 60_000), count("lockdown", 20, 3800)],
    ],
)
def test_a_table_whose_gestures_can_all_happen_is_accepted(table: list[Any]) -> None:
    Gestures(table, STUCK_MS)


def matches(times: list[int], presses: int, within_ms: int) -> bool:
    """Whether the newest press completes so many within the time."""
    return len(times) >= presses and times[-1] - times[-presses] <= within_ms


@given(
    st.integers(2, 5),
    st.lists(st.tuples(st.integers(2, 5), st.integers(1, 7)), max_size=3),
)
def test_the_shortest_time_beside_rivals_is_that_of_an_exhaustive_search(
    presses: int, rivals: list[tuple[int, int]]
) -> None:
    found = []
    for gaps in product(range(1, 9), repeat=presses - 1):
        times = [sum(gaps[:number]) for number in range(presses)]
        if not any(matches(times[: number + 1], *rival) for rival in rivals for number in range(presses)):
            found.append(times[-1])
    assert shortest_ms(presses, [(*rival, 1) for rival in rivals], 1) == min(found)


entries = st.one_of(
    st.builds(count, st.sampled_from(LEVELS[1:]), st.integers(2, 8), st.integers(200, 9000)),
    st.builds(hold, st.sampled_from(LEVELS[1:]), st.integers(1000, 9000)),
)
tables = st.lists(entries, max_size=4)


def reach(table: list[Any], entry: dict[str, Any]) -> int:
    """The level before and after the moment that ``entry`` happens at its tightest, played to the real thing; -1 if it is not new."""
    gestures = Gestures(table, STUCK_MS)
    if "hold_ms" in entry:
        gestures.press(0)
        before = gestures.hold(entry["hold_ms"] - 1)
        after = gestures.hold(entry["hold_ms"])
        return after if after > before else -1
    rank = LEVELS.index(entry["level"])
    counts, _holds = checked(table, STUCK_MS)
    rivals = [other for other in counts if other[:2] != (entry["presses"], entry["within_ms"]) and other[2] >= rank]
    before = after = 0
    for number in range(1, entry["presses"] + 1):
        before = max(before, after)
        after = gestures.press(shortest_ms(number, rivals, FASTEST_MS))
    return after if after > before else -1


@given(tables)
def test_in_a_table_that_is_accepted_each_gesture_can_raise_the_level_to_its_own(table: list[Any]) -> None:
    try:
        Gestures(table, STUCK_MS)
    except SettingsError:
        return
    for entry in table:
        assert reach(table, entry) == LEVELS.index(entry["level"])


@given(st.lists(entries, min_size=2, max_size=4), st.lists(st.integers(FASTEST_MS, 4000), max_size=30))
def test_a_gesture_refused_as_unreachable_is_never_the_first_of_its_level(table: list[Any], gaps: list[int]) -> None:
    try:
        Gestures(table, STUCK_MS)
    except SettingsError as error:
        if "always comes before" not in str(error):
            return
        told = table[int(str(error).split()[1]) - 1]
    else:
        return
    if "hold_ms" in told:
        assert any(
            other is not told
            and other.get("hold_ms", STUCK_MS) <= told["hold_ms"]
            and LEVELS.index(other["level"]) >= LEVELS.index(told["level"])
            for other in table
        )
        return
    counts = [entry for entry in table if "presses" in entry]
    times: list[int] = []
    reached = 0
    for gap in gaps:
        times.append((times[-1] if times else 0) + gap)
        others = [
            LEVELS.index(entry["level"])
            for entry in counts
            if entry is not told and matches(times, entry["presses"], entry["within_ms"])
        ]
        reached = max([reached, *others])
        if matches(times, told["presses"], told["within_ms"]):
            assert reached >= LEVELS.index(told["level"])


@given(tables, st.lists(st.integers(0, 3000), max_size=40))
def test_a_press_has_the_highest_level_of_all_gestures_it_completes(table: list[Any], gaps: list[int]) -> None:
    try:
        gestures = Gestures(table, STUCK_MS)
    except SettingsError:
        gestures = Gestures(table := GESTURES, STUCK_MS)
    times: list[int] = []
    for gap in gaps:
        times.append((times[-1] if times else 0) + gap)
        wanted = [
            LEVELS.index(entry["level"])
            for entry in table
            if "presses" in entry and matches(times, entry["presses"], entry["within_ms"])
        ]
        assert gestures.press(times[-1]) == max(wanted, default=0)
        assert len(gestures._times) <= 20


def test_a_hold_is_told_once_a_press_at_each_of_its_times() -> None:
    gestures = Gestures([hold("lockdown", 5000), hold("staff", 2000)], STUCK_MS)
    for _ in range(2):
        gestures.press(0)
        assert gestures.next_hold_ms() == 2000
        assert [gestures.hold(at) for at in (1999, 2000, 2001, 4999, 5000, 9000)] == [0, 1, 0, 0, 2, 0]
        assert gestures.next_hold_ms() is None
    gestures.press(0)
    assert gestures.hold(7000) == 2, "both at once: the higher"
    assert gestures.hold(8000) == 0


def test_of_two_gestures_that_one_press_completes_the_higher_counts_in_any_order_of_the_table() -> None:
    for table in (GESTURES, GESTURES[1:] + GESTURES[:1]):
        gestures = Gestures(table, STUCK_MS)
        assert [gestures.press(at) for at in range(0, 4000, 500)] == [0, 0, 1, 1, 1, 1, 1, 2]


def test_what_was_forgotten_counts_no_more() -> None:
    gestures = Gestures([ONE], STUCK_MS)
    gestures.press(0)
    gestures.press(100)
    gestures.forget()
    assert [gestures.press(at) for at in (200, 300, 400)] == [0, 0, 1]
