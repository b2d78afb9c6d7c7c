"""The SOS button as its people meet it: presses, receipts, lamp, signals, tests, tamper, supply, restart."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from devices.common.settings import SettingsError

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


def test_the_lamp_follows_the_receipts_step_by_step(driven: Make) -> None:
    device = driven()
    device.press()
    for state in (1, 2, 3, 4):
        device.receipt(1, state)
    assert device.lamps == ["offline", "idle", "sending", "received", "acknowledged", "dispatched", "closed"]
    device.pass_ms(5000)
    assert device.outputs["lamp"] == "idle"


def test_receipts_in_any_order_never_lower_the_state_nor_reopen_an_alarm(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 2)
    device.receipt(1, 1)
    assert device.outputs["lamp"] == "acknowledged"
    device.receipt(1, 4)
    device.receipt(1, 3)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_a_receipt_for_an_escalation_changes_nothing(driven: Make) -> None:
    device = driven()
    device.press()
    device.press()
    device.receipt(device.number("alarm.escalated"), 2)
    assert device.outputs["lamp"] == "sending"
    device.receipt(1, 4)
    device.pass_ms(6000)
    assert device.outputs["lamp"] == "idle"


def test_a_press_on_a_received_alarm_blinks_briefly_and_falls_back_to_what_is_receipted(driven: Make) -> None:
    device = driven()
    device.press()
    device.receipt(1, 1)
    device.press()
    assert device.outputs["lamp"] == "pressed"
    device.pass_ms(1000)
    assert device.outputs["lamp"] == "received"


def test_without_a_link_the_lamp_says_so_while_sending_and_while_idle(driven: Make) -> None:
    device = driven()
    device.take(device.button.link(False, device.now))
    assert device.outputs["lamp"] == "offline"
    device.press()
    assert device.outputs["lamp"] == "sending-no-link"
    device.take(device.button.link(True, device.now))
    assert device.outputs["lamp"] == "sending"


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


def test_a_button_held_while_the_device_starts_is_a_press(driven: Make) -> None:
    device = driven()
    fresh = type(device)({})
    fresh.take(fresh.button.started([], fresh.now))
    fresh.set("button", 1)
    fresh.pass_ms(30)
    assert len(fresh.named("alarm.raised")) == 1


def test_strobe_and_siren_follow_the_configuration_and_end_by_themselves(driven: Make) -> None:
    device = driven({"siren": True, "siren_s": 180, "strobe_s": 600, "relay_s": 60})
    device.press()
    assert (device.outputs["strobe"], device.outputs["siren"], device.outputs["relay"]) == ("alarm", "alarm", "on")
    device.pass_ms(60_000)
    assert device.outputs["relay"] == "off"
    device.pass_ms(120_000)
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("alarm", "off")
    device.pass_ms(420_000)
    assert device.outputs["strobe"] == "off"


def test_a_silent_button_raises_the_alarm_all_the_same(driven: Make) -> None:
    device = driven({"siren": False, "strobe": False})
    device.press()
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("off", "off")
    assert len(device.named("alarm.raised")) == 1


def test_silence_stops_the_signals_and_nothing_else(driven: Make) -> None:
    device = driven({"siren": True})
    device.press()
    assert device.command("silence") == {"ok": True}
    assert (device.outputs["strobe"], device.outputs["siren"], device.outputs["lamp"]) == ("off", "off", "sending")
    device.press()
    assert device.outputs["siren"] == "off", "the same alarm stays silenced"
    assert len(device.named("alarm.escalated")) == 1


def test_closing_the_alarm_stops_the_signals(driven: Make) -> None:
    device = driven({"siren": True})
    device.press()
    device.receipt(1, 4)
    assert (device.outputs["strobe"], device.outputs["siren"]) == ("off", "off")


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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"debounce": 30}, "debounce is unknown"),
        ({"debounce_ms": "30"}, "must be a whole number, not '30'"),
        ({"debounce_ms": True}, "must be a whole number, not True"),
        ({"siren": 1}, "must be true or false, not 1"),
        ({"debounce_ms": 101}, "must be 0 to 100, not 101"),
        ({"self_test_h": 25}, "must be 1 to 24, not 25"),
        ({"button_pin": -1}, "must be 0 to 48, not -1"),
        ({"lamp_pin": 17}, "button_pin and lamp_pin both name GPIO17"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_its_range(
    driven: Make, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        driven(settings)


def test_no_setting_at_either_end_of_its_range_turns_the_alarm_off(driven: Make) -> None:
    from devices.sos_button import SETTINGS  # noqa: PLC0415 - read where it is used up

    for name, (kind, default, minimum, maximum, _help) in SETTINGS.items():
        if name.endswith("_pin"):
            continue
        ends = (False, True) if kind is bool else (minimum, maximum)
        for value in ends:
            device = driven({name: value})
            device.press(200, 200)
            assert len(device.named("alarm.raised")) == 1, f"{name} = {value} (default {default})"
