"""Drills: every event of one bears its mark, and nothing that may be real ever does."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.panic_button.drill import DRILL_MAX_S

Make = Callable[..., Any]

NOON = 1_700_000_000_000
HOUR = 3_600_000


def drilling(device: Any, minutes: int = 30) -> int:
    """Start a drill; returns when it ends, monotonic."""
    device.set("clock", NOON)
    assert device.command("drill", {"until": NOON + minutes * 60_000}) == {"ok": True, "until": NOON + minutes * 60_000}
    end: int = device.now + minutes * 60_000
    assert device.button.drill_end_ms == end
    return end


def test_every_event_of_a_drill_bears_its_mark(driven: Make) -> None:
    device = driven({"tamper_pin": 5, "battery_low_mv": 3000, "stuck_s": 30})
    device.set("tamper", 0)
    drilling(device)
    assert device.outputs["lamp"] == "drill"
    for _ in range(8):
        device.press()
    device.press(31_000)
    device.set("tamper", 1)
    for _ in range(3):
        device.set("battery", 2000)
    device.pass_ms(1000)
    device.command("self-test")
    assert len({name for name, _ in device.events}) >= 8
    assert all(data.get("drill") is True for _, data in device.events), device.events


def test_a_drill_says_that_it_starts_and_ends_and_ends_by_itself(driven: Make) -> None:
    device = driven()
    end = drilling(device)
    place = {"building": "School 5", "floor": "2", "room": "212"}
    assert device.events == [("drill.started", {"until": NOON + 30 * 60_000, "drill": True, **place})]
    device.pass_ms(end - device.now - 1)
    assert device.outputs["lamp"] == "drill"
    assert device.named("drill.ended") == []
    device.pass_ms(1)
    assert device.named("drill.ended") == [{"by": "time", **place}]
    assert device.outputs["lamp"] == "idle"
    assert device.button.drill_end_ms is None
    device.press()
    assert device.alarms() == [("raised", "assist-pending", 1, None)]


def test_a_press_at_the_very_end_is_real_even_if_no_tick_has_come(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    end = drilling(device)
    device.now = end
    device.set("button", 1)
    assert device.alarms() == [("raised", "assist-pending", 1, None)]
    device = driven({"debounce_ms": 0})
    device.now = drilling(device) - 1
    device.set("button", 1)
    assert device.alarms() == [("raised", "assist-pending", 1, True)]


def test_a_press_that_is_decided_after_the_end_is_real(driven: Make) -> None:
    device = driven()
    end = drilling(device)
    device.pass_ms(end - device.now - 29)
    device.set("button", 1)
    device.pass_ms(100)
    assert device.alarms() == [("raised", "assist-pending", 1, None)]


@pytest.mark.parametrize("seal", [True, False])
def test_a_press_before_the_beginning_that_is_decided_after_it_is_real_and_ends_the_drill(
    driven: Make, seal: bool
) -> None:
    device = driven(seal=seal)
    device.set("button", 1)
    device.pass_ms(10)
    drilling(device)
    device.pass_ms(20)
    assert device.alarms() == [("raised", "assist-pending", 1, None)]
    assert device.named("drill.ended")[0]["by"] == "alarm"


def test_a_press_that_begins_in_a_drill_is_none_the_less_a_drill_s_when_its_end_is_moved(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.set("button", 1)
    device.pass_ms(10)
    drilling(device)
    device.pass_ms(20)
    assert device.alarms() == [("raised", "assist-pending", 1, True)]


def test_after_a_drill_a_press_is_a_new_alarm_and_no_part_of_the_drill_s(driven: Make) -> None:
    device = driven()
    drilling(device, 1)
    device.pass_ms(59_000)
    for _ in range(3):
        device.press(100, 100)
    device.pass_ms(1000)
    for _ in range(2):
        device.press(100, 100)
    assert device.alarms() == [
        ("raised", "assist-pending", 1, True),
        ("escalated", "assist-pending", 2, True),
        ("escalated", "staff", 3, True),
        ("raised", "assist-pending", 1, None),
        ("escalated", "assist-pending", 2, None),
    ]


def test_presses_before_a_drill_are_no_part_of_its_gestures(driven: Make) -> None:
    device = driven()
    for _ in range(2):
        device.press(100, 100)
    device.receipt(1, 4)
    drilling(device)
    device.press()
    assert device.alarms()[-1] == ("raised", "assist-pending", 1, True)


def test_a_drill_that_is_refused_cuts_no_gesture(driven: Make) -> None:
    device = driven()
    device.set("clock", NOON)
    device.press()
    device.press()
    device.receipt(1, 4)
    assert device.command("drill", {"until": NOON})["ok"] is False
    device.press()
    assert device.alarms()[-1] == ("raised", "staff", 1, None)


def test_another_end_for_a_drill_that_is_on_cuts_no_gesture(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.press()
    device.press()
    drilling(device)
    device.press()
    assert device.alarms()[-1] == ("escalated", "staff", 3, True)
    assert len(device.named("drill.started")) == 2


def test_a_hold_that_was_told_in_the_drill_is_not_told_again_after_it(driven: Make) -> None:
    device = driven()
    drilling(device, 1)
    device.pass_ms(54_000)
    device.press(20_000)
    assert device.alarms() == [("raised", "assist-pending", 1, True), ("escalated", "lockdown", 1, True)]


def test_a_hold_that_is_reached_after_the_end_is_real(driven: Make) -> None:
    device = driven()
    drilling(device, 1)
    device.pass_ms(57_000)
    device.press(20_000)
    assert device.alarms() == [("raised", "assist-pending", 1, True), ("raised", "lockdown", 1, None)]


def test_what_a_drill_held_back_is_told_at_its_end_with_its_mark(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    drilling(device)
    for _ in range(30):
        device.press(1, 1)
    assert device.alarms()[-1][2] == 21
    device.command("drill-end")
    assert device.alarms()[-1][2:] == (30, True)
    assert device.named("drill.ended")[0]["by"] == "command"
    device.pass_ms(5000)
    assert device.events[-1][0] == "drill.ended"


def test_a_drill_s_alarm_that_has_no_number_at_the_end_tells_all_when_it_has(driven: Make) -> None:
    device = driven({"debounce_ms": 0}, seal=False)
    drilling(device)
    started = device.unsealed.pop()
    device.take(device.button.sealed(started, 7, 1, device.now))
    for _ in range(3):
        device.press(1, 1)
    device.command("drill-end")
    device.take(device.button.sealed(device.unsealed[0], 7, 2, device.now))
    assert device.alarms() == [("raised", "assist-pending", 1, True), ("escalated", "staff", 3, True)]
    assert device.outputs["lamp"] == "idle"
    device.press()
    assert device.alarms()[-1] == ("raised", "assist-pending", 1, None)


def test_the_end_of_a_drill_claims_no_closing(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.press()
    device.receipt(2, 2)
    device.command("drill-end")
    assert device.outputs["lamp"] == "idle"
    device.receipt(2, 3)
    assert device.outputs["lamp"] == "idle"
    assert "closed" not in {pattern for _, pattern in device.played}


def test_no_drill_without_the_time_of_day(driven: Make) -> None:
    device = driven()
    result = device.command("drill", {"until": NOON})
    assert result == {"ok": False, "why": "the device does not know the time of day"}
    assert device.events == []


@pytest.mark.parametrize(
    ("until", "why"),
    [
        (NOON, "the drill is over already"),
        (NOON - HOUR, "the drill is over already"),
        (NOON + DRILL_MAX_S * 1000 + 1, "a drill lasts 14400 s at most"),
        (10**18, "a drill lasts 14400 s at most"),
        (None, "until must be the drill's end in milliseconds since 1970 UTC"),
        (True, "until must be the drill's end in milliseconds since 1970 UTC"),
        ("soon", "until must be the drill's end in milliseconds since 1970 UTC"),
    ],
)
def test_a_drill_that_is_over_or_too_long_is_refused(driven: Make, until: object, why: str) -> None:
    device = driven()
    device.set("clock", NOON)
    assert device.command("drill", {"until": until}) == {"ok": False, "why": why}
    assert device.button.drill_end_ms is None


def test_the_longest_drill_is_four_hours(driven: Make) -> None:
    device = driven()
    end = drilling(device, 240)
    assert end - device.now == 4 * HOUR


@pytest.mark.parametrize(("jump_ms", "end_min"), [(10 * 60_000, 20), (-HOUR, 30), (HOUR, 0)])
def test_a_clock_that_is_set_can_only_shorten_a_drill(driven: Make, jump_ms: int, end_min: int) -> None:
    device = driven()
    begin = device.now
    drilling(device)
    device.set("clock", NOON + jump_ms)
    if end_min:
        assert device.button.drill_end_ms == begin + end_min * 60_000
    else:
        assert device.named("drill.ended")[0]["by"] == "time"


def test_no_drill_beside_a_real_alarm_or_a_held_button(driven: Make) -> None:
    device = driven()
    device.press()
    device.set("clock", NOON)
    assert device.command("drill", {"until": NOON + HOUR})["ok"] is False
    device.receipt(1, 4)
    device.set("button", 1)
    device.pass_ms(100)
    device.receipt(2, 4)
    assert device.command("drill", {"until": NOON + HOUR})["ok"] is False
    assert device.button.drill_end_ms is None


def test_a_real_alarm_of_an_earlier_boot_ends_the_drill_and_takes_the_presses(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.press()
    device.pass_ms(700_000)
    device.receipt(12, 1, boot=6)
    assert device.named("drill.ended")[0]["by"] == "alarm"
    device.press()
    assert device.alarms()[-1] == ("escalated", None, 2, None)
    assert device.named("alarm.escalated")[-1]["alarm"] == [6, 12]


def test_a_closed_alarm_of_an_earlier_boot_ends_no_drill(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.receipt(12, 4, boot=6)
    assert device.button.drill_end_ms is not None


def test_a_drill_survives_no_restart(driven: Make) -> None:
    device = driven()
    drilling(device)
    device.press()
    fresh = driven(open_alarms=[(7, 2, 1)])
    assert fresh.button.drill_end_ms is None
    fresh.press()
    assert fresh.alarms() == [("escalated", None, 2, None)]


def test_an_end_without_a_drill_is_no_event(driven: Make) -> None:
    device = driven()
    assert device.command("drill-end") == {"ok": True}
    assert device.events == []


def test_a_command_after_the_end_finds_no_drill_even_if_no_tick_has_come(driven: Make) -> None:
    device = driven()
    device.now = drilling(device)
    device.command("self-test")
    assert [(name, data.get("drill")) for name, data in device.events[1:]] == [
        ("drill.ended", None),
        ("test.passed", None),
    ]
