"""The crosswalk as a whole: who comes, what is lit, what is told."""

import itertools
from typing import Any

import pytest

from devices.crosswalk import KIND, make_logic
from devices.crosswalk.patterns import OUTPUTS, beacon_patterns
from devices.crosswalk.relay import PERIOD_MS
from devices.sensors.readings import Health, LampCurrent, Motion, Presence
from tests.devices.crosswalk.conftest import FLASHES, Make

KERB = (200, 1500)
AWAY = (200, 5500)
BEHIND = (-1500, 1500)
DAY_MS = 86_400_000


def test_at_the_start_all_is_dark_and_the_locator_sounds(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    assert crossing.outputs == {
        "beacon": "off",
        "flood": "off",
        "farside": "off",
        "locator": "on",
        "button": "off",
        "speech": "off",
    }
    assert crossing.events == []
    assert KIND == "crosswalk"


def test_a_press_lights_at_once_and_says_so_afterwards(make: Make) -> None:
    crossing = make()
    crossing.pass_ms(5000)
    crossing.set("button", 1)
    crossing.pass_ms(30)
    assert crossing.outputs["beacon"] == "ia-21"
    assert crossing.outputs["supply"] == "pulse"
    assert crossing.order.index("beacon") < crossing.order.index("crossing.started"), "light before signatures"
    assert crossing.events == [("crossing.started", {"by": "button", "for_ms": FLASHES, "night": False})]
    crossing.set("button", 0)
    crossing.pass_ms(FLASHES - 1)
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.pass_ms(1)
    assert crossing.outputs["beacon"] == crossing.outputs["supply"] == "off"
    assert crossing.events[-1] == ("crossing.ended", {"lit_ms": FLASHES})


def test_a_pedestrian_who_waits_is_seen_and_has_the_time_to_cross_after_the_last_look(make: Make) -> None:
    crossing = make()
    crossing.look(for_ms=2000)
    crossing.pir(1)
    crossing.look(KERB, for_ms=500)
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.look(KERB, for_ms=60_000)
    assert crossing.outputs["beacon"] == "ia-21"
    crossing.pir(0)
    crossing.look(for_ms=1100)
    left = crossing.now
    crossing.look(for_ms=20_000)
    ended = [at for name, at in crossing.times if name == "crossing.ended"]
    assert len(ended) == 1
    assert left - 1100 + FLASHES <= ended[0] <= left + FLASHES
    assert [data["by"] for data in crossing.told("crossing.started")] == ["detection"]


def test_who_walks_by_outside_the_area_does_not_count(make: Make) -> None:
    crossing = make({"pir_pin": -1})
    crossing.look(AWAY, (3000, 1500), (-2500, 1500), (0, 100), for_ms=20_000)
    assert crossing.told("crossing.started") == []
    crossing.look(AWAY, KERB, for_ms=1000)
    assert crossing.outputs["beacon"] == "ia-21"


def test_a_presence_radar_counts_only_what_is_near(make: Make) -> None:
    crossing = make({"tracker_port": "", "pir_pin": -1, "presence_port": "presence"})
    for distance_mm, beacon in ((5600, "off"), (900, "ia-21")):
        for _ in range(30):
            crossing.set("presence", Presence(crossing.now, False, True, distance_mm))
            crossing.pass_ms(100)
        assert crossing.outputs["beacon"] == beacon


def test_the_supply_is_pulsed_while_it_flashes_and_only_then(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.pass_ms(60_000)
    pulses = [at for at, name, pattern in crossing.changes if (name, pattern) == ("supply", "pulse")]
    lit_at, dark_at = (at for at, name, _pattern in crossing.changes if name == "beacon" and at > 1000)
    assert pulses[0] == lit_at
    assert {after - before for before, after in itertools.pairwise(pulses)} == {PERIOD_MS}
    assert dark_at - PERIOD_MS <= pulses[-1] < dark_at


def test_every_pattern_it_asks_for_is_in_the_tables(make: Make) -> None:
    crossing = make({"night_by": "contact", "twilight_pin": 5, "flood_pin": 6, "farside_port": "far"})
    crossing.set("twilight", 1)
    crossing.pass_ms(120_000)
    crossing.press(held_ms=2000)
    crossing.lamps((4000,), (0, 800), 1000)
    crossing.logic.command("identify", {}, crossing.now)
    crossing.pass_ms(60_000)
    table: dict[str, Any] = {**OUTPUTS, "beacon": beacon_patterns("ia-21", 30), "farside": beacon_patterns("ia-21", 30)}
    shown = [(name, pattern) for _at, name, pattern in crossing.changes if name != "counts"]
    assert {name for name, _pattern in shown} == set(table)
    for name, pattern in shown:
        assert pattern in table[name], (name, pattern)


def test_at_night_the_beacon_is_dimmed_and_the_crossing_flooded_with_light(make: Make) -> None:
    crossing = make()
    crossing.charge(18_000)
    crossing.pass_ms(100_000)
    crossing.charge(500)
    crossing.pass_ms(30_000)
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21", "dusk is longer than a cloud"
    crossing.pass_ms(30_000)
    assert crossing.outputs["flood"] == "off"
    crossing.press()
    assert (crossing.outputs["beacon"], crossing.outputs["flood"]) == ("ia-21-night", "on")
    assert crossing.told("crossing.started")[-1]["night"] is True
    crossing.pass_ms(FLASHES)
    assert crossing.outputs["flood"] == "off"
    crossing.judge("charger", Health.LOST)
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21", "on doubt it is bright"
    assert crossing.told("fault.sensor") == [{"input": "charger", "state": "lost"}]


def test_a_panel_that_is_not_asked_makes_no_night(make: Make) -> None:
    crossing = make({"night_by": "never"})
    crossing.charge(0)
    crossing.pass_ms(120_000)
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21"


def test_a_press_with_an_older_time_gets_its_whole_time(make: Make) -> None:
    crossing = make({"farside_port": "far"})
    crossing.pass_ms(20_000)
    crossing.pir(0)
    began = crossing.now
    crossing.take(crossing.logic.input("far-button", 1, began - 5000))
    crossing.pass_ms(60_000)
    assert dict(crossing.times)["crossing.ended"] == began + FLASHES


def test_nightfall_in_the_middle_of_a_flash_shortens_nothing(make: Make) -> None:
    crossing = make({"night_by": "contact", "twilight_pin": 5})
    crossing.set("twilight", 1)
    crossing.pass_ms(55_000)
    crossing.press()
    began = crossing.times[-1][1]
    crossing.pass_ms(10_000)
    assert crossing.outputs["beacon"] == "ia-21-night"
    crossing.pass_ms(60_000)
    assert dict(crossing.times)["crossing.ended"] == began + FLASHES


def test_a_long_press_is_told_aloud_only_while_the_lights_flash(make: Make) -> None:
    crossing = make()
    crossing.press()
    assert (crossing.outputs["button"], crossing.outputs["speech"]) == ("called", "flashing")
    crossing.pass_ms(8000)
    assert crossing.outputs["speech"] == "off"
    crossing.set("button", 1)
    crossing.pass_ms(100)
    assert crossing.outputs["speech"] == "flashing", "each press is answered"
    crossing.pass_ms(9000)
    assert crossing.outputs["speech"] == "off", "the long press came while it was spoken"
    crossing.set("button", 0)
    crossing.pass_ms(60_000)
    assert crossing.outputs["button"] == "off"


def test_nobody_is_told_that_lights_flash_which_do_not(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.lamps((0,), (0,), 1500)
    assert {data["input"] for data in crossing.told("fault.lamp")} == {"lamp-left", "lamp-right"}
    assert (crossing.outputs["button"], crossing.outputs["speech"]) == ("off", "off")
    crossing.press()
    assert crossing.outputs["speech"] == "off"


def test_no_test_swallows_a_press(make: Make) -> None:
    crossing = make()
    result, effects = crossing.logic.command("user-test", {"seconds": 60}, crossing.now)
    crossing.take(effects)
    assert result == {"ok": True, "seconds": 60}
    crossing.press()
    assert crossing.outputs["beacon"] == "ia-21"
    assert [name for name, _data in crossing.events] == ["test.passed", "crossing.started"]


def test_commands(make: Make) -> None:
    crossing = make({"button_pin": -1})
    result, effects = crossing.logic.command("flash", {}, crossing.now)
    crossing.take(effects)
    assert result == {"ok": True}
    assert crossing.told("crossing.started")[0]["by"] == "command"
    result, _effects = crossing.logic.command("user-test", {}, crossing.now)
    assert result == {"ok": False, "why": "no button is fitted"}
    assert crossing.logic.command("dance", {}, crossing.now)[0] is None
    result, effects = crossing.logic.command("identify", {"seconds": 5}, crossing.now)
    crossing.take(effects)
    assert crossing.outputs["button"] == "identify"
    crossing.pass_ms(5000)
    assert crossing.outputs["button"] == "off"


def test_the_self_test_tells_faults_and_when_the_lamps_were_last_lit(make: Make) -> None:
    crossing = make()
    crossing.pass_ms(10_000)
    first = crossing.told("test.passed")
    assert first == [
        {"by": "schedule", "link": False, "input": "idle", "tamper": "none", "supply": "none", "faults": {}}
    ]
    crossing.press()
    crossing.judge("tracker", Health.SILENT)
    crossing.pass_ms(DAY_MS)
    (failed,) = crossing.told("test.failed")
    assert failed["failed"] == ["tracker"]
    assert failed["faults"] == {"tracker": "silent"}
    assert 86_000 < failed["lit_age_s"] < 86_400


def test_without_a_button_the_self_test_does_not_ask_for_one(make: Make) -> None:
    logic = make_logic({"button_pin": -1}, 0)
    effects = logic.tick(10_000)
    assert [effect[2] for effect in effects if effect[0] == 1] == ["test.passed"]


def test_tamper_supply_and_battery_are_told_as_by_any_kind(make: Make) -> None:
    crossing = make({"tamper_pin": 5, "supply_pin": 6, "battery_low_mv": 12_000})
    for name, value in (("tamper", 1), ("supply", 0)):
        crossing.set(name, value)
    crossing.pass_ms(1000)
    for _ in range(3):
        crossing.charge(0, 11_900)
    assert [name for name, _data in crossing.events] == ["tamper.opened", "supply.lost", "battery.low"]
    assert crossing.told("battery.low") == [{"mv": 11_900}]


def test_what_it_does_not_know_changes_nothing(make: Make) -> None:
    crossing = make()
    before = dict(crossing.outputs)
    crossing.set("moon", 1)
    crossing.set("lamps", LampCurrent(crossing.now, "middle", 9000))
    crossing.set("farside", 1)
    crossing.set("far-pedestrian", 1)
    crossing.take(crossing.logic.receipt(1, 2, 3, crossing.now))
    crossing.take(crossing.logic.sealed(0, 1, 2, crossing.now))
    crossing.take(crossing.logic.link(True, crossing.now))
    assert crossing.outputs == before
    assert crossing.events == []


@pytest.mark.parametrize("times", [(5000, 1000), (5000, 5000)])
def test_a_time_that_goes_back_does_no_harm(make: Make, times: tuple[int, int]) -> None:
    crossing = make()
    for at_ms in times:
        crossing.take(crossing.logic.input("pir", Motion(at_ms, True), at_ms))
    crossing.now = 5000
    crossing.pass_ms(1090)
    assert crossing.outputs["beacon"] == "off"
    crossing.pass_ms(1)
    assert crossing.outputs["beacon"] == "ia-21"
