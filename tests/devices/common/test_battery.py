"""The battery: low is said 30 days ahead, once, and not for one odd reading."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devices.common.battery import CHARGE_LEFT, LOW_DAYS, Battery, days_left


def battery(**settings: int) -> Battery:
    whole: dict[str, Any] = {"battery_low_mv": 0, "battery_cells": 0, "battery_mah": 12000, "battery_draw_ua": 2000}
    return Battery({**whole, **settings})


def test_without_settings_no_reading_is_low() -> None:
    cell = battery()
    assert not cell.fitted
    assert not any(cell.changed(millivolts) for millivolts in (0, 1, 2, 3, 3, 3, 3))


def test_one_odd_reading_is_no_low_battery_and_three_are() -> None:
    cell = battery(battery_low_mv=3000)
    turns = [cell.changed(millivolts) for millivolts in (3500, 2900, 3500, 2900, 2900, 2900, 2900, 2900)]
    assert turns == [False, False, False, False, False, True, False, False]
    assert cell.low


def test_a_battery_near_its_limit_does_not_chatter() -> None:
    cell = battery(battery_low_mv=3000)
    turns = sum(cell.changed(millivolts) for _ in range(50) for millivolts in (2990, 2990, 2990, 3010, 3010, 3010))
    assert turns == 1
    assert [cell.changed(3300) for _ in range(3)] == [False, False, True]
    assert not cell.low


def test_the_model_says_low_at_least_thirty_days_before_the_end() -> None:
    mah, draw_ua = 12000, 2000
    whole_days = mah * 1000 // (draw_ua * 24)
    cell = battery(battery_cells=2, battery_mah=mah, battery_draw_ua=draw_ua)
    said = None
    for day in range(whole_days):
        left = 1000 - day * 1000 // whole_days
        millivolts = min([at for at, share in CHARGE_LEFT if share >= left * 9 // 10] or [1500])
        for _ in range(3):
            if cell.changed(millivolts * 2) and said is None:
                said = day
    assert said is not None
    assert whole_days - said >= LOW_DAYS


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_a_higher_voltage_never_means_fewer_days(one_mv: int, other_mv: int) -> None:
    lower, higher = sorted((one_mv, other_mv))
    assert days_left(lower, 1, 12000, 2000) <= days_left(higher, 1, 12000, 2000)
