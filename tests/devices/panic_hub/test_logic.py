"""What a hub tells, and where: presses in one zone and in several at once, faults, tests, drills, its lamp."""

from collections.abc import Callable

import pytest

from devices.panic_hub.looks import Looks
from devices.sensors.readings import Health
from tests.devices.panic_hub.world import BOOT, NOON, PLACES, World

Make = Callable[..., World]


def types(world: World) -> list[str]:
    return [name for name, *_ in world.events]


def test_a_press_is_told_at_the_second_look_with_its_place(world: Make) -> None:
    one = world()
    one.contact[0] = True
    one.looks(1)
    first = one.now
    assert types(one) == []
    one.looks(1)
    ((data, _seq),) = one.named("alarm.raised")
    assert data == {"level": "assist-pending", "age_ms": one.now - first, "tamper": False, **PLACES[0]}


def test_two_zones_at_once_are_two_alarms_and_each_goes_its_own_way(world: Make) -> None:
    one = world()
    for _ in range(3):
        one.contact = [True, True]
        one.looks(3)
        one.contact = [False, False]
        one.looks(20)
    one.press(1)
    for zone, count in ((0, 3), (1, 4)):
        ((_data, seq),) = one.named("alarm.raised", zone)
        told = one.named("alarm.escalated", zone)
        assert [data["alarm"] for data, _seq in told] == [[BOOT, seq]] * (count - 1)
        assert [data["count"] for data, _seq in told] == list(range(2, count + 1))
        assert "staff" in [data["level"] for data, _seq in told]


def test_presses_before_the_first_number_go_to_their_own_zones_when_it_comes(world: Make) -> None:
    one = world(seal=False)
    one.press(0)
    one.press(1)
    one.press(1)
    assert types(one) == ["alarm.raised", "alarm.raised"]
    one.take(one.hub.sealed(one.tags[1], BOOT, 2, one.now))
    one.take(one.hub.sealed(one.tags[0], BOOT, 1, one.now))
    ((data, _seq),) = one.named("alarm.escalated")
    assert data["alarm"] == [BOOT, 2]
    assert data["zone"] == "Gym"


def test_a_hold_is_a_lockdown_while_it_is_held(world: Make) -> None:
    one = world()
    one.contact[1] = True
    one.looks(240)
    assert [data["level"] for data, _seq in one.named("alarm.escalated")] == []
    one.looks(20)
    ((data, _seq),) = one.named("alarm.escalated")
    assert (data["level"], data["count"], data["zone"]) == ("lockdown", 1, "Gym")


def test_a_button_that_does_not_let_go_is_told_and_free_again_too(world: Make) -> None:
    one = world()
    one.contact[0] = True
    one.looks(320, 100)
    ((data, _seq),) = one.named("fault.stuck")
    assert data == {"input": "zone-1", "held_s": 30, **PLACES[0]}
    assert one.hub.faults == {"zone-1": "stuck"}
    one.contact[0] = False
    one.looks(3)
    ((data, _seq),) = one.named("fault.cleared")
    assert data["input"] == "zone-1"


@pytest.mark.parametrize(("wiring", "state"), [("cut", "open"), ("short", "short"), ("leak", "out-of-band")])
def test_a_line_fault_is_told_once_and_its_healing_once(world: Make, wiring: str, state: str) -> None:
    one = world()
    one.wire(0, wiring)
    one.press(0)
    one.looks(30, 100)
    ((data, _seq),) = one.named("fault.line")
    assert data == {"input": "zone-1", "state": state, "mv": one.mv(0), **PLACES[0]}
    one.press(1)
    one.wire(0, "")
    one.looks(100, 100)
    ((data, _seq),) = one.named("fault.cleared")
    assert data == {"input": "zone-1", **PLACES[0]}
    one.press(0)
    assert [data["zone"] for data, _seq in one.named("alarm.raised")] == ["Gym", "Reception"]


def test_a_module_that_is_gone_is_told_and_ends_what_was_held_there(world: Make) -> None:
    one = world()
    one.contact[0] = True
    one.looks(3)
    one.lose(0)
    one.pass_ms(8000)
    assert [data["level"] for data, _seq in one.named("alarm.raised")] == ["assist-pending"]
    assert one.named("alarm.escalated") == [], "nobody has seen it held"
    ((data, _seq),) = one.named("fault.sensor")
    assert data == {"input": "module-1", "state": "silent", "building": "School 5"}
    one.press(1)
    one.contact[0] = False
    one.find(0)
    assert [data for data, _seq in one.named("fault.cleared")] == [{"input": "module-1", "building": "School 5"}]
    assert [one.counted(zone) for zone in (0, 1)] == [1, 1]


def test_a_module_that_was_well_is_not_told_to_be_well_again(world: Make) -> None:
    one = world()
    one.find(0)
    assert types(one) == []


