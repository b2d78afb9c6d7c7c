"""The accounts find every kind of loss, and nothing where there is none."""

from typing import Any

import pytest

from benchmarks.accounts import Life, Verified, judge, life_of

S = 1_000_000_000


def life(boot: int, events: int, kept: int, **more: Any) -> Life:
    sealed = tuple((boot, seq, "alarm.raised" if seq > 1 else "device.booted") for seq in range(1, events + 1))
    facts: dict[str, Any] = {"published": frozenset(), "bound_ns": 0, "killed_ns": 100 * S} | more
    return Life("sos-0001", sealed, kept=kept, **facts)


def got(boot: int, seq: int, kind: str = "alarm.raised", **data: Any) -> Verified:
    return Verified("sos-0001", boot, seq, kind, f"{boot}/{seq}", data)


def first(boot: int, last: list[Any] | None) -> Verified:
    return got(boot, 1, "device.booted", last=last)


def test_an_event_that_was_kept_and_never_arrived_is_lost() -> None:
    verdict = judge([life(1, 3, kept=3)], [first(1, None), got(1, 3)])
    assert verdict.lost == (("sos-0001", 1, 2),)
    assert (verdict.accepted, verdict.kept) == (3, 3)


def test_an_event_that_was_sealed_but_not_kept_may_be_missing() -> None:
    assert judge([life(1, 3, kept=2)], [first(1, None), got(1, 2)]).lost == ()


def test_positions_count_on_over_the_boots_that_first_events_name() -> None:
    # Boot 1 made three events and kept two; boot 2 continues at position 3, so position 4 is its second event.
    lives = [life(1, 3, kept=2), life(2, 3, kept=4)]
    arrived = [first(1, None), got(1, 2), first(2, [1, 2, "00"])]
    assert judge(lives, arrived).lost == (("sos-0001", 2, 2),)
    assert judge(lives, [*arrived, got(2, 2)]).lost == ()


def test_a_life_whose_kept_first_event_is_missing_counts_as_lost() -> None:
    assert judge([life(1, 3, kept=3)], [got(1, 2), got(1, 3)]).lost == (("sos-0001", 1, 1),)


def test_a_published_alarm_is_accepted_although_it_was_not_kept() -> None:
    lives = [life(1, 3, kept=1, published=frozenset({(1, 1), (1, 3)}))]
    verdict = judge(lives, [first(1, None)])
    assert verdict.lost == verdict.lost_published_only == (("sos-0001", 1, 3),)


def test_an_event_handed_on_twice_is_a_duplicate() -> None:
    assert judge([life(1, 1, kept=1)], [first(1, None), first(1, None)]).duplicates == 1


def test_a_press_while_the_agent_had_its_pins_must_be_told() -> None:
    pressed = life(1, 1, kept=1, bound_ns=2 * S, presses=((1 * S, 2 * S), (3 * S, 4 * S), (99 * S, 101 * S)))
    verdict = judge([pressed], [first(1, None)])
    assert verdict.presses_owed == 1
    assert verdict.unheard == ("sos-0001:1 began 97000 ms before the kill, 0 of 1 sealed",)
    assert judge([pressed], [first(1, None), got(1, 2)]).unheard == ()


def test_a_press_that_closely_follows_another_is_owed_like_any_other() -> None:
    pressed = life(1, 3, kept=2, presses=((10 * S, 10 * S + 1), (10 * S + S // 2, 11 * S)))
    arrived = [first(1, None), got(1, 2)]
    verdict = judge([pressed], arrived)
    assert verdict.presses_owed == 2
    assert len(verdict.unheard) == 1
    assert judge([pressed], [*arrived, got(1, 3, "alarm.escalated", alarm=[1, 2], count=2)]).unheard == ()


def test_escalations_count_presses_from_the_raised_alarm_on_and_from_an_adopted_one() -> None:
    presses = tuple((n * 5 * S, n * 5 * S + 1) for n in range(1, 4))
    own = [first(1, None), got(1, 2), got(1, 3, "alarm.escalated", alarm=[1, 2], count=3)]
    assert judge([life(1, 3, kept=3, presses=presses)], own).unheard == ()
    adopted = [first(2, [1, 3, "00"]), got(2, 2, "alarm.escalated", alarm=[1, 2], count=3)]
    assert len(judge([life(2, 2, kept=0, presses=presses)], adopted).unheard) == 1


def test_positions_that_cannot_be_are_never_taken_for_an_account() -> None:
    for kept in (1, 6):  # boot 2 begins at position 3 and made three events
        with pytest.raises(ValueError, match="position"):
            judge([life(2, 3, kept=kept)], [first(1, None), got(1, 2), first(2, [1, 2, "00"])])


def test_a_life_is_read_from_its_trace() -> None:
    trace: list[dict[str, Any]] = [
        {"stage": "sealed", "mono_ns": 5, "boot": 4, "seq": 1, "type": "device.booted"},
        {"stage": "output", "mono_ns": 6, "name": "lamp", "pattern": "offline"},
        {"stage": "kept", "mono_ns": 7, "position": 9},
        {"stage": "published", "mono_ns": 8, "boot": 4, "seq": 1},
        {"stage": "link", "mono_ns": 9, "up": True},
    ]
    read = life_of("sos-0001", trace, 10)
    assert read == Life("sos-0001", ((4, 1, "device.booted"),), frozenset({(4, 1)}), 9, 6, 10)
