"""The crosswalk's logic and what can be wrong around it: lamps, sensors, the far side, a stuck button."""

from devices.sensors.readings import Health
from tests.devices.crosswalk.conftest import FLASHES, Make

KERB = (200, 1500)


def test_a_broken_lamp_is_told_within_a_second_and_the_other_flashes_on(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.lamps((0, 0), (0, 800), 1000)
    assert crossing.told("fault.lamp") == [{"input": "lamp-left", "state": "dead", "ma": 0}]
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.lamps((0, 800), (0, 800), 5000)
    assert crossing.told("fault.cleared") == [{"input": "lamp-left"}]


def test_a_shorted_lamp_is_let_go(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.lamps((5000,), (0, 800), 200)
    assert crossing.outputs["beacon"] == "ia-21-right"
    crossing.lamps((0,), (0, 800), 20_000)
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21"


def test_both_lamps_shorted_leave_it_dark_without_supply_until_the_next_call(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.lamps((5000,), (5000,), 200)
    assert (crossing.outputs["beacon"], crossing.outputs["supply"]) == ("off", "off")
    crossing.pass_ms(FLASHES)
    crossing.press()
    assert (crossing.outputs["beacon"], crossing.outputs["supply"]) == ("ia-21", "pulse")


def test_without_any_sensor_the_button_works_and_it_is_told(make: Make) -> None:
    crossing = make()
    crossing.judge("tracker", Health.LOST)
    assert crossing.told("fault.detection") == []
    crossing.judge("pir", Health.FROZEN)
    assert crossing.told("fault.detection") == [{"input": "detection", "state": "none"}]
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.judge("tracker", Health.WELL)
    assert crossing.told("fault.cleared") == [{"input": "detection"}, {"input": "tracker"}]


def test_a_sensor_that_sees_no_pedestrians_has_faults_too(make: Make) -> None:
    crossing = make()
    crossing.judge("speed", Health.BABBLING)
    crossing.judge("speed", Health.BABBLING)
    crossing.judge("speed", Health.SILENT)
    crossing.judge("speed", Health.WELL)
    assert [name for name, _data in crossing.events] == ["fault.sensor", "fault.sensor", "fault.cleared"]


def test_the_far_side_flashes_with_this_one_and_its_loss_is_a_fault(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    crossing.set("farside", 0)
    crossing.set("far-button", 1)
    crossing.set("far-button", 1)
    assert (crossing.outputs["beacon"], crossing.outputs["farside"]) == ("ia-21", "ia-21")
    assert [data["by"] for data in crossing.told("crossing.started")] == ["far-button"]
    crossing.set("farside", 1)
    crossing.pass_ms(3000)
    assert crossing.told("fault.farside") == [{"input": "farside", "state": "lost"}]
    crossing.pass_ms(60_000)
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21", "this side goes on"
    crossing.set("farside", 1)
    assert crossing.told("fault.cleared") == [{"input": "farside"}]


def test_somebody_on_the_far_side_lights_both_and_is_forgotten_with_the_link(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    crossing.set("farside", 0)
    crossing.set("far-pedestrian", 1)
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.pass_ms(60_000)
    assert crossing.outputs["beacon"] == "off", "the link was lost: its last word cannot stand for ever"
    assert [name for name, _data in crossing.events].count("fault.farside") == 1


def test_a_stuck_button_is_one_call_and_one_fault(make: Make) -> None:
    crossing = make()
    crossing.set("button", 1)
    crossing.pass_ms(120_000)
    assert crossing.told("fault.stuck") == [{"input": "button", "held_s": 30}]
    assert len(crossing.told("crossing.started")) == 1
    assert crossing.outputs["beacon"] == "off"


def test_a_far_press_that_is_said_again_and_again_is_one_press_and_each_time_a_call(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    for _ in range(6):
        crossing.set("far-button", 1)
        crossing.pass_ms(200)
    crossing.set("far-button", 0)
    crossing.pass_ms(60_000)
    assert [data["lit_ms"] for data in crossing.told("crossing.ended")] == [5 * 200 + FLASHES]
    crossing.pass_ms(3_600_000)
    assert crossing.told("count.crossing")[0]["presses"] == 1


def test_what_ails_the_far_unit_is_told_as_long_as_it_says_so(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    for well in (1, 0, 0, 1):
        crossing.set("farside", 0)
        crossing.set("far-well", well)
    assert crossing.told("fault.farside") == [{"input": "farside", "state": "ill"}]
    assert crossing.told("fault.cleared") == [{"input": "farside"}]
