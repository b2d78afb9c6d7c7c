"""Following an event by the lines of agent and center: stages in any order of arrival, presses matched to what they caused."""

from typing import Any

from simulators.account import percentile, presses_verified
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


def test_refusals_are_counted_with_those_told_together() -> None:
    found = follower()
    found.center_said({"what": "refused", "reason": "forged"})
    found.center_said({"what": "refused", "held": {"forged": 3, "replayed": 1}})
    assert found.refused == 5


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


def test_percentiles_of_few_values_lie_among_them() -> None:
    assert percentile([], 50) is None
    assert percentile([4.0], 99) == 4.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([1.0, 2.0, 3.0], 99) == 3.0
