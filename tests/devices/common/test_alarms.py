"""The book of alarms by itself: drill and real never mix, and an ended drill leaves nothing untold. The kinds' tests hold the rest."""

from typing import Any

from devices.common.alarms import (
    ACKNOWLEDGED,
    CLOSED,
    ESCALATIONS_AT_ONCE,
    OPEN_MAX,
    RECEIVED,
    UNRECEIPTED,
    AlarmBook,
)

BOOT = 7


def book() -> AlarmBook:
    return AlarmBook(60_000, ("low", "high"))


def test_a_press_of_a_drill_and_a_real_one_never_share_an_alarm() -> None:
    for drill in (True, False):
        alarms = book()
        assert alarms.press(0, {}, 0, drill)[0]
        alarms.sealed(1, BOOT, 1, 0)
        assert not alarms.press(100, {}, 0, drill)[0]
        data: dict[str, Any] = {}
        raised, effects = alarms.press(200, data, 1, not drill)
        assert raised
        assert effects[0][2] == "alarm.raised"
        assert data == ({"level": "high"} if drill else {"level": "high", "drill": True})


def test_what_waits_for_number_and_allowance_when_its_drill_ends_is_told_with_the_number() -> None:
    alarms = book()
    alarms.press(0, {}, 0, True)
    alarms.sealed(1, BOOT, 1, 0)
    for _ in range(ESCALATIONS_AT_ONCE):
        assert len(alarms.press(0, {}, 0, True)[1]) == 1
    assert alarms.press(0, {}, 0, True)[1] == []
    alarms.receipt(BOOT, 1, 4, 0)
    alarms.press(0, {}, 0, True)
    alarms.press(0, {}, 0, True)
    assert alarms.end_drill(0) == []
    told = alarms.sealed(2, BOOT, 30, 0)
    assert [effect[3] for effect in told] == [
        {"alarm": [BOOT, 30], "count": 2, "exact": True, "level": "low", "drill": True}
    ]
    assert alarms.state() is None


def test_a_book_without_levels_says_none() -> None:
    alarms = AlarmBook(60_000)
    data: dict[str, Any] = {}
    alarms.press(0, data)
    alarms.sealed(1, BOOT, 1, 0)
    assert data == {}
    assert "level" not in alarms.press(0, {})[1][0][3]


def test_the_alarm_that_presses_belong_to_is_not_forgotten_for_room() -> None:
    alarms = book()
    for seq in range(1, 12):
        alarms.adopt(6, seq, 1, 0)
    assert not alarms.press(0, {})[0]
    alarms.receipt(6, 1, 4, 0)
    assert alarms.press(0, {})[0], "its closing was heard"


def test_the_state_is_that_of_the_alarm_which_presses_belong_to() -> None:
    alarms = book()
    alarms.adopt(6, 1, ACKNOWLEDGED, 0)
    alarms.adopt(6, 5, RECEIVED, 0)
    assert alarms.press(10, {})[1][0][3]["alarm"] == [6, 1]
    assert alarms.state() == ACKNOWLEDGED


def test_an_alarm_is_adopted_once() -> None:
    alarms = book()
    for _ in range(2):
        alarms.adopt(6, 1, RECEIVED, 0)
    alarms.receipt(6, 1, CLOSED, 0)
    assert alarms.state() is None


def test_what_may_be_an_escalation_is_let_go_with_its_alarm_once_the_center_has_it() -> None:
    alarms = book()
    for boot, seq, state in (
        (6, 1, RECEIVED),
        (6, 2, RECEIVED),
        (6, 3, UNRECEIPTED),
        (6, 4, ACKNOWLEDGED),
        (5, 9, RECEIVED),
    ):
        alarms.adopt(boot, seq, state, 0)
    alarms.receipt(6, 1, CLOSED, 0)
    assert alarms.state() == UNRECEIPTED, "6/3 may be an alarm that nobody has heard"
    alarms.receipt(6, 3, UNRECEIPTED, 0)
    assert alarms.state() == UNRECEIPTED
    alarms.receipt(6, 3, RECEIVED, 0)
    assert alarms.state() == RECEIVED, "of the newest that is left, 5/9"
    alarms.receipt(5, 9, CLOSED, 0)
    assert alarms.state() == ACKNOWLEDGED, "6/4 is an alarm of its own"
    alarms.receipt(6, 4, CLOSED, 0)
    assert alarms.state() is None


def test_a_receipt_that_comes_before_its_alarms_number_finds_it() -> None:
    alarms = book()
    alarms.press(0, {})
    alarms.receipt(BOOT, 1, ACKNOWLEDGED, 0)  # this boot's number is not known yet: adopted
    assert alarms.sealed(1, BOOT, 1, 0) == []
    assert alarms.state() == ACKNOWLEDGED
    assert alarms.press(10, {})[1][0][3] == {"alarm": [BOOT, 1], "count": 2, "exact": True, "level": "low"}


def test_alarms_without_a_receipt_are_forgotten_for_room_last_and_never_the_one_that_presses_belong_to() -> None:
    alarms = book()
    for seq in range(1, OPEN_MAX + 1):
        alarms.adopt(6, seq, UNRECEIPTED, 0)
    alarms.adopt(6, 100, RECEIVED, 0)
    alarms.adopt(6, 101, UNRECEIPTED, 0)
    assert alarms.press(10, {})[1][0][3]["alarm"] == [6, 1]
    alarms.receipt(6, 1, CLOSED, 20)
    assert alarms.press(30, {})[0], "its closing was heard"


def test_a_real_press_does_not_join_a_drills_alarm_whose_receipt_came_before_its_number() -> None:
    alarms = book()
    alarms.press(0, {}, 0, True)
    alarms.receipt(BOOT, 1, RECEIVED, 0)
    alarms.end_drill(0)
    alarms.sealed(1, BOOT, 1, 0)
    assert alarms.press(10, {})[0]