def test_a_change_of_what_ails_a_module_is_told(world: Make) -> None:
    one = world()
    one.lose(0)
    one.status(0, Health.LOST)
    assert [data["state"] for data, _seq in one.named("fault.sensor")] == ["silent", "lost"]


def test_receipts_move_the_lamp_by_the_alarm_that_has_come_least_far(world: Make) -> None:
    one = world()
    assert one.lamps[-1] == "idle"
    one.press(0)
    assert one.lamps[-1] == "sending"
    one.receipt(1, 1)
    assert one.lamps[-1] == "received"
    one.receipt(1, 2)
    one.press(1)
    assert one.lamps[-1] == "sending", "the other zone's alarm has no receipt"
    one.receipt(2, 1)
    assert one.lamps[-1] == "received"
    one.receipt(2, 3)
    assert one.lamps[-1] == "acknowledged"
    one.receipt(1, 4)
    assert one.lamps[-1] == "dispatched"
    one.receipt(2, 4)
    assert one.lamps[-1] == "closed"
    one.pass_ms(6000)
    assert one.lamps[-1] == "idle"


def test_without_a_link_a_press_looks_for_one(world: Make) -> None:
    one = world()
    one.take(one.hub.link(False, one.now))
    assert one.lamps[-1] == "offline"
    one.press(0)
    assert one.lamps[-1] == "sending-no-link"


def test_an_alarm_over_a_restart_stays_its_zones(world: Make) -> None:
    one = world(earlier={5: {"zone": "Gym", "level": "staff"}, 6: {"zone": "Gym", "alarm": [BOOT - 1, 5]}}, raised=(5,))
    assert one.lamps[-2:] == ["sending-no-link", "sending"]
    one.press(1)
    one.press(0)
    escalated = {**PLACES[1], "alarm": [BOOT - 1, 5], "count": 2, "exact": False}
    assert one.events[0][:2] == ("alarm.escalated", escalated)
    assert one.named("alarm.raised", 1) == []
    assert len(one.named("alarm.raised", 0)) == 1
    one.receipt(2, 4)
    assert one.lamps[-1] == "sending", "the old alarm has no receipt yet"
    one.receipt(5, 2, BOOT - 1)
    assert one.lamps[-1] == "acknowledged"
    one.receipt(5, 4, BOOT - 1)
    assert one.lamps[-1] == "closed"
    one.receipt(6, 1, BOOT - 1)
    assert one.lamps[-1] == "closed", "the escalation's receipt, which opens nothing"
    one.press(1)
    assert len(one.named("alarm.raised", 1)) == 1


@pytest.mark.parametrize("said", [{"zone": "Pool"}, {"zone": 7}, {}, {"zone": "Gym", "drill": True}])
def test_an_alarm_over_a_restart_that_is_no_zones_keeps_no_press_back(world: Make, said: dict[str, object]) -> None:
    one = world(earlier={5: said}, raised=(5,))
    assert one.lamps[-1] == "sending"
    one.press(1)
    assert len(one.named("alarm.raised", 1)) == 1


def test_alarms_of_an_earlier_run_that_nobody_recalls_are_shown_until_their_receipts(world: Make) -> None:
    one = world()
    one.take(one.hub.started([(BOOT - 1, 5, 0)], one.now))
    assert one.lamps[-1] == "sending"
    assert one.command("drill", until=NOON + one.now + 60_000) == {
        "ok": False,
        "why": "an alarm is open or a button is held; close the alarm first",
    }
    one.press(0)
    one.receipt(1, 2)
    assert types(one) == ["alarm.raised"]
    assert one.lamps[-1] == "sending"
    one.receipt(5, 1, BOOT - 1)
    assert one.lamps[-1] == "received"
    one.receipt(5, 4, BOOT - 1)
    assert one.lamps[-1] == "acknowledged"


def test_a_receipt_for_what_an_earlier_run_had_told_completely_is_none_of_this_one(world: Make) -> None:
    one = world()
    one.receipt(9, 1, BOOT - 1)
    assert one.lamps[-1] == "idle", "it may be an escalation's, which nobody closes"


def test_a_receipt_for_one_zone_closes_no_other(world: Make) -> None:
    one = world()
    one.press(0)
    one.press(1)
    one.close(0)
    one.press(0)
    one.press(1)
    assert len(one.named("alarm.raised", 0)) == 2
    assert len(one.named("alarm.escalated", 1)) == 1


def test_the_self_test_tells_lines_modules_and_late_looks(world: Make) -> None:
    one = world()
    one.looks(500)
    ((data, _seq),) = one.named("test.passed")
    assert data["by"] == "schedule"
    assert (data["zones"], data["faults"], data["late_permille"], data["input"]) == (2, {}, 0, "idle")
    assert data["building"] == "School 5"
    one.wire(0, "cut")
    one.lose(1)
    assert one.command("self-test") == {"ok": False}
    ((data, _seq),) = one.named("test.failed")
    assert data["failed"] == ["input", "module-2", "zone-1", "scan"], "a tenth of a second from look to look is late"
    assert data["faults"] == {"zone-1": "open", "module-2": "silent"}


