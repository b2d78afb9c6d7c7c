"""A lamp's fault is found within a second by its current, told once, and over when it is over."""

import pytest

from devices.crosswalk.lamps import HEALED_MS, Lamps
from devices.crosswalk.patterns import BASES, Beacon, beacon_patterns, cycle_ms
from devices.crosswalk.settings import completed

ON_MA, WEAK_MA, OVER_MA = 800, 100, 4000


def duties(pattern: Beacon, at_ms: int) -> tuple[int, int]:
    at_ms %= cycle_ms(pattern)
    for duration_ms, left, right in pattern:
        if at_ms < duration_ms:
            return left, right
        at_ms -= duration_ms
    raise AssertionError


class Bench:
    """Two lamps that play a pattern, sampled every 20 ms; ``left`` says what the left one really does."""

    def __init__(self, base: str = "ia-21", step_ms: int = 20, night: bool = False) -> None:
        self.lamps = Lamps(completed({"pattern": base}))
        self.pattern = beacon_patterns(base, 30)[base + ("-night" if night else "")]
        self.step_ms = step_ms
        self.night = night
        self.now = 0
        self.lit_at: int | None = None
        self.left = "good"

    def light(self, lit: bool) -> None:
        self.lit_at = self.now if lit else None
        self.lamps.light(lit, self.now)

    def run(self, duration_ms: int) -> list[tuple[int, dict[str, str]]]:
        began, changes, before = self.now, [], {name: state for name, (state, _ma) in self.lamps.faults().items()}
        while self.now < began + duration_ms:
            left, right = (0, 0) if self.lit_at is None else duties(self.pattern, self.now - self.lit_at)
            left_ma = {
                "good": ON_MA * left // 100,
                "dead": 0,
                "weak": WEAK_MA * left // 100,
                "on": ON_MA,
                "short": OVER_MA,
            }
            if not self.lamps.usable[0]:
                left_ma["good"] = left_ma["weak"] = left_ma["short"] = 0  # not driven
            self.lamps.sample("left", left_ma[self.left], self.night, self.now)
            self.lamps.sample("right", ON_MA * right // 100, self.night, self.now)
            found = {name: state for name, (state, _ma) in self.lamps.faults().items()}
            if found != before:
                changes.append((self.now - began, found))
                before = found
            self.now += self.step_ms
        return changes


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("step_ms", [20, 35, 50])
@pytest.mark.parametrize("night", [False, True])
def test_good_lamps_are_well_for_ever(base: str, step_ms: int, night: bool) -> None:
    bench = Bench(base, step_ms, night)
    for _ in range(3):
        bench.light(True)
        assert bench.run(20_000) == []
        bench.light(False)
        assert bench.run(5000) == []


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("step_ms", [60, 61, 100, 133, 200, 400, 800, 1000])
def test_samples_that_keep_step_with_the_flashes_make_no_good_lamp_dead_or_stuck(base: str, step_ms: int) -> None:
    for phase_ms in range(0, step_ms, 25):
        bench = Bench(base, step_ms)
        bench.light(True)
        bench.now += phase_ms
        assert bench.run(20_000) == []


@pytest.mark.parametrize("what", ["dead", "on"])
def test_where_samples_are_too_far_apart_nothing_is_found_and_nothing_heals(what: str) -> None:
    bench = Bench(step_ms=100)
    bench.light(True)
    bench.left = what
    assert bench.run(20_000) == []
    bench.step_ms = 50
    assert len(bench.run(2000)) == 1
    bench.step_ms = 100
    bench.left = "good"
    assert bench.run(20_000) == []


def test_the_time_of_gaps_does_not_count_and_the_rest_does() -> None:
    bench = Bench()
    bench.light(True)
    bench.left = "dead"
    found = []
    for _ in range(8):
        found += bench.run(200)
        bench.now += 300
    assert [faults for _ms, faults in found] == [{"left": "dead"}]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("what", "state"), [("dead", "dead"), ("weak", "dead"), ("on", "stuck-on"), ("short", "short")]
)
@pytest.mark.parametrize("after_ms", [0, 20, 340, 5000])
def test_a_fault_while_it_flashes_is_found_within_a_second(base: str, what: str, state: str, after_ms: int) -> None:
    bench = Bench(base)
    bench.light(True)
    bench.run(after_ms)
    bench.left = what
    ((found_ms, faults),) = bench.run(10_000)
    assert faults == {"left": state}
    assert found_ms <= 1000
    assert bench.lamps.usable == (state != "short", True)


def test_a_short_is_let_go_at_once_and_tried_again_with_the_next_activation() -> None:
    bench = Bench()
    bench.light(True)
    bench.left = "short"
    ((found_ms, _faults),) = bench.run(2000)
    assert found_ms <= 100
    bench.left = "good"
    assert bench.run(5000) == [], "it is not driven, so nothing is known"
    bench.light(False)
    assert bench.run(5000) == []
    bench.light(True)
    assert bench.lamps.usable == (True, True)
    ((healed_ms, faults),) = bench.run(10_000)
    assert faults == {}
    assert HEALED_MS <= healed_ms <= HEALED_MS + 100


def test_a_short_that_lasts_is_told_once() -> None:
    bench = Bench()
    bench.left = "short"
    bench.light(True)
    assert len(bench.run(10_000)) == 1
    for _ in range(3):
        bench.light(False)
        bench.left = "good"
        assert bench.run(10_000) == []
        bench.light(True)
        bench.left = "short"
        assert bench.run(10_000) == []


@pytest.mark.parametrize("after_ms", [0, 30_000])
def test_a_lamp_that_glows_in_the_dark_is_stuck_on(after_ms: int) -> None:
    bench = Bench()
    bench.light(True)
    bench.run(2000)
    bench.light(False)
    bench.run(after_ms)
    bench.left = "on"
    ((found_ms, faults),) = bench.run(5000)
    assert faults == {"left": "stuck-on"}
    assert found_ms <= 1000
    bench.left = "good"
    ((healed_ms, faults),) = bench.run(10_000)
    assert faults == {}
    assert healed_ms >= HEALED_MS


def test_a_lamp_lit_without_a_pause_does_not_heal_by_the_beacon_going_dark() -> None:
    bench = Bench()
    bench.light(True)
    bench.left = "on"
    assert [faults for _ms, faults in bench.run(3000)] == [{"left": "stuck-on"}]
    bench.light(False)
    bench.left = "good"
    assert bench.run(60_000) == []
    bench.light(True)
    assert [faults for _ms, faults in bench.run(10_000)] == [{}]


def test_a_loose_contact_is_one_fault_and_not_many() -> None:
    bench = Bench()
    bench.light(True)
    changes = []
    for _ in range(20):
        bench.left = "dead"
        changes += bench.run(1500)
        bench.left = "good"
        changes += bench.run(2000)
    assert [faults for _ms, faults in changes] == [{"left": "dead"}]
    assert [faults for _ms, faults in bench.run(10_000)] == [{}]


def test_without_samples_nothing_is_judged() -> None:
    lamps = Lamps(completed({}))
    lamps.light(True, 0)
    lamps.light(False, 60_000)
    assert lamps.faults() == {}
    lamps.sample("middle", 5000, False, 60_000)
    assert lamps.faults() == {}


def test_the_fault_says_the_current_that_was_seen() -> None:
    bench = Bench()
    bench.left = "weak"
    bench.light(True)
    bench.run(2000)
    assert bench.lamps.faults() == {"left": ("dead", WEAK_MA)}
