"""The book of alarms by itself: drill and real never mix, and an ended drill leaves nothing untold. The kinds' tests hold the rest."""

from typing import Any

from devices.common.alarms import ESCALATIONS_AT_ONCE, AlarmBook

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
