"""The panic button's alarm as its people meet it: presses, holds, levels, receipts, restart."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

WHERE = {"building": "School 5", "floor": "2", "room": "212"}


def test_the_first_press_raises_at_once_whatever_gesture_may_follow(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(30)
    assert device.events == [
        ("alarm.raised", {"level": "assist-pending", "age_ms": 30, "tamper": False, **WHERE}),
    ]
    assert device.outputs["lamp"] == "sending"


def test_the_event_comes_before_any_output_so_that_nothing_delays_it(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    effects = device.button.input("button", 1, device.now)
    assert effects[0][2] == "alarm.raised"
    assert len(effects) > 1


def test_three_presses_in_three_seconds_are_staff_on_the_same_alarm(driven: Make) -> None:
    device = driven()
    for _ in range(3):
        device.press(100, 900)
    assert device.alarms() == [
        ("raised", "assist-pending", 1, None),
        ("escalated", "assist-pending", 2, None),
        ("escalated", "staff", 3, None),
    ]
    assert device.named("alarm.escalated")[-1] == {
        "alarm": [7, 1], "count": 3, "exact": True, "level": "staff", **WHERE,
    }  # fmt: skip


@pytest.mark.parametrize(("gap_ms", "level"), [(1400, "staff"), (1401, "assist-pending")])
def test_the_time_of_a_gesture_runs_from_first_contact_to_first_contact(driven: Make, gap_ms: int, level: str) -> None:
    device = driven()
    for _ in range(3):
        device.press(100, gap_ms)
    assert device.alarms()[-1][1] == level


def test_eight_presses_in_eight_seconds_are_lockdown(driven: Make) -> None:
    device = driven()
    for _ in range(8):
        device.press(100, 1000)
    assert [level for _, level, _, _ in device.alarms()] == (
        ["assist-pending", "assist-pending"] + ["staff"] * 5 + ["lockdown"]
    )


def test_seven_presses_are_not_lockdown_and_eight_slow_ones_neither(driven: Make) -> None:
    device = driven()
    for _ in range(7):
        device.press(100, 100)
    assert device.alarms()[-1][1] == "staff"
    device = driven()
    for _ in range(20):
        device.press(100, 1100)
    assert device.alarms()[-1][1] == "staff"


def test_a_hold_of_five_seconds_is_lockdown_while_it_is_held(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(4999)
    assert device.alarms() == [("raised", "assist-pending", 1, None)]
    device.pass_ms(1)
    assert device.alarms()[1:] == [("escalated", "lockdown", 1, None)]
    device.pass_ms(20_000)
    assert len(device.alarms()) == 2


def test_a_hold_just_too_short_is_none_even_if_the_release_is_still_bouncing(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(4990)
    device.set("button", 0)
    device.pass_ms(10_000)
    assert device.alarms() == [("raised", "assist-pending", 1, None)]


def test_a_hold_whose_end_comes_before_any_tick_counts(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.now += 5000
    device.set("button", 0)
    assert [level for _, level, _, _ in device.alarms()] == ["assist-pending", "lockdown"]


def test_a_hold_that_shakes_at_its_very_end_counts_as_soon_as_the_contact_is_back(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(4995)
    device.set("button", 0)
    device.pass_ms(10)
    assert len(device.alarms()) == 1
    device.set("button", 1)
    device.pass_ms(0)
    assert device.alarms()[-1][1] == "lockdown"


def test_each_hold_counts_anew(driven: Make) -> None:
    device = driven({"gestures": [{"level": "lockdown", "hold_ms": 1000}]})
    device.press(1500)
    device.receipt(1, 4)
    device.press(1500)
    assert [level for _, level, _, _ in device.alarms()] == ["assist-pending", "lockdown"] * 2


def test_a_level_never_falls(driven: Make) -> None:
    device = driven()
    device.press(5500)
    for _ in range(9):
        device.press(100, 500)
    assert {level for _, level, _, _ in device.alarms()[1:]} == {"lockdown"}
    assert len(device.named("alarm.raised")) == 1


def test_a_level_rises_at_once_even_when_hammering_has_used_up_the_allowance(driven: Make) -> None:
    device = driven({"gestures": [{"level": "staff", "presses": 3, "within_ms": 400}]})
    for _ in range(60):
        device.press(100, 160)
    told = len(device.alarms())
    assert told < 40
    device.press(100, 0)
    assert len(device.alarms()) == told, "the allowance is used up"
    device.pass_ms(40)
    device.press(100, 0)
    assert device.alarms()[-1] == ("escalated", "staff", 62, None)


def test_presses_and_levels_before_the_alarm_has_its_number_go_out_with_it(driven: Make) -> None:
    device = driven(seal=False)
    for _ in range(3):
        device.press()
    assert len(device.alarms()) == 1
    device.take(device.button.sealed(device.unsealed[0], 7, 41, device.now))
    assert device.named("alarm.escalated") == [{"alarm": [7, 41], "count": 3, "exact": True, "level": "staff", **WHERE}]


def test_a_gesture_that_the_center_cuts_by_closing_raises_at_its_level(driven: Make) -> None:
    device = driven()
    device.press()
    device.press()
    device.receipt(1, 4)
    device.press()
    assert device.alarms()[-1] == ("raised", "staff", 1, None)


def test_a_hold_goes_on_although_the_center_has_closed_its_alarm(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(2000)
    device.receipt(1, 4)
    device.pass_ms(3000)
    assert device.alarms()[-1] == ("raised", "lockdown", 1, None)
    assert device.named("alarm.raised")[-1]["age_ms"] == 5000


def test_presses_after_the_window_or_after_closing_raise_anew(driven: Make) -> None:
    device = driven({"alarm_window_s": 60})
    device.press()
    device.pass_ms(61_000)
    device.press()
    device.receipt(3, 4)  # 2 was the self-test
    device.press()
    assert [word for word, *_ in device.alarms()] == ["raised", "raised", "raised"]


@pytest.mark.parametrize(("state", "lamp"), [(0, "sending"), (1, "received"), (2, "acknowledged"), (3, "dispatched")])
def test_after_a_restart_the_lamp_is_right_and_a_press_escalates_without_a_level_too_low(
    driven: Make, state: int, lamp: str
) -> None:
    device = driven(open_alarms=[(6, 12, state)])
    assert (device.outputs["lamp"], device.outputs["haptic"]) == (lamp, "off")
    device.press()
    assert device.events == [("alarm.escalated", {"alarm": [6, 12], "count": 2, "exact": False, **WHERE})]
    device.press()
    device.press()
    assert device.alarms()[-1] == ("escalated", "staff", 4, None)


def test_an_alarm_of_an_earlier_boot_that_a_receipt_names_takes_the_presses(driven: Make) -> None:
    device = driven()
    device.receipt(12, 2, boot=6)
    assert device.outputs["haptic"] == "off", "nobody here has just called"
    device.press()
    assert device.alarms() == [("escalated", None, 2, None)]


def test_alarms_that_nobody_closes_take_bounded_memory(driven: Make) -> None:
    device = driven({"alarm_window_s": 60})
    for _ in range(50):
        device.press(5500)
        device.pass_ms(61_000)
    assert len(device.named("alarm.raised")) == 50
    assert len(device.button._alarms._open) <= 8
    for _ in range(100):
        device.press(50, 50)
    assert len(device.button._gestures._times) <= 8


def test_a_button_held_while_the_device_starts_is_a_press_and_a_hold(driven: Make) -> None:
    device = type(driven())()
    device.take(device.button.started([], device.now))
    device.set("button", 1)
    device.pass_ms(5000)
    assert [level for _, level, _, _ in device.alarms()] == ["assist-pending", "lockdown"]
