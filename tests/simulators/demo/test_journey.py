"""Following an event by the lines of agent and center: stages in any order of arrival, presses matched to what they caused."""

from typing import Any

from simulators.account import of_device, percentile, presses_verified
from simulators.demo.journey import Follower

MS = 1_000_000


def follower() -> Follower:
    return Follower("sos-0001")


def sealed(seq: int, at_ms: float, type_: str = "alarm.raised") -> dict[str, Any]:
    return {"stage": "sealed", "boot": 1, "seq": seq, "type": type_, "mono_ns": round(at_ms * MS)}


def stage(name: str, seq: int, at_ms: float, **more: object) -> dict[str, Any]:
    return {"stage": name, "boot": 1, "seq": seq, "mono_ns": round(at_ms * MS), **more}


def test_times_count_from_the_touch() -> None:
    found = follower()
    found.touched(10 * MS)
    found.agent_said(sealed(1, 40))
    found.agent_said(stage("receipt", 1, 52, state=1))
    (journey,) = found.alarms()
    assert journey.pressed_ns == 10 * MS
    assert journey.ms("sealed") == 30
    assert journey.ms("receipt") == 42
    assert journey.ms("stored") is None
    assert journey.state == 1


def test_the_center_may_be_heard_before_the_agent() -> None:
    found = follower()
    found.center_said({**stage("verified", 1, 45), "device": "sos-0001", "type": "alarm.raised"})
    found.agent_said(sealed(1, 40))
    assert [journey.type for journey in found.alarms()] == ["alarm.raised"]
    assert found.alarms()[0].ms("verified") == 5


def test_another_devices_events_are_not_followed() -> None:
    found = follower()
    found.center_said({**stage("verified", 1, 45), "device": "sos-0002", "type": "alarm.raised"})
    assert found.journeys == {}


def test_kept_counts_for_every_event_up_to_the_position_even_before_the_events_own_line() -> None:
    found = follower()
    for seq in (1, 2):
        found.agent_said(sealed(seq, seq, "tamper.opened"))
        found.agent_said(stage("written", seq, seq, position=seq))
    found.agent_said({"stage": "kept", "position": 2, "mono_ns": 9 * MS})
    assert [journey.stages["kept"] for journey in found.journeys.values()] == [9 * MS, 9 * MS]


def test_after_a_restart_positions_of_the_old_journal_name_nothing() -> None:
    found = follower()
    found.agent_said(sealed(1, 1))
    found.agent_said(stage("written", 1, 1, position=1))
    found.forget_positions()
    found.agent_said({"stage": "kept", "position": 1, "mono_ns": 9 * MS})
    assert "kept" not in found.alarms()[0].stages


def test_a_touch_that_no_agent_saw_is_not_given_to_a_later_press_twice() -> None:
    found = follower()
    found.touched(1 * MS)
    found.agent_said(sealed(1, 2))
    found.agent_said(sealed(2, 3))
    assert [journey.pressed_ns for journey in found.alarms()] == [1 * MS, None]


def test_refusals_are_counted_for_the_device_and_those_told_together_for_every_one() -> None:
    found = follower()
    found.center_said({"what": "refused", "reason": "forged", "topic": "dabyl/v1/sos-0001/event"})
    found.center_said({"what": "refused", "reason": "forged", "topic": "dabyl/v1/sos-0002/event"})
    found.center_said({"what": "refused", "held": {"forged": 3, "replayed": 1}})
    assert found.refused == 5


def board() -> Follower:
    return Follower("panic-0001", traced=False)


def center(name: str, seq: int, at_ms: float, type_: str = "alarm.raised", **more: object) -> dict[str, Any]:
    return {**stage(name, seq, at_ms, **more), "device": "panic-0001", "type": type_}


def test_a_device_that_tells_nothing_is_followed_by_the_centers_word() -> None:
    found = board()
    found.touched(10 * MS)
    found.center_said(center("verified", 4, 60))
    found.center_said(center("receipt", 4, 80, "", first=2))
    found.center_said(center("receipt", 4, 80, "", state=2))
    (journey,) = found.alarms()
    assert (journey.ms("verified"), journey.ms("signed"), journey.ms("sealed")) == (50, 70, None)
    assert journey.state == 2
    assert found.proof == "signed"


