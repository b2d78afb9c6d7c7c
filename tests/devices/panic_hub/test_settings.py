"""Settings that make no sense are refused by name; those that do are complete, and a press fits between two looks."""

from typing import Any

import pytest

from devices.common.settings import SettingsError
from devices.panic_hub import SETTINGS, scan
from devices.panic_hub.logic import PanicHub
from devices.panic_hub.settings import Module, Zone, completed
from tests.devices.panic_hub.world import SETTINGS as SCHOOL


def module(port: str = "/dev/a", unit: object = 1, channels: object = 8) -> dict[str, object]:
    return {"port": port, "unit": unit, "channels": channels}


def zone(**others: object) -> dict[str, object]:
    return {"name": "Reception", "module": 1, "channel": 1, "room": "101", **others}


def test_a_school_is_complete() -> None:
    found = completed(SCHOOL)
    assert found.keys() == SETTINGS.keys()
    assert found["modules"][1] == Module("module-2", "/dev/b", 1, 2)
    assert found["zones"] == [
        Zone("zone-1", "module-1", 1, {"zone": "Reception", "building": "School 5", "floor": "1", "room": "101"}),
        Zone("zone-2", "module-2", 2, {"zone": "Gym", "building": "Gym", "room": "Hall"}),
    ]


def test_a_zone_has_the_hubs_building_and_floor_unless_it_names_another() -> None:
    hub = {"building": "A", "floor": "2", "modules": [module()]}
    (one,) = completed({**hub, "zones": [zone()]})["zones"]
    assert one.place == {"zone": "Reception", "building": "A", "floor": "2", "room": "101"}
    (one,) = completed({**hub, "zones": [zone(building="B")]})["zones"]
    assert one.place == {"zone": "Reception", "building": "B", "room": "101"}, "another building's floor is not known"


WHOLE: dict[str, Any] = {"building": "A", "modules": [module()], "zones": [zone()]}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"building": ""}, "building .* must be 1 to 64 characters"),
        ({"modules": []}, "modules .* must be 1 to 8 entries, not 0"),
        ({"zones": []}, "zones .* must be 1 to 32 entries"),
        ({"zones": [zone()] * 33}, "must be 1 to 32 entries, not 33"),
        ({"modules": [3]}, "module 1 must be a table, not 3"),
        ({"modules": [{"port": "/dev/a"}]}, "module 1 lacks unit"),
        ({"modules": [{**module(), "baud": 5}]}, "module 1 has baud, which is unknown"),
        ({"modules": [module(unit=0)]}, "module 1: unit must be a whole number from 1 to 247, not 0"),
        ({"modules": [module(unit=True)]}, "module 1: unit must be a whole number"),
        ({"modules": [module(channels=33)]}, "module 1: channels must be a whole number from 1 to 32"),
        ({"modules": [module(port="")]}, "module 1: port must be a text of 1 to 128 characters"),
        ({"modules": [module(), module()]}, "module-1 and module-2 are both unit 1 on /dev/a"),
        ({"zones": [zone(module=2)]}, "zone 1: module must be a whole number from 1 to 1, not 2"),
        ({"zones": [zone(channel=9)]}, "zone 1: channel must be a whole number from 1 to 8, not 9"),
        ({"zones": [zone(room="")]}, "zone 1: room must be a text of 1 to 64 characters"),
        ({"zones": [zone(floor=3)]}, "zone 1: floor must be a text"),
        ({"zones": [zone(name="x" * 65)]}, "zone 1: name must be a text of 1 to 64"),
        ({"zones": [zone(), zone(name="Gym")]}, "zone-1 and zone-2 are both channel 1 of module-1"),
        ({"zones": [zone(), zone(channel=2)]}, "zone-1 and zone-2 are both named 'Reception'"),
        ({"zones": [{"name": "Gym"}]}, "zone 1 lacks module"),
        ({"lamp_pin": 5, "tamper_pin": 5}, "both name GPIO5"),
        ({"gestures": [{"level": "staff", "hold_ms": 30_000}], "stuck_s": 30}, "gesture 1 can never be reached"),
        ({"normal_ohm": 2300}, "cannot be told apart"),
        ({"baud": 9600}, "on port /dev/a a press of 60 ms could be lost: its module is looked at every 40 ms at 9600 baud"),
        ({"modules": [module(unit=n) for n in (1, 2, 3)]}, "its 3 modules are looked at every 36 ms .* 24 ms is the most"),
        ({"answer_ms": 50}, "could be lost.*lower answer_ms"),
        ({"sample_ms": 50}, "and 1 ms is the most"),
        ({"zone": 1}, "setting zone is unknown to panic-hub"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        PanicHub({**WHOLE, **settings}, 0)


def test_thirty_two_zones_are_four_modules_on_two_ports() -> None:
    modules = [module(port, unit) for port in ("/dev/a", "/dev/b") for unit in (1, 2)]
    zones = [
        zone(name=f"Room {number}", module=number // 8 + 1, channel=number % 8 + 1, room=str(number))
        for number in range(32)
    ]
    assert len(completed({**WHOLE, "modules": modules, "zones": zones})["zones"]) == 32


@pytest.mark.parametrize("channels", [1, 8, 16, 32])
@pytest.mark.parametrize("baud", [9600, 38400, 115200])
def test_an_exchange_has_the_time_that_its_bytes_take(channels: int, baud: int) -> None:
    bytes_ms = (8 + 5 + 2 * channels) * 10 * 1000 / baud
    assert 0 <= scan.exchange_ms(channels, baud, 7) - (bytes_ms + 7 + scan.HOST_MS) < 1
