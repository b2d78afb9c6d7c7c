"""Calls on a panic button: which gestures so many presses are, and what is found wrong with what came of one."""

import time
from typing import Any

import pytest

from simulators.board.calls import GESTURES, Gesture, felt, judge, planned
from simulators.gpio.wiring import Output

PLACE = {"building": "School 5", "room": "212"}
STAFF = Gesture(3, "staff")


def raised(seq: int, level: str = "assist-pending", *, drill: bool = False, **place: str) -> dict[str, Any]:
    data = {"level": level, **PLACE, **place}
    return {"type": "dabyl.alarm.raised", "dabylboot": 1, "dabylseq": seq, "dabyldrill": drill, "data": data}


def escalated(alarm: int, level: str | None = None, *, drill: bool = False) -> dict[str, Any]:
    data = {"alarm": [1, alarm], "count": 2, **PLACE, **({"level": level} if level else {})}
    return {"type": "dabyl.alarm.escalated", "dabylboot": 1, "dabylseq": 9, "dabyldrill": drill, "data": data}


HEALTH = {"type": "dabyl.health.report", "dabyldrill": True, "data": {}}


@pytest.mark.parametrize("presses", [1, 3, 4, 6, 11])
def test_a_plan_makes_as_many_presses_as_were_asked_for_and_begins_with_each_gesture(presses: int) -> None:
    plan = planned(presses)
    assert sum(gesture.presses for gesture in plan) == presses
    assert planned(2)[1] == Gesture(1, "assist-pending"), "one press of three means no more than one"
    assert tuple(planned(6)) == GESTURES


def test_a_call_that_rises_on_one_alarm_is_right_however_often_it_is_delivered() -> None:
    events = [raised(3), HEALTH, escalated(3, "assist-pending"), escalated(3, "staff")]
    assert judge(STAFF, PLACE, events + events) == []


@pytest.mark.parametrize(
    ("gesture", "events", "said"),
    [
        (STAFF, [], "0 alarms"),
        (STAFF, [raised(3), raised(4, "staff")], "2 alarms"),
        (STAFF, [raised(3), escalated(2, "staff")], "2 alarms"),
        (STAFF, [raised(3), escalated(3)], "level assist-pending instead of staff"),
        (STAFF, [raised(3), escalated(3, "lockdown")], "level lockdown instead of staff"),
        (STAFF, [raised(3, room="9"), escalated(3, "staff")], "'room': '9'"),
        (STAFF, [raised(3), escalated(3, "staff", drill=True)], "alarm.escalated says it is a drill"),
        (Gesture(1, "assist-pending", drill=True), [raised(3)], "alarm.raised says it is real"),
        (Gesture(3, ""), [raised(3, building="")], "'building': ''"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(gesture: Gesture, events: list[dict[str, Any]], said: str) -> None:
    assert said in "; ".join(judge(gesture, PLACE, events))


def test_a_call_cut_short_may_be_two_alarms_of_any_level() -> None:
    assert judge(Gesture(3, ""), PLACE, [raised(3), raised(4), escalated(4)]) == []


def test_a_press_is_felt_if_the_motor_answers_before_the_next() -> None:
    motor = [Output(1.0, None, 110), Output(0.0, None, 150), Output(1.0, None, time.monotonic_ns())]
    assert felt([100, 200, 300], motor) == 2
