"""Sensors that agree decide fast, one alone slowly, a liar or an invalid not at all."""

import random

import pytest

from devices.crosswalk.fusion import BLIND, CONTRADICTED, TUNING, WEIGHTS, Fusion

BOTH = ("tracker", "pir")


class Crossing:
    """A fusion whose sampled sensors speak every 100 ms."""

    def __init__(self, fitted: tuple[str, ...] = BOTH) -> None:
        self.now = 0
        self.fusion = Fusion(fitted)
        self.claims: dict[str, bool | None] = dict.fromkeys(fitted, False)
        self.detected: list[tuple[int, bool]] = []
        self.say(**dict.fromkeys(fitted, False))

    def say(self, **claims: bool | None) -> None:
        for name, claim in claims.items():
            self.claims[name] = claim
            if claim is not None:
                self.fusion.say(name, claim, self.now)

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while self.now < end:
            due = self.fusion.next_tick_ms()
            self.now = min(self.now - self.now % 100 + 100, end, max(due or end, self.now + 1))
            if self.now % 100 == 0:
                for name, claim in self.claims.items():
                    if claim is not None and WEIGHTS[name].sampled:
                        self.fusion.say(name, claim, self.now)
            self.fusion.advance(self.now)
            if not self.detected or self.detected[-1][1] != self.fusion.detected:
                self.detected.append((self.now, self.fusion.detected))

    def detects(self) -> bool:
        return self.fusion.detected

    def until_detected(self, limit_ms: int = 60_000) -> int | None:
        began = self.now
        while self.now < began + limit_ms:
            self.pass_ms(50)
            if self.fusion.detected:
                return self.detected[-1][0] - began
        return None


@pytest.mark.parametrize(
    ("fitted", "claims", "after_ms"),
    [
        (BOTH, {"tracker": True, "pir": True}, 480),
        (BOTH, {"tracker": True}, 1334),
        (BOTH, {"pir": True}, 3000),
        (("tracker",), {"tracker": True}, 858),
        (("pir",), {"pir": True}, 1091),
        (("presence",), {"presence": True}, 2000),
        (("tracker", "presence", "pir"), {"tracker": True, "presence": True, "pir": True}, 388),
        (("tracker", "presence", "pir"), {"tracker": True, "pir": True}, 600),
        (("tracker", "presence", "pir"), {"tracker": True, "presence": True}, 800),
        (("tracker", "presence", "pir"), {"presence": True, "pir": True}, 1200),
        (("tracker", "presence", "pir"), {"tracker": True}, 3000),
        (("tracker", "presence", "pir"), {"pir": True}, None),
        (("tracker", "presence", "pir"), {"presence": True}, None),
    ],
)
def test_how_long_each_company_takes(
    fitted: tuple[str, ...], claims: dict[str, bool | None], after_ms: int | None
) -> None:
    crossing = Crossing(fitted)
    crossing.pass_ms(5000)
    crossing.say(**claims)
    assert crossing.until_detected() == after_ms


def test_nobody_is_there_any_more_about_a_second_after_all_say_so() -> None:
    crossing = Crossing()
    crossing.say(tracker=True, pir=True)
    crossing.pass_ms(3000)
    crossing.say(tracker=False, pir=False)
    left_ms = crossing.now
    crossing.pass_ms(5000)
    assert crossing.detected[-1] == (left_ms + 1000, False)
    assert crossing.fusion.confidence == 0


def test_short_lone_claims_decide_nothing() -> None:
    """Wind, sun on snow and engines: half a second of warmth now and then, for an hour."""
    chance = random.Random(3)
    crossing = Crossing()
    for _ in range(150):
        crossing.say(pir=True)
        crossing.pass_ms(chance.randrange(100, 2000))
        crossing.say(pir=False)
        crossing.pass_ms(chance.randrange(3000, 20_000))
    assert crossing.detected == [(crossing.detected[0][0], False)]


@pytest.mark.parametrize("health", ["lost", "silent", "babbling", "frozen"])
def test_a_sensor_in_fault_is_left_out_and_heals(health: str) -> None:
    crossing = Crossing()
    crossing.pass_ms(1000)
    crossing.fusion.judge("tracker", health, crossing.now)
    crossing.claims["tracker"] = None
    assert crossing.fusion.faults() == {"tracker": health}
    assert crossing.fusion.believed() == {"tracker": None, "pir": False}
    crossing.say(pir=True)
    assert crossing.until_detected() == 1091, "the PIR alone, without the tracker's no"
    crossing.say(pir=False)
    crossing.pass_ms(5000)
    crossing.fusion.judge("tracker", "well", crossing.now)
    crossing.say(tracker=True)
    assert crossing.fusion.faults() == {}
    assert crossing.until_detected() == 1334