def test_lines_that_were_never_seen_fail_the_self_test(world: Make) -> None:
    one = world()
    one.lose(0)
    one.find(0)
    one.there[0] = False
    one.lose(0)
    assert one.command("self-test") == {"ok": False}
    ((data, _seq),) = one.named("test.failed")
    assert data["failed"] == ["input", "module-1"]


def test_looks_that_come_too_late_are_counted() -> None:
    looks = Looks(("module-1",), 25)
    for at_ms in (0, 20, 45, 71, 91, 500):
        looks.look("module-1", at_ms)
    looks.look("elsewhere", 5000)
    assert looks.late() == 2 * 1000 // 6
    assert looks.late() == 0


def test_a_user_test_is_of_one_zone_and_a_press_elsewhere_is_an_alarm(world: Make) -> None:
    one = world()
    for wrong in ({}, {"zone": "Roof"}, {"zone": 1}):
        result = one.command("user-test", **wrong)
        assert result is not None
        assert not result["ok"]
    one.arm(0)
    assert one.lamps[-1] == "test-armed"
    one.press(0)
    ((data, _seq),) = one.named("test.passed")
    assert data == {"by": "user", **PLACES[0]}
    one.arm(0)
    one.press(1)
    assert [data["zone"] for data, _seq in one.named("alarm.raised")] == ["Gym"]


def test_a_press_while_another_zone_calls_is_no_test_any_more(world: Make) -> None:
    one = world()
    one.arm(0)
    one.press(1)
    one.press(0)
    assert one.named("test.passed") == []
    assert [data["zone"] for data, _seq in one.named("alarm.raised")] == ["Gym", "Reception"]


def test_a_test_press_counts_towards_no_gesture(world: Make) -> None:
    one = world()
    one.arm(0)
    for _ in range(3):
        one.press(0)
    assert [data["level"] for data, _seq in one.named("alarm.raised") + one.named("alarm.escalated")] == [
        "assist-pending"
    ] * 2


def test_a_user_test_without_a_press_fails_for_its_zone(world: Make) -> None:
    one = world()
    one.command("user-test", zone="Gym", seconds=5)
    one.pass_ms(5001)
    ((data, _seq),) = one.named("test.failed")
    assert data == {"by": "user", "failed": ["no press"], **PLACES[1]}


def test_no_user_test_while_an_alarm_is_open_or_a_button_held(world: Make) -> None:
    one = world()
    one.press(1)
    result = one.command("user-test", zone="Reception")
    assert result is not None
    assert not result["ok"]


def test_a_drill_marks_every_zone_and_ends_by_itself(world: Make) -> None:
    one = world()
    until = NOON + one.now + 20_000
    assert one.command("drill", until=until) == {"ok": True, "until": until}
    assert one.lamps[-1] == "drill"
    one.press(0)
    one.press(1)
    one.wire(0, "cut")
    one.looks(200, 100)
    assert [data for data, _seq in one.named("drill.ended")] == [{"by": "time", "building": "School 5"}]
    marked = {name: data.get("drill") for name, data, _seq, _at in one.events}
    assert marked["alarm.raised"] is True
    assert marked["fault.line"] is True
    one.press(1)
    assert [data.get("drill") for data, _seq in one.named("alarm.raised", 1)] == [True, None]


def test_no_drill_while_a_button_is_pressed_anywhere(world: Make) -> None:
    one = world()
    one.command("drill", until=NOON + one.now + 60_000)
    one.contact[1] = True
    one.looks(3)
    one.command("drill-end")
    result = one.command("drill", until=NOON + one.now + 60_000)
    assert result is not None
    assert not result["ok"]


def test_an_open_enclosure_is_told_with_the_hubs_place_and_in_alarms(world: Make) -> None:
    one = world()
    one.take(one.hub.input("tamper", 1, one.now))
    one.looks(10)
    assert [data for data, _seq in one.named("tamper.opened")] == [{"building": "School 5"}]
    assert one.lamps[-1] == "tamper"
    one.press(0)
    assert one.named("alarm.raised")[0][0]["tamper"] is True


def test_a_fault_of_any_line_is_on_the_lamp(world: Make) -> None:
    one = world()
    one.wire(0, "short")
    assert one.lamps[-1] == "fault"
    one.command("identify", seconds=5)
    assert one.lamps[-1] == "identify"


def test_what_is_unknown_changes_nothing(world: Make) -> None:
    one = world()
    assert one.hub.input("weather", 3, one.now) == []
    assert one.command("flash") is None
    assert types(one) == []


def test_hammering_is_told_to_the_last_press_and_holds_no_other_zone_up(world: Make) -> None:
    one = world()
    for _ in range(30):
        one.press(0)
    one.press(1)
    assert one.counted(0) < 30
    assert one.counted(1) == 1
    one.pass_ms(2_000)
    assert one.counted(0) == 30, "by itself, not with whatever comes next"
