"""The panic button as its people meet it: presses, levels, receipts, touch, lamp, tests, restart."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.common.settings import SettingsError
from devices.panic_button import KIND, SETTINGS, make_logic

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


def test_touch_and_lamp_tell_sent_received_and_acknowledged(driven: Make) -> None:
    device = driven()
    device.press()
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("sent", "sending")
    device.pass_ms(2000)
    for state, touch, lamp in ((1, "received", "received"), (2, "acknowledged", "acknowledged")):
        device.receipt(1, state)
        assert (device.outputs["haptic"], device.outputs["lamp"]) == (touch, lamp)
        device.pass_ms(3000)
        assert device.outputs["haptic"] == "off"
    device.receipt(1, 2)
    assert device.outputs["haptic"] == "off"
    device.receipt(1, 4)
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("off", "closed")
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "idle"


def test_a_press_without_a_link_feels_different_and_shows_it(driven: Make) -> None:
    device = driven()
    device.take(device.button.link(False, device.now))
    assert device.outputs["lamp"] == "offline"
    device.press()
    assert (device.outputs["haptic"], device.outputs["lamp"]) == ("pressed", "sending-no-link")


def test_a_gesture_reached_is_felt_so_that_its_holder_can_let_go(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(5000)
    assert device.outputs["haptic"] == "level"
    device.pass_ms(2000)
    assert device.outputs["haptic"] == "off"
    device.set("button", 0)
    device.pass_ms(100)
    for _ in range(3):
        device.press()
    assert device.outputs["haptic"] == "sent", "a lower gesture is no news"


def test_the_same_touch_again_is_played_again(driven: Make) -> None:
    device = driven()
    device.press()
    device.press()
    assert [one for one in device.played if one[0] == "haptic"][-2:] == [("haptic", "sent"), ("haptic", "sent")]


def test_it_is_silent_unless_told_otherwise(driven: Make) -> None:
    device = driven()
    device.press(5500)
    device.receipt(1, 1)
    assert {pattern for name, pattern in device.played if name == "buzzer"} == {"off"}
    assert len([1 for name, _ in device.played if name == "buzzer"]) == 1
    device = driven({"audible": True})
    device.press()
    assert device.outputs["buzzer"] == "sent"


def test_a_further_press_shows_itself_and_then_the_receipt_again(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 1)
    device.press()
    assert device.outputs["lamp"] == "pressed"
    device.pass_ms(1000)
    assert device.outputs["lamp"] == "received"


def test_a_new_alarm_shows_its_own_receipt_at_once(driven: Make) -> None:
    device = driven()
    device.press(50, 50)
    device.receipt(1, 1)
    device.press(50, 50)
    device.receipt(1, 4)
    assert device.outputs["lamp"] == "closed"
    device.press(50, 50)
    assert device.outputs["lamp"] == "sending"
    device.receipt(3, 1)
    assert device.outputs["lamp"] == "received"


def test_a_stuck_button_is_one_alarm_its_hold_and_one_fault(driven: Make) -> None:
    device = driven({"stuck_s": 30})
    device.set("button", 1)
    device.pass_ms(3_600_000)
    assert [name for name, _ in device.events if not name.startswith("test.")] == [
        "alarm.raised",
        "alarm.escalated",
        "fault.stuck",
    ]
    assert device.named("fault.stuck") == [{"input": "button", "held_s": 30, **WHERE}]
    device.receipt(1, 4)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "fault"
    device.set("button", 0)
    device.pass_ms(30)
    assert device.named("fault.cleared") == [{"input": "button", **WHERE}]


def test_tamper_supply_and_battery_are_told_with_the_place(driven: Make) -> None:
    device = driven({"tamper_pin": 5, "supply_pin": 6, "battery_low_mv": 3000})
    device.set("tamper", 0)
    device.set("supply", 1)
    device.set("tamper", 1)
    device.set("supply", 0)
    device.pass_ms(1000)
    for _ in range(3):
        device.set("battery", 2900)
    assert device.events == [
        ("tamper.opened", WHERE),
        ("supply.lost", WHERE),
        ("battery.low", {"mv": 2900, **WHERE}),
    ]
    device.press()
    assert device.named("alarm.raised")[0]["tamper"] is True


def test_a_badge_on_default_figures_says_low_thirty_days_ahead(driven: Make) -> None:
    whole_days = 1200 * 1000 * 4 // 5 // (50 * 24)
    device = driven({"battery_cells": 1})
    told = None
    for day in range(whole_days):
        share = 1000 - 1000 * day // whole_days
        steps = ((900, 1500), (700, 1400), (500, 1300), (380, 1250), (270, 1200), (180, 1150), (110, 1100), (60, 1050))
        volts = next((at for least, at in steps if share >= least), 1000 if share >= 30 else 900)
        for _ in range(3):
            device.set("battery", volts)
        if told is None and device.named("battery.low"):
            told = day
    assert told is not None
    assert whole_days - told >= 30
    assert whole_days > 730, "two years"


def test_self_tests_run_soon_after_the_start_daily_and_on_command(driven: Make) -> None:
    device = driven()
    device.pass_ms(10_000)
    passed = {"by": "schedule", "link": True, "input": "idle", "tamper": "none", "supply": "none", **WHERE}
    assert device.named("test.passed") == [passed]
    device.pass_ms(24 * 3_600_000)
    assert len(device.named("test.passed")) == 2
    assert device.command("self-test") == {"ok": True}
    assert device.named("test.passed")[-1]["by"] == "command"


def test_in_a_user_test_one_press_is_a_test_and_the_next_an_alarm(driven: Make) -> None:
    device = driven()
    assert device.command("user-test", {"seconds": 30}) == {"ok": True, "seconds": 30}
    assert device.outputs["lamp"] == "test-armed"
    device.press()
    assert device.events == [("test.passed", {"by": "user", **WHERE})]
    assert (device.outputs["lamp"], device.outputs["haptic"]) == ("test-passed", "test-passed")
    for _ in range(2):
        device.press()
    assert device.alarms() == [
        ("raised", "assist-pending", 1, None),
        ("escalated", "assist-pending", 2, None),
    ], "the test press is part of no gesture"


def test_a_test_press_that_is_held_on_is_no_test_any_more(driven: Make) -> None:
    device = driven()
    device.command("user-test", {"seconds": 30})
    device.press(5500)
    assert device.alarms() == [("raised", "lockdown", 1, None)]


def test_a_user_test_is_refused_while_an_alarm_is_open_or_the_button_held_and_fails_if_nobody_presses(
    driven: Make,
) -> None:
    device = driven()
    assert device.command("user-test", {"seconds": 5})["ok"] is True
    device.pass_ms(5000)
    assert device.named("test.failed") == [{"by": "user", "failed": ["no press"], **WHERE}]
    device.set("button", 1)
    device.pass_ms(100)
    assert device.command("user-test")["ok"] is False
    device.receipt(2, 4)
    assert device.command("user-test")["ok"] is False, "the button is held"
    device.set("button", 0)
    device.pass_ms(100)
    assert device.command("user-test")["ok"] is True


def test_identify_shows_on_an_idle_lamp(driven: Make) -> None:
    device = driven()
    assert device.command("identify", {"seconds": 10}) == {"ok": True, "seconds": 10}
    assert device.outputs["lamp"] == "identify"
    device.pass_ms(10_000)
    assert device.outputs["lamp"] == "idle"


def test_an_unknown_command_or_input_is_not_ours(driven: Make) -> None:
    device = driven()
    assert device.button.command("silence", {}, device.now) == (None, [])
    assert device.button.input("moon", 1, device.now) == []


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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bulding": "x"}, "bulding is unknown to panic-button"),
        ({"building": ""}, "setting building .* must be 1 to 64 characters, not 0"),
        ({"room": 5}, "must be a text, not 5"),
        ({"gestures": [{}] * 9}, "must be 0 to 8 entries, not 9"),
        ({"haptic_pin": 4}, "button_pin and haptic_pin both name GPIO4"),
        ({"alarm_window_s": 59}, "must be 60 to 86400, not 59"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_its_range(
    driven: Make, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        driven(settings)


def test_a_button_without_a_building_is_refused() -> None:
    with pytest.raises(SettingsError, match="setting building"):
        make_logic({}, 0)
    assert make_logic({"building": "A"}, 0).next_tick_ms(0) == 10_000
    assert KIND == "panic-button"


def test_no_setting_at_either_end_of_its_range_turns_the_alarm_off(driven: Make) -> None:
    for name, (kind, default, minimum, maximum, _help) in SETTINGS.items():
        if name.endswith("_pin") or kind in (str, list):
            continue
        settings: dict[str, Any] = {"gestures": []} if name == "stuck_s" else {}
        for value in (False, True) if kind is bool else (minimum, maximum):
            device = driven({**settings, name: value})
            device.press(200, 200)
            assert len(device.named("alarm.raised")) == 1, f"{name} = {value} (default {default})"


def test_an_empty_table_of_gestures_leaves_every_press_an_alarm(driven: Make) -> None:
    device = driven({"gestures": []})
    for _ in range(10):
        device.press()
    device.press(20_000)
    assert device.alarms()[-1] == ("escalated", "assist-pending", 11, None)
