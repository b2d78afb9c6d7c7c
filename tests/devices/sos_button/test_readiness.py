"""What an SOS button says of itself: faults, tamper, supply, battery, its tests, and commands."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


def test_a_stuck_button_is_one_alarm_and_one_fault(driven: Make) -> None:
    device = driven({"stuck_s": 30})
    device.set("button", 1)
    device.pass_ms(3_600_000)
    device.receipt(1, 4)
    device.pass_ms(6000)
    assert [name for name, _ in device.events if not name.startswith("test.")] == ["alarm.raised", "fault.stuck"]
    assert device.named("fault.stuck") == [{"input": "button", "held_s": 30}]
    assert device.outputs["lamp"] == "fault"
    device.set("button", 0)
    device.pass_ms(30)
    assert device.named("fault.cleared") == [{"input": "button"}]
    assert device.outputs["lamp"] == "idle"


def test_tamper_is_reported_within_a_second_both_ways(driven: Make) -> None:
    device = driven({"tamper_pin": 5})
    device.set("tamper", 0)
    device.set("tamper", 1)
    device.pass_ms(1000)
    assert device.events == [("tamper.opened", {})]
    assert device.outputs["lamp"] == "tamper"
    device.set("tamper", 0)
    device.pass_ms(1000)
    assert device.events == [("tamper.opened", {}), ("tamper.closed", {})]


def test_supply_is_reported_both_ways_and_a_short_dip_is_not(driven: Make) -> None:
    device = driven({"supply_pin": 6})
    device.set("supply", 1)
    device.set("supply", 0)
    device.pass_ms(300)
    device.set("supply", 1)
    device.pass_ms(2000)
    assert device.events == []
    device.set("supply", 0)
    device.pass_ms(500)
    device.set("supply", 1)
    device.pass_ms(500)
    assert [name for name, _ in device.events] == ["supply.lost", "supply.restored"]


def test_a_low_battery_is_one_event_and_shows(driven: Make) -> None:
    device = driven({"battery_low_mv": 11_000})
    for millivolts in (12_000, 10_900, 10_900, 10_900, 10_800):
        device.set("battery", millivolts)
    assert device.events == [("battery.low", {"mv": 10_900})]
    assert device.outputs["lamp"] == "fault"


def test_a_disk_that_keeps_nothing_shows_and_fails_the_self_test(driven: Make) -> None:
    device = driven()
    device.set("disk", 1)
    assert device.outputs["lamp"] == "fault"
    assert device.command("self-test") == {"ok": False}
    assert device.events[-1][1]["failed"] == ["disk"]
    device.set("disk", 0)
    assert device.outputs["lamp"] == "idle"
    assert device.command("self-test") == {"ok": True}


def test_a_self_test_runs_soon_after_start_and_never_more_than_24_hours_apart(driven: Make) -> None:
    device = driven()
    device.pass_ms(10_000)
    assert device.named("test.passed") == [
        {"by": "schedule", "link": True, "input": "idle", "tamper": "none", "supply": "none"}
    ]
    for day in range(2, 9):
        device.pass_ms(24 * 3_600_000)
        assert len(device.named("test.passed")) == day


def test_a_self_test_fails_where_an_input_is_stuck_open_or_unread(driven: Make) -> None:
    device = driven({"tamper_pin": 5, "supply_pin": 6, "battery_low_mv": 3000})
    assert device.command("self-test") == {"ok": False}
    assert device.named("test.failed")[-1]["failed"] == ["tamper", "supply", "battery"]
    for name, value in (("tamper", 0), ("supply", 0), ("battery", 3600)):
        device.set(name, value)
    device.pass_ms(1000)
    assert device.command("self-test") == {"ok": True}
    assert device.named("test.passed")[-1]["supply"] == "battery"
    device.set("tamper", 1)
    device.set("button", 1)
    device.pass_ms(31_000)
    device.command("self-test")
    assert device.named("test.failed")[-1]["failed"] == ["input", "tamper"]


def test_in_a_user_test_exactly_one_press_is_a_test_and_the_next_an_alarm(driven: Make) -> None:
    device = driven()
    assert device.command("user-test", {"seconds": 30}) == {"ok": True, "seconds": 30}
    assert device.outputs["lamp"] == "test-armed"
    device.press()
    assert device.events == [("test.passed", {"by": "user"})]
    assert device.outputs["lamp"] == "test-passed"
    device.press()
    assert len(device.named("alarm.raised")) == 1


def test_a_user_test_ends_by_itself_and_says_that_nobody_pressed(driven: Make) -> None:
    device = driven()
    device.command("user-test", {"seconds": 5})
    device.pass_ms(5000)
    assert device.events == [("test.failed", {"by": "user", "failed": ["no press"]})]
    device.press()
    assert len(device.named("alarm.raised")) == 1


def test_a_press_seen_late_after_the_armed_window_is_an_alarm(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    device.command("user-test", {"seconds": 5})
    device.now += 5000
    device.set("button", 1)
    assert [name for name, _ in device.events] == ["test.failed", "alarm.raised"]


@pytest.mark.parametrize(("asked", "granted"), [(100_000, 120), (-5, 1), ("x", 60), (None, 60)])
def test_a_user_test_is_armed_for_two_minutes_at_most(driven: Make, asked: object, granted: int) -> None:
    device = driven()
    assert device.command("user-test", {"seconds": asked}) == {"ok": True, "seconds": granted}


def test_a_user_test_is_refused_while_an_alarm_is_open(driven: Make) -> None:
    device = driven()
    device.press()
    assert device.command("user-test")["ok"] is False
    device.press()
    assert device.named("test.passed") == []


def test_identify_shows_on_an_idle_lamp_and_yields_to_an_alarm(driven: Make) -> None:
    device = driven()
    assert device.command("identify", {"seconds": 10}) == {"ok": True, "seconds": 10}
    assert device.outputs["lamp"] == "identify"
    device.press()
    assert device.outputs["lamp"] == "sending"
    device.receipt(1, 4)
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "identify"
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "idle"


def test_an_unknown_command_is_not_ours(driven: Make) -> None:
    device = driven()
    assert device.button.command("open-doors", {}, device.now) == (None, [])


def test_an_unknown_input_changes_nothing(driven: Make) -> None:
    device = driven()
    assert device.button.input("moon", 1, device.now) == []
