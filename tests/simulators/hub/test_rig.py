"""The simulated school under the hub's own logic, bytes at their pace: short presses are never lost, whatever happens elsewhere."""

import itertools

import pytest

from devices.panic_hub import SETTINGS
from devices.panic_hub.loop import Bands, State
from devices.panic_hub.scan import PRESS_MS, most_ms
from simulators.errors import WiringError
from simulators.gpio import physics
from simulators.hub.desk import Desk
from simulators.hub.rig import Rig
from simulators.hub.wiring import Trouble


def looks(desk: Desk, module: int) -> list[float]:
    asked = list(desk.rig.modules[module].asked)
    return [later - sooner for sooner, later in itertools.pairwise(asked)]


@pytest.mark.parametrize("trouble", ["", "module-2:dead", "zone-9:noisy", "io1:silent", "zone-2:cut"])
def test_no_press_of_sixty_milliseconds_is_lost(trouble: str) -> None:
    desk = Desk(32, seed=3)
    if trouble:
        desk.rig.break_it(*trouble.split(":"))
    zones = [zone for zone in range(32) if not trouble or zone in (0, 3, 7)]
    made = dict.fromkeys(zones, 0)
    for _ in range(45):
        start_ms = desk.now + desk.rng.uniform(0, 40)
        zone = desk.rng.choice(zones)
        desk.rig.zones[zone].press(start_ms, PRESS_MS, physics.POOR)
        made[zone] += 1
        desk.until(desk.now + 250)
    desk.until(desk.now + 1000)
    assert {zone: desk.pressed(zone) for zone in zones} == made


@pytest.mark.parametrize("trouble", list(Trouble))
def test_no_trouble_is_ever_an_alarm(trouble: Trouble) -> None:
    desk = Desk(8, seed=5)
    for zone in range(8):
        desk.rig.zones[zone].trouble = trouble
        desk.until(desk.now + 400)
    desk.until(desk.now + 1500)
    assert [type_ for _at, type_, _data in desk.events if type_.startswith("alarm.")] == []
    told = {data["input"]: data["state"] for _at, type_, data in desk.events if type_ == "fault.line"}
    wanted = {"cut": "open", "short": "short", "leak": "out-of-band"}.get(trouble)
    assert trouble == Trouble.NOISY or told == {f"zone-{number}": wanted for number in range(1, 9)}


def test_a_module_is_looked_at_as_often_as_reckoned_also_beside_a_dead_one() -> None:
    desk = Desk(16)
    desk.until(3000)
    assert max(looks(desk, 0) + looks(desk, 1)) <= most_ms(5)
    desk.rig.break_it("module-2", "dead")
    desk.until(9000)
    pairs = looks(desk, 0)[-200:]
    assert max(sooner + later for sooner, later in itertools.pairwise(pairs)) <= 2 * most_ms(5)
    assert [data for _at, type_, data in desk.events if type_ == "fault.sensor"] == [
        {"input": "module-2", "state": "silent", "building": "School 5"}
    ]


def test_what_the_wiring_reads_is_what_the_hub_takes_it_for() -> None:
    bands = Bands({name: default for name, (_type, default, *_rest) in SETTINGS.items()})
    for seed in range(40):
        wiring = Rig(1, seed).zones[0]
        assert bands.state(round(wiring.mv(0))) == State.NORMAL
        wiring.press(1, 500, physics.CLEAN)
        assert bands.state(round(wiring.mv(10))) == State.PRESSED
        for trouble, state in (
            (Trouble.CUT, State.OPEN),
            (Trouble.SHORT, State.SHORT),
            (Trouble.LEAK, State.OUT_OF_BAND),
        ):
            wiring.trouble = trouble
            assert bands.state(max(0, round(wiring.mv(20)))) == state


@pytest.mark.parametrize("zones", [0, 33])
def test_a_school_of_another_size_is_refused(zones: int) -> None:
    with pytest.raises(WiringError, match="1 to 32"):
        Rig(zones)


@pytest.mark.parametrize(
    ("what", "how", "text"),
    [("roof", "cut", "no 'roof'"), ("zone-9", "cut", "no 'zone-9'"), ("zone-1", "dead", "cut, short"), ("io0", "cut", "unplugged")],
)  # fmt: skip
def test_what_cannot_break_is_refused(what: str, how: str, text: str) -> None:
    with pytest.raises(WiringError, match=text):
        Rig(8).break_it(what, how)
