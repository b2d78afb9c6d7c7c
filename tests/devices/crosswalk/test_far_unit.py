"""The far side's unit: it flashes only while it is told to, answers every order, and says by itself what it sees."""

import pytest

from devices.crosswalk.far_unit import TELLS_MS, FarUnit
from devices.crosswalk.farside import HOLD_MS, KEEP_MS, OFF
from devices.crosswalk.farside_link import State
from devices.crosswalk.settings import completed
from devices.sensors.readings import Target

AT_KERB = Target(200, 1500, 0)
BEHIND = Target(-1500, 1500, 0)
OUTSIDE = Target(200, 5500, 0)


class Driven:
    """A unit with its time; ``told`` are the states and when it said them."""

    def __init__(self) -> None:
        self.unit = FarUnit(completed({"farside_port": "near", "tracker_port": ""}))
        self.now = 0
        self.told: list[tuple[int, State]] = []
        self.tick()

    def tick(self) -> None:
        state = self.unit.tick(self.now)
        if state is not None:
            self.told.append((self.now, state))

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while self.unit.due_at_ms() <= end:
            assert self.unit.due_at_ms() > self.now, "a due tick left something due: busy loop"
            self.now = self.unit.due_at_ms()
            self.tick()
        self.now = end

    def order(self, pattern: str) -> None:
        self.unit.order(pattern, self.now)
        self.tick()

    def see(self, *targets: Target, for_ms: int, pir: bool | None = None) -> None:
        for _ in range(for_ms // 100):
            if pir is not None:
                self.unit.pir(pir, self.now)
            self.unit.targets(targets, self.now)
            self.tick()
            self.pass_ms(100)


@pytest.fixture
def far() -> Driven:
    return Driven()


def test_it_is_dark_by_itself_after_the_last_order_and_says_so(far: Driven) -> None:
    assert far.unit.pattern == OFF
    for _ in range(10):
        far.order("ia-21")
        far.pass_ms(KEEP_MS)
        assert far.unit.pattern == "ia-21"
    far.pass_ms(HOLD_MS - KEEP_MS - 1)
    assert far.unit.pattern == "ia-21"
    far.pass_ms(1)
    assert far.unit.pattern == OFF
    assert far.told[-1] == (far.now, State(False, False, False, False))


def test_every_order_is_answered_at_once_with_what_it_does(far: Driven) -> None:
    far.pass_ms(100)
    for pattern, flashes in (("ia-21-night", True), ("ia-21-night", True), (OFF, False), (OFF, False)):
        far.order(pattern)
        assert far.told[-1] == (far.now, State(flashes, False, False, False))
        assert far.unit.pattern == pattern
        far.pass_ms(10)
    assert len(far.told) == 5


def test_it_says_what_changes_unasked_and_otherwise_once_in_a_while(far: Driven) -> None:
    far.pass_ms(3 * TELLS_MS)
    assert [at for at, _state in far.told] == [0, TELLS_MS, 2 * TELLS_MS, 3 * TELLS_MS]
    far.pass_ms(100)
    for pressed in (True, True, False):
        far.unit.press(pressed)
        far.tick()
    assert [(at - far.now, state.pressed) for at, state in far.told[4:]] == [(0, True), (0, False)]


def test_who_is_at_its_kerb_waits_and_who_is_behind_is_only_there(far: Driven) -> None:
    for target, there, waits in ((OUTSIDE, False, False), (BEHIND, True, False), (AT_KERB, True, True)):
        far.see(target, for_ms=1500, pir=there)
        assert (far.told[-1][1].pedestrian, far.told[-1][1].waiting) == (there, waits)
        assert far.unit.pedestrian == there
    far.see(for_ms=3000, pir=False)
    assert far.told[-1][1] == State(False, False, False, False)


def test_it_says_that_somebody_is_there_in_the_very_moment(far: Driven) -> None:
    far.pass_ms(500)
    far.unit.pir(True, far.now)
    far.tick()
    far.pass_ms(1500)
    first = next(at for at, state in far.told if state.pedestrian)
    assert first == 500 + 1091, "1200 points at 1100 a second"


def test_a_radar_that_falls_silent_upholds_nobody(far: Driven) -> None:
    far.see(AT_KERB, for_ms=1500)
    assert far.unit.pedestrian
    far.pass_ms(3000)
    assert far.told[-1][1] == State(False, False, False, False)
