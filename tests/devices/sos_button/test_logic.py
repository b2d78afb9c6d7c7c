"""The SOS button's alarm as its people meet it: presses, further presses, receipts, restart."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

Make = Callable[..., Any]


def test_a_press_raises_one_alarm_within_the_debounce_time(driven: Make) -> None:
    device = driven()
    device.set("button", 1)
    device.pass_ms(30)
    assert device.events == [("alarm.raised", {"level": "sos", "age_ms": 30, "silent": True, "tamper": False})]
    assert device.outputs["lamp"] == "sending"


def test_the_event_comes_before_any_output_so_that_nothing_delays_it(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    effects = device.button.input("button", 1, device.now)
    assert effects[0][2] == "alarm.raised"
    assert len(effects) > 1


def test_further_presses_escalate_the_same_alarm_and_the_last_count_always_follows(driven: Make) -> None:
    device = driven()
    for _ in range(10):
        device.press(60, 60)
    device.pass_ms(2000)
    assert len(device.named("alarm.raised")) == 1
    told = device.named("alarm.escalated")
    assert told == [{"alarm": [7, 1], "count": count, "exact": True} for count in range(2, 11)]


def test_up_to_twenty_further_presses_in_a_row_are_each_an_event_at_once(driven: Make) -> None:
    device = driven()
    for number in range(21):
        device.set("button", 1)
        device.pass_ms(30)
        assert device.events[-1][1].get("count", 1) == number + 1, "a kill now would lose the press"
        device.set("button", 0)
        device.pass_ms(30)


def test_hammering_beyond_that_is_told_once_a_second_and_the_last_count_follows(driven: Make) -> None:
    device = driven()
    for _ in range(100):
        device.press(50, 37)
    times = [at_ms for name, at_ms in device.times if name == "alarm.escalated"]
    assert len(times) == 20 + 8, "twenty, and one for each full second of 8.6"
    for number, first in enumerate(times):
        for more, last in enumerate(times[number:], start=1):
            assert more <= 20 + (last - first) // 1000
    assert {later - earlier for earlier, later in pairwise(times[-6:])} == {1000}
    device.pass_ms(1000)
    assert device.named("alarm.escalated")[-1]["count"] == 100
    device.pass_ms(60_000)
    assert len(device.named("alarm.escalated")) == 29, "nothing is told twice"


@pytest.mark.parametrize(("rest_s", "at_once"), [(0, 0), (5, 5), (19, 19), (20, 20), (500, 20)])
def test_the_allowance_grows_by_one_a_second_up_to_twenty(driven: Make, rest_s: int, at_once: int) -> None:
    device = driven({"debounce_ms": 0})
    for _ in range(21):
        device.press(0, 0)
    assert len(device.named("alarm.escalated")) == 20
    device.pass_ms(rest_s * 1000)
    for _ in range(30):
        device.press(0, 0)
    assert len(device.named("alarm.escalated")) == 20 + at_once


def test_presses_before_the_alarm_has_its_number_go_out_as_soon_as_it_has(driven: Make) -> None:
    device = driven(seal=False)
    device.press()
    device.press()
    device.press()
    assert device.named("alarm.escalated") == []
    device.take(device.button.sealed(device.unsealed[0], 7, 41, device.now))
    assert device.named("alarm.escalated") == [{"alarm": [7, 41], "count": 3, "exact": True}]


def test_a_receipt_that_overtakes_the_number_is_not_forgotten(driven: Make) -> None:
    device = driven(seal=False)
    device.press()
    device.receipt(1, 1)
    device.take(device.button.sealed(device.unsealed[0], 7, 1, device.now))
    assert device.outputs["lamp"] == "received"


def test_a_press_after_the_center_closed_the_alarm_raises_a_new_one(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 4)
    device.press()
    assert len(device.named("alarm.raised")) == 2
    assert device.outputs["lamp"] == "sending"


def test_a_count_held_back_goes_out_when_the_alarm_is_closed(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    for _ in range(25):
        device.press(1, 1)
    assert device.named("alarm.escalated")[-1]["count"] == 21
    device.receipt(1, 4)
    assert device.named("alarm.escalated")[-1] == {"alarm": [7, 1], "count": 25, "exact": True}


def test_a_new_alarm_brings_no_new_allowance(driven: Make) -> None:
    device = driven({"debounce_ms": 0})
    for _ in range(21):
        device.press(1, 1)
    device.receipt(1, 4)
    device.press(1, 1)
    device.press(1, 1)
    assert len(device.named("alarm.raised")) == 2
    assert len(device.named("alarm.escalated")) == 20
    device.pass_ms(1000)
    assert device.named("alarm.escalated")[-1] == {
        "alarm": [7, device.number("alarm.raised")],
        "count": 2,
        "exact": True,
    }


def test_a_press_after_the_window_raises_a_new_alarm_and_the_old_keeps_its_state(driven: Make) -> None:
    device = driven({"alarm_window_s": 600})
    device.press()
    device.receipt(1, 2)
    device.pass_ms(600_000)
    device.press()
    assert len(device.named("alarm.raised")) == 2
    assert device.outputs["lamp"] == "sending"
    device.receipt(device.number("alarm.raised"), 1)
    assert device.outputs["lamp"] == "received"
    device.receipt(device.number("alarm.raised"), 4)
    assert device.outputs["lamp"] == "acknowledged", "the older alarm is still open"


def test_one_alarm_without_receipt_keeps_the_lamp_at_sending_whatever_became_of_the_others(driven: Make) -> None:
    device = driven({"alarm_window_s": 600})
    device.press()
    device.pass_ms(600_001)
    device.press()
    device.receipt(device.number("alarm.raised"), 3)
    assert device.outputs["lamp"] == "sending"


def test_each_press_renews_the_window(driven: Make) -> None:
    device = driven({"alarm_window_s": 600})
    for _ in range(5):
        device.press()
        device.pass_ms(590_000)
    assert len(device.named("alarm.raised")) == 1


def test_a_button_held_while_the_device_starts_is_a_press(driven: Make) -> None:
    device = driven()
    fresh = type(device)({})
    fresh.take(fresh.button.started([], fresh.now))
    fresh.set("button", 1)
    fresh.pass_ms(30)
    assert len(fresh.named("alarm.raised")) == 1


@pytest.mark.parametrize(("state", "lamp"), [(0, "sending"), (1, "received"), (2, "acknowledged"), (3, "dispatched")])
def test_after_a_restart_the_lamp_is_right_again_and_a_press_escalates(driven: Make, state: int, lamp: str) -> None:
    device = driven(open_alarms=[(6, 12, state)])
    assert device.outputs["lamp"] == lamp
    device.press()
    assert device.events == [("alarm.escalated", {"alarm": [6, 12], "count": 2, "exact": False})]
    device.receipt(12, 4, boot=6)
    assert device.outputs["lamp"] == "closed"


def test_an_alarm_known_only_from_a_receipt_is_adopted_once(driven: Make) -> None:
    device = driven()
    device.receipt(12, 2, boot=6)
    assert device.outputs["lamp"] == "acknowledged"
    device.receipt(12, 4, boot=6)
    device.receipt(12, 2, boot=6)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_a_close_for_an_alarm_never_heard_of_keeps_a_late_receipt_from_opening_it(driven: Make) -> None:
    device = driven()
    device.receipt(12, 4, boot=6)
    device.receipt(12, 1, boot=6)
    assert device.outputs["lamp"] == "idle"


@pytest.mark.parametrize("state", [0, 1])
def test_escalations_of_an_earlier_boot_do_not_outlive_their_alarm(driven: Make, state: int) -> None:
    device = driven(open_alarms=[(6, 12, 1), (6, 14, state)])
    device.receipt(12, 4, boot=6)
    device.receipt(14, 1, boot=6)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_alarms_that_nobody_receipts_or_closes_take_bounded_memory(driven: Make) -> None:
    device = driven({"alarm_window_s": 10})
    for _ in range(100):
        device.press()
        device.pass_ms(11_000)
    assert len(device.named("alarm.raised")) == 100
    assert len(device.button._alarms._open) <= 8
    for seq in range(200):
        device.receipt(seq, 4, boot=3)
    assert len(device.button._alarms._closed) <= 16
    assert device.outputs["lamp"] == "sending"


def test_the_alarm_that_presses_belong_to_is_never_forgotten_for_room(driven: Make) -> None:
    device = driven(open_alarms=[(6, seq, 1) for seq in range(1, 12)])
    device.press(50, 50)
    device.press(50, 50)
    device.pass_ms(2000)
    told = device.named("alarm.escalated")
    assert [(data["alarm"], data["count"]) for data in told] == [([6, 1], 2), ([6, 1], 3)]
