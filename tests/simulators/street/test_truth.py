"""How calls are judged."""

from simulators.street.truth import Call, Crosser, Observed, Truth, Verdict, judge, observed

SOMEBODY = Truth([Crosser(1, "adult", -1, 10_000, 14_000, 20_000)], [(10_000, 20_000)], [(10_000, 20_000)])


def of(truth: Truth, *calls: Call) -> Verdict:
    return judge(truth, calls)


def test_a_call_in_time_is_neither_false_nor_late() -> None:
    found = of(SOMEBODY, Call("detection", 10_500, 30_000))
    assert (found.pedestrians, found.asked, found.missed, found.late, found.stranded) == (1, 1, 0, 0, 0)
    assert (found.calls, found.false_calls, found.needless, found.waits_ms) == (1, 0, 0, (500,))


def test_dark_for_a_second_on_the_road_is_missed_and_less_is_late() -> None:
    assert of(SOMEBODY).missed == 1
    assert of(SOMEBODY, Call("detection", 15_001, 30_000)).missed == 1
    found = of(SOMEBODY, Call("detection", 14_900, 30_000))
    assert (found.missed, found.late) == (0, 1)


def test_who_comes_to_a_lit_beacon_does_not_ask() -> None:
    found = of(SOMEBODY, Call("button", 5000, 30_000))
    assert (found.pedestrians, found.asked, found.missed, found.calls) == (1, 0, 0, 0)


def test_light_that_ends_over_somebody_strands_him() -> None:
    assert of(SOMEBODY, Call("detection", 10_500, 16_000)).stranded == 1
    assert of(SOMEBODY, Call("detection", 10_500, 20_000)).stranded == 0


def test_nobody_from_two_seconds_before_to_one_after_makes_a_call_false() -> None:
    for at_ms, false in ((8000, 1), (9000, 0), (22_000, 0), (22_001, 1)):
        assert of(SOMEBODY, Call("detection", at_ms, at_ms + 1)).false_calls == false, at_ms
    assert of(SOMEBODY, Call("button", 8000, 8001)).false_calls == 0


def test_somebody_who_does_not_mean_to_cross_makes_it_needless() -> None:
    found = of(Truth([], [(1000, 5000)], []), Call("detection", 2000, 9000))
    assert (found.calls, found.false_calls, found.needless) == (1, 0, 1)


def test_who_never_stepped_on_the_road_is_nobodys_miss() -> None:
    assert of(Truth([Crosser(1, "adult", -1, 1000)], [], [])).pedestrians == 0


def test_truth_survives_json() -> None:
    assert Truth.of(SOMEBODY.plain()) == SOMEBODY


def test_verdicts_add_up() -> None:
    one = of(SOMEBODY, Call("detection", 10_500, 30_000))
    both = one + of(SOMEBODY)
    assert (both.pedestrians, both.asked, both.missed, both.waits_ms) == (2, 2, 1, (500,))


def test_a_report_is_right_near_a_violation_and_false_where_nobody_was() -> None:
    truth = Truth([], [(9000, 20_000)], [], [10_000, 15_000])
    for report, found, false in (
        ((8000, 9900), 1, 0),
        ((8000, 10_500), 1, 0),
        ((8000, 10_501), 0, 0),
        ((6000, 8000), 1, 1),
        ((5999, 7999), 0, 1),
        ((21_000, 22_000), 0, 1),
    ):
        seen = observed(truth, [report])
        assert (seen.true, seen.found, seen.reported, seen.false) == (2, found, 1, false), report
    twice = observed(truth, [(9000, 9900), (9100, 9950)])
    assert (twice.found, twice.reported) == (1, 2), "one violation makes one report right"
    close = observed(Truth([], [], [], [10_000, 10_400]), [(9000, 9900)])
    assert (close.true, close.found) == (2, 1), "one report tells of one violation"
    assert twice + seen == Observed(4, 1, 3, 1)