def test_a_yes_of_a_sensor_that_fails_upholds_nothing() -> None:
    crossing = Crossing(("tracker",))
    crossing.say(tracker=True)
    crossing.pass_ms(3000)
    assert crossing.detects()
    crossing.fusion.judge("tracker", "frozen", crossing.now)
    assert not crossing.fusion.working
    crossing.claims["tracker"] = None
    crossing.pass_ms(1001)
    assert not crossing.detects()


def test_a_sampled_word_grows_stale_and_a_level_stands() -> None:
    crossing = Crossing()
    crossing.say(tracker=True, pir=True)
    crossing.pass_ms(1000)
    crossing.claims["tracker"] = None  # nobody has judged it yet, and it says nothing any more
    crossing.pass_ms(TUNING.stale_ms)
    assert crossing.fusion.believed() == {"tracker": None, "pir": True}
    crossing.pass_ms(60_000)
    assert crossing.fusion.believed() == {"tracker": None, "pir": True}


@pytest.mark.parametrize("liar", BOTH)
def test_a_lone_claim_without_end_is_set_aside_until_it_lets_go(liar: str) -> None:
    crossing = Crossing()
    crossing.say(**{liar: True})
    crossing.pass_ms(TUNING.contradicted_ms - 1)
    assert crossing.detects()
    assert crossing.fusion.faults() == {}
    crossing.pass_ms(101)
    assert crossing.fusion.faults() == {liar: CONTRADICTED}
    crossing.pass_ms(3000)
    assert not crossing.detects(), "the other decides alone"
    crossing.pass_ms(600_000)
    crossing.say(**{liar: False})
    crossing.pass_ms(TUNING.settled_ms - 1)
    assert crossing.fusion.faults() == {liar: CONTRADICTED}
    crossing.pass_ms(101)
    assert crossing.fusion.faults() == {}


def agreed(crossing: Crossing, liar: str, every_ms: int, for_ms: int, limit_ms: int) -> int | None:
    """After how long the liar is told while the other agrees now and then, None if it never is."""
    (other,) = {*BOTH} - {liar}
    began = crossing.now
    crossing.say(**{liar: True})
    while crossing.now < began + limit_ms:
        crossing.pass_ms(every_ms - for_ms)
        if crossing.fusion.faults():
            assert crossing.fusion.faults() == {liar: CONTRADICTED}
            return crossing.now - began
        crossing.say(**{other: True})
        crossing.pass_ms(for_ms)
        crossing.say(**{other: False})
    return None


@pytest.mark.parametrize("liar", BOTH)
@pytest.mark.parametrize(("every_ms", "told_ms"), [(110_000, 220_000), (60_000, 180_000), (37_500, 187_500)])
def test_false_alarms_of_the_other_do_not_clear_a_stuck_sensor(liar: str, every_ms: int, told_ms: int) -> None:
    """A gust of two seconds, as seldom as on a clear day and as often as in a storm in the cold."""
    crossing = Crossing()
    after_ms = agreed(crossing, liar, every_ms, 2000, 600_000)
    assert after_ms is not None
    assert told_ms - every_ms < after_ms <= told_ms
    crossing.pass_ms(3000)
    assert not crossing.detects()


def test_the_time_alone_is_summed_and_agreement_is_taken_off_several_times() -> None:
    crossing = Crossing()
    crossing.say(tracker=True, pir=True)
    crossing.pass_ms(60_000)  # no credit for later
    crossing.say(pir=False)
    crossing.pass_ms(60_000)
    crossing.say(pir=True)
    crossing.pass_ms(2000)
    crossing.say(pir=False)
    crossing.pass_ms(TUNING.contradicted_ms - 60_000 + 2000 * TUNING.agreed_counts - 1)
    assert crossing.fusion.faults() == {}
    assert crossing.fusion.next_tick_ms() == crossing.now + 1
    crossing.pass_ms(1)
    assert crossing.fusion.faults() == {"tracker": CONTRADICTED}


