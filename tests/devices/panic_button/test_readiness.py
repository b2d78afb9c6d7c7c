"""What a panic button says of itself: faults, tamper, supply, battery, its tests, and commands."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]

WHERE = {"building": "School 5", "floor": "2", "room": "212"}


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