def test_presses_that_waited_on_a_board_meet_their_events_in_order_each_once() -> None:
    found = board()
    for at_ms in (10, 20):
        found.touched(at_ms * MS)
    found.center_said(center("verified", 1, 60))
    found.center_said(center("verified", 1, 61))  # sent again
    found.center_said(center("verified", 2, 62, "health.report"))
    found.center_said(center("verified", 3, 63, "alarm.escalated"))
    found.center_said(center("verified", 4, 64, "alarm.escalated"))  # by a hold, no press of its own
    assert [journey.pressed_ns for journey in found.alarms()] == [10 * MS, 20 * MS, None]
    assert found.alarms()[2].ms("verified") is None, "nobody knows since when"


def test_an_alarm_is_kept_for_the_touch_that_raised_it_and_no_other() -> None:
    found = follower()
    found.touched(10 * MS)
    found.agent_said(sealed(1, 40))
    found.agent_said(stage("written", 1, 41, position=1))
    assert not found.kept(10 * MS)
    found.agent_said({"stage": "kept", "position": 1, "mono_ns": 42 * MS})
    assert found.kept(10 * MS)
    assert not found.kept(20 * MS)


def test_a_touch_that_no_board_felt_is_forgotten_and_those_before_it_are_not() -> None:
    found = board()
    for at_ms in (10, 20, 30):
        found.touched(at_ms * MS)
    found.forget_touches(20 * MS)
    found.center_said(center("verified", 1, 60))
    found.center_said(center("verified", 2, 61, "alarm.escalated"))
    assert [journey.pressed_ns for journey in found.alarms()] == [10 * MS, None]


def test_the_lamp_of_a_board_shows_the_alarm_raised_last_once_that_is_signed() -> None:
    found = board()
    found.center_said(center("verified", 1, 20))
    found.center_said(center("receipt", 1, 25, "", first=1))
    found.center_said(center("verified", 2, 30))
    found.lamp_seen("sending", lambda signed_ns: signed_ns + 400 * MS)
    assert all("lamp" not in journey.stages for journey in found.alarms())
    found.center_said(center("receipt", 2, 35, "", first=2))
    found.lamp_seen("received", lambda signed_ns: signed_ns + 400 * MS)
    assert ["lamp" in journey.stages for journey in found.alarms()] == [False, True]
    assert found.lamp == "received"


def test_presses_are_the_highest_count_of_each_alarm() -> None:
    def raised(seq: int) -> dict[str, Any]:
        return {"type": "dabyl.alarm.raised", "dabylboot": 1, "dabylseq": seq, "data": {}}

    def escalated(seq: int, count: int, boot: int = 1) -> dict[str, Any]:
        return {"type": "dabyl.alarm.escalated", "dabylboot": boot, "data": {"alarm": [1, seq], "count": count}}

    assert presses_verified([]) == 0
    assert presses_verified([raised(1), raised(2)]) == 2
    assert presses_verified([raised(1), escalated(1, 3), escalated(1, 2)]) == 3
    assert presses_verified([escalated(1, 3), raised(1), raised(1)]) == 3
    assert presses_verified([raised(1), escalated(1, 3), escalated(1, 2, boot=2)]) == 4, (
        "a restart counts from its own first"
    )
    assert presses_verified([{"type": "dabyl.presence.online", "data": {}}]) == 0


def test_events_are_told_apart_by_their_device() -> None:
    events = [{"source": f"urn:dabyl:device:sos-{number}"} for number in (1, 11, 1)]
    assert of_device(events, "sos-1") == [events[0], events[2]]


def test_percentiles_of_few_values_lie_among_them() -> None:
    assert percentile([], 50) is None
    assert percentile([4.0], 99) == 4.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([1.0, 2.0, 3.0], 99) == 3.0
