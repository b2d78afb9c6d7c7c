"""The far side's unit: it flashes only while it is told to, answers every order, and says by itself what it sees and what ails it."""

from typing import Any

import pytest

from devices.crosswalk import far_settings
from devices.crosswalk.far_unit import AGAIN_MS, PRESSED_MS, TELLS_MS, FarUnit
from devices.crosswalk.farside import HOLD_MS, KEEP_MS
from devices.crosswalk.farside_link import State
from devices.crosswalk.patterns import OFF, OUTPUTS
from devices.crosswalk.relay import PERIOD_MS
from devices.sensors.readings import Health, LampCurrent, Presence, Status, Target, Targets

AT_KERB = Target(200, 1500, 0)
BEHIND = Target(-1500, 1500, 0)
OUTSIDE = Target(200, 5500, 0)
WELL = State(False, False, False, False, True)


class Driven:
    """A unit with its time; ``told`` are the states and when it said them, ``outputs`` what they show."""

    def __init__(self, **settings: object) -> None:
        self.unit = FarUnit(far_settings.completed({"debounce_ms": 0, **settings}), 0)
        self.now = 0
        self.told: list[tuple[int, State]] = []
        self.outputs: dict[str, str] = {}
        self.pulses: list[int] = []
        self.tick()

    def tick(self) -> None:
        for name, value in self.unit.tick(self.now):
            if name == "near":
                self.told.append((self.now, value))
                continue
            self.outputs[name] = value
            if (name, value) == ("supply", "pulse"):
                self.pulses.append(self.now)

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while self.unit.due_at_ms() <= end:
            assert self.unit.due_at_ms() > self.now, "a due tick left something due: busy loop"
            self.now = self.unit.due_at_ms()
            self.tick()
        self.now = end

    def take(self, name: str, value: Any) -> None:
        self.unit.take(name, value, self.now)
        self.tick()

    def see(self, *targets: Target, for_ms: int, pir: bool | None = None) -> None:
        for _ in range(for_ms // 100):
            if pir is not None:
                self.unit.take("pir", int(pir), self.now)
            self.take("tracker", Targets(self.now, targets))
            self.pass_ms(100)

    def lamps(self, *mas: int, for_ms: int, order: str = "ia-21") -> None:
        """Both lamps have these currents in turn, a sample every 50 ms, and orders keep coming if it is lit."""
        for number in range(for_ms // 50):
            if self.unit.lit:
                self.take("order", order)
            for lamp in ("left", "right"):
                self.take("lamps", LampCurrent(self.now, lamp, mas[number % len(mas)]))
            self.pass_ms(50)


@pytest.fixture
def far() -> Driven:
    return Driven()


def test_it_is_dark_by_itself_after_the_last_order_and_says_so(far: Driven) -> None:
    assert far.outputs["beacon"] == OFF
    for _ in range(10):
        far.take("order", "ia-21")
        far.pass_ms(KEEP_MS)
        assert far.outputs["beacon"] == "ia-21"
    far.pass_ms(HOLD_MS - KEEP_MS - 1)
    assert far.outputs["beacon"] == "ia-21"
    far.pass_ms(1)
    assert (far.outputs["beacon"], far.outputs["supply"]) == (OFF, OFF)
    assert far.told[-1] == (far.now, WELL)


def test_it_holds_its_lamps_supply_pulse_by_pulse_while_it_is_lit(far: Driven) -> None:
    for _ in range(10):
        far.take("order", "ia-21")
        far.pass_ms(KEEP_MS)
    far.take("order", OFF)
    far.pass_ms(10_000)
    assert far.pulses == list(range(0, 10 * KEEP_MS + 1, PERIOD_MS))


def test_every_order_is_answered_at_once_with_what_it_does(far: Driven) -> None:
    far.pass_ms(100)
    for pattern, flashes in (("ia-21-night", True), ("ia-21-night", True), (OFF, False), (OFF, False)):
        far.take("order", pattern)
        assert far.told[-1] == (far.now, WELL._replace(flashing=flashes))
        assert far.outputs["beacon"] == pattern
        assert far.outputs["flood"] == ("on" if flashes else OFF)
        far.pass_ms(10)
    assert len(far.told) == 5


@pytest.mark.parametrize("strange", ["disco", "proof", "ia-21-left"])
def test_what_it_does_not_know_it_does_not_do_and_says_so(far: Driven, strange: str) -> None:
    far.take("order", "ia-21")
    far.take("order", strange)
    assert far.outputs["beacon"] == OFF
    assert far.told[-1][1] == WELL._replace(well=False)
    assert far.unit.faults == {"order": "unknown"}
    far.take("order", OFF)
    assert far.told[-1][1] == WELL


def test_it_says_what_changes_unasked_and_otherwise_once_in_a_while(far: Driven) -> None:
    far.pass_ms(3 * TELLS_MS)
    assert [at for at, _state in far.told] == [0, TELLS_MS, 2 * TELLS_MS, 3 * TELLS_MS]
    assert far.outputs["locator"] == "on"


def test_a_press_is_told_again_and_again_for_a_while_and_a_held_button_no_longer(far: Driven) -> None:
    far.pass_ms(100)
    far.take("button", 1)
    far.take("button", 0)
    far.take("button", 1)
    far.pass_ms(2 * TELLS_MS)
    pressed = [at - 100 for at, state in far.told if state.pressed]
    assert pressed == list(range(0, PRESSED_MS, AGAIN_MS))
    assert (PRESSED_MS + 100, WELL) in far.told


def test_its_button_answers_as_the_near_one_does(far: Driven) -> None:
    far.take("button", 1)
    far.take("button", 0)
    assert (far.outputs["button"], far.outputs["speech"]) == (OFF, OFF), "nothing flashes yet"
    far.take("order", "ia-21")
    far.take("button", 1)
    far.take("button", 0)
    assert (far.outputs["button"], far.outputs["speech"]) == ("called", "flashing")
    far.take("order", OFF)
    assert (far.outputs["button"], far.outputs["speech"]) == (OFF, OFF)
    assert {name for name in far.outputs if name not in ("beacon", "supply")} == OUTPUTS.keys() - {"supply"}


def test_who_is_at_its_kerb_waits_and_who_is_behind_is_only_there(far: Driven) -> None:
    for target, there, waits in ((OUTSIDE, False, False), (BEHIND, True, False), (AT_KERB, True, True)):
        far.see(target, for_ms=1500, pir=there)
        assert (far.told[-1][1].pedestrian, far.told[-1][1].waiting) == (there, waits)
        assert far.unit.pedestrian == there
    far.see(for_ms=3000, pir=False)
    assert far.told[-1][1] == WELL


def test_it_says_that_somebody_is_there_in_the_very_moment(far: Driven) -> None:
    far.pass_ms(500)
    far.take("pir", 1)
    far.pass_ms(1500)
    first = next(at for at, state in far.told if state.pedestrian)
    assert first == 500 + 1091, "1200 points at 1100 a second"


def test_a_presence_radar_in_the_trackers_place_counts_as_far_as_the_area_goes() -> None:
    far = Driven(tracker_port="", presence_port="radar", pir_pin=-1)
    for distance_mm, there in ((5100, False), (4900, True)):
        for _ in range(25):
            far.take("presence", Presence(far.now, True, False, distance_mm, 50, 0))
            far.pass_ms(100)
        assert far.told[-1][1] == WELL._replace(pedestrian=there, waiting=there)


def test_a_radar_that_falls_silent_upholds_nobody_and_is_a_fault_when_its_judge_says_so(far: Driven) -> None:
    far.see(AT_KERB, for_ms=1500)
    assert far.unit.pedestrian
    far.pass_ms(3000)
    assert far.told[-1][1] == WELL
    far.take("tracker", Status(far.now, "tracker", Health.SILENT))
    assert far.told[-1] == (far.now, WELL._replace(well=False))
    assert far.unit.faults == {"tracker": "silent"}
    far.take("tracker", Status(far.now, "tracker", Health.WELL))
    assert far.told[-1] == (far.now, WELL)


def test_without_its_relay_it_says_that_it_is_dark(far: Driven) -> None:
    far.take("relay", Status(far.now, "relay", Health.LOST))
    far.take("order", "ia-21")
    assert far.told[-1][1] == WELL._replace(well=False)
    assert far.outputs["supply"] == "pulse", "it goes on trying"
    far.take("relay", Status(far.now, "relay", Health.WELL))
    assert far.told[-1][1] == WELL._replace(flashing=True)


def test_its_lamps_are_judged_by_their_currents(far: Driven) -> None:
    far.take("order", "ia-21")
    far.lamps(0, 700, for_ms=2000)
    assert far.unit.faults == {}
    far.lamps(0, for_ms=2000)
    assert far.unit.faults == {"lamp-left": "dead", "lamp-right": "dead"}
    assert far.told[-1][1] == WELL._replace(well=False), "dark, whatever it drives"
    far.lamps(0, 700, for_ms=5000)
    assert far.told[-1][1] == WELL._replace(flashing=True)


@pytest.mark.parametrize(("order", "faults"), [("ia-21-night", 0), ("ia-21", 2)])
def test_dimmed_lamps_draw_less_at_night_and_only_then(far: Driven, order: str, faults: int) -> None:
    far.take("order", order)
    far.lamps(0, 200, for_ms=2000, order=order)
    assert len(far.unit.faults) == faults


def test_a_relay_that_has_welded_is_found_out_in_the_dark(far: Driven) -> None:
    far.take("order", "ia-21")
    far.lamps(0, 700, for_ms=2000)
    far.take("order", OFF)
    far.lamps(0, for_ms=1000)
    assert far.outputs["beacon"] == "proof"
    far.lamps(700, for_ms=300)
    assert far.outputs["beacon"] == OFF
    assert far.unit.faults["relay"] == "welded"


def test_a_stuck_button_is_a_fault(far: Driven) -> None:
    far.take("button", 1)
    far.pass_ms(30_000)
    assert far.unit.faults == {"button": "stuck"}
    far.take("button", 0)
    far.pass_ms(1000)
    assert far.unit.faults == {}