def test_a_claim_that_another_shares_again_and_again_is_no_lie() -> None:
    """Somebody stands there for twenty minutes and shifts from foot to foot: the infrared sensor sees every fifth second of it."""
    crossing = Crossing()
    assert agreed(crossing, "tracker", 15_000, 3000, 1_200_000) is None
    assert [detected for _at_ms, detected in crossing.detected] == [False, True], "and the beacon serves them"


def test_whoever_pauses_begins_anew() -> None:
    crossing = Crossing()
    for _ in range(5):
        crossing.say(tracker=True)
        crossing.pass_ms(TUNING.contradicted_ms - 1000)
        crossing.say(tracker=False)
        crossing.pass_ms(100)
    assert crossing.fusion.faults() == {}


def test_time_without_another_that_counts_is_held_against_nobody_and_clears_nobody() -> None:
    crossing = Crossing()
    crossing.say(pir=True)
    crossing.pass_ms(TUNING.contradicted_ms - 10_000)
    crossing.fusion.judge("tracker", "silent", crossing.now)
    crossing.claims["tracker"] = None
    crossing.pass_ms(300_000)
    crossing.fusion.judge("tracker", "well", crossing.now)
    crossing.say(tracker=False)
    crossing.pass_ms(9900)
    assert crossing.fusion.faults() == {}
    crossing.pass_ms(200)
    assert crossing.fusion.faults() == {"pir": CONTRADICTED}


def test_two_that_agree_are_not_contradicted_by_a_third() -> None:
    crossing = Crossing(("tracker", "presence", "pir"))
    crossing.say(tracker=True, presence=True)
    crossing.pass_ms(2 * TUNING.contradicted_ms)
    assert crossing.fusion.faults() == {}


def test_a_contact_that_lets_go_heals_by_itself_in_time() -> None:
    fusion = Fusion(BOTH)
    fusion.say("pir", True, 0)
    for now_ms in range(0, TUNING.contradicted_ms + 1, 500):
        fusion.say("tracker", False, now_ms)
    assert fusion.faults() == {"pir": CONTRADICTED}
    fusion.judge("tracker", "lost", TUNING.contradicted_ms)
    fusion.say("pir", False, TUNING.contradicted_ms)
    while (due_ms := fusion.next_tick_ms()) is not None:
        fusion.advance(due_ms)
    assert fusion.faults() == {"tracker": "lost"}


def test_a_blind_sensor_is_found_by_what_it_missed_and_heals_when_it_sees() -> None:
    crossing = Crossing()
    for call in range(TUNING.blind_calls):
        assert crossing.fusion.faults() == {}, call
        crossing.say(tracker=True)
        crossing.pass_ms(3000)
        crossing.say(tracker=False)
        crossing.pass_ms(5000)
    assert crossing.fusion.faults() == {"pir": BLIND}
    crossing.say(tracker=True)
    assert crossing.until_detected() == 858, "its no does not count any more"
    crossing.say(tracker=False)
    crossing.pass_ms(5000)
    crossing.say(pir=True)
    assert crossing.fusion.faults() == {}
    assert crossing.until_detected() == 3000


def test_one_claim_in_time_makes_a_sensor_seeing() -> None:
    crossing = Crossing()
    for call in range(3 * TUNING.blind_calls):
        crossing.say(tracker=True, pir=call % TUNING.blind_calls == 0)
        crossing.pass_ms(3000)
        crossing.say(tracker=False, pir=False)
        crossing.pass_ms(5000)
    assert crossing.fusion.faults() == {}


def test_a_late_tick_judges_as_one_in_time_does() -> None:
    prompt, late = Fusion(("tracker", "pir")), Fusion(("tracker", "pir"))
    for fusion in (prompt, late):
        fusion.say("tracker", True, 0)
        fusion.say("pir", True, 0)
        fusion.say("pir", False, 600)
    for now_ms in range(600, 5000):
        prompt.advance(now_ms)
    late.advance(4999)
    assert (late.detected, late.confidence, late.believed()) == (prompt.detected, prompt.confidence, prompt.believed())


def test_unknown_sensors_change_nothing() -> None:
    fusion = Fusion(("pir",))
    fusion.say("tracker", True, 10)
    fusion.judge("speed", "lost", 20)
    assert fusion.faults() == {}
    assert fusion.next_tick_ms() is None


def test_a_sensor_that_nobody_could_contradict_is_believed() -> None:
    crossing = Crossing(("pir",))
    crossing.say(pir=True)
    crossing.pass_ms(2 * TUNING.contradicted_ms)
    assert crossing.fusion.faults() == {}
    assert crossing.detects()
