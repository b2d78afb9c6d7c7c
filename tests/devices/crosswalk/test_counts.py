"""Hourly counts: what is told each hour, and what a restart leaves of an hour."""

import json
from typing import Any

import pytest

from devices.crosswalk.counts import KEPT_EVERY_MS, KEPT_MAX
from tests.devices.crosswalk.conftest import Driver, Make

KERB = (200, 1500)


def test_hourly_counts(make: Make) -> None:
    crossing = make()
    for people in (1, 2, 1):
        crossing.pir(1)
        crossing.look(*[KERB] * people, for_ms=3000)
        crossing.pir(0)
        crossing.look(for_ms=30_000)
    crossing.press()
    crossing.drive([13_900] * 10)
    crossing.pass_ms(1000)
    crossing.drive([8000, 7000, 9000, 3000])
    crossing.pass_ms(3_600_000)
    (hour,) = crossing.told("count.crossing")
    assert hour == {
        "period": 1,
        "period_s": 3600,
        "pedestrians": 4,
        "presses": 1,
        "activations": 4,
        "violations": 0,
        "lit_s": sum(data["lit_ms"] for data in crossing.told("crossing.ended")) // 1000,
        "approaches": 2,
        "speeds": [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
        "bin_kmh": 10,
    }
    crossing.pass_ms(3_600_000)
    assert crossing.told("count.crossing")[1]["activations"] == 0


def kept(crossing: Driver) -> str:
    return crossing.outputs["counts"]


def writings(crossing: Driver) -> list[int]:
    return [at for at, name, _text in crossing.changes if name == "counts"]


def test_after_a_restart_the_hour_that_it_cut_short_is_told_as_far_as_it_was_kept(make: Make) -> None:
    before = make()
    before.pass_ms(3_600_000)
    before.press()
    before.drive([13_900] * 10)
    before.pass_ms(2 * KEPT_EVERY_MS)
    before.press()  # not kept yet
    after = make()
    after.set("counts", kept(before))
    (told,) = after.told("count.crossing")
    assert told["period"] == 2
    assert 60 <= told["period_s"] <= 120
    assert (told["presses"], told["activations"], told["approaches"], told["lit_s"]) == (1, 1, 1, 12)
    after.pass_ms(3_600_000)
    following = after.told("count.crossing")[1]
    assert (following["period"], following["period_s"]) == (3, 3600)
    assert following["presses"] == following["approaches"] == 0, "nothing of it is in the next hour"


def test_sums_are_kept_once_a_minute_and_only_if_they_changed(make: Make) -> None:
    crossing = make()
    crossing.pass_ms(600_000)
    (first,) = writings(crossing)
    assert first == 1000 + KEPT_EVERY_MS, "that the hour has begun is to be known after a restart"
    for _ in range(300):
        crossing.drive([13_900] * 10)
        crossing.pass_ms(1000)
    assert len(writings(crossing)) <= 1 + 1 + 600_000 // KEPT_EVERY_MS
    assert sum(json.loads(kept(crossing))["speeds"]) > 250
    assert len(kept(crossing)) < KEPT_MAX / 2


def test_what_was_told_is_kept_no_longer_than_a_minute_and_has_its_number(make: Make) -> None:
    crossing = make()
    crossing.press()
    crossing.pass_ms(3_600_000)
    (told,) = crossing.told("count.crossing")
    again = make()
    again.set("counts", kept(crossing))
    assert again.told("count.crossing") == [told | {"period_s": again.told("count.crossing")[0]["period_s"]}]
    assert again.told("count.crossing")[0]["period_s"] < told["period_s"], "the longer one counts"
    crossing.pass_ms(KEPT_EVERY_MS)
    later = make()
    later.set("counts", kept(crossing))
    assert later.told("count.crossing") == [], "an hour without anything is not told"
    later.press()
    later.pass_ms(3_600_000)
    assert later.told("count.crossing")[0]["period"] == told["period"] + 2


def whole() -> dict[str, Any]:
    sums = dict.fromkeys(("pedestrians", "presses", "activations", "violations", "lit_s", "approaches"), 1)
    return {**sums, "period": 7, "period_s": 60, "speeds": [1] + [0] * 11, "bin_kmh": 10}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 5000,
        "[]",
        "1",
        json.dumps(whole() | {"presses": -1}),
        json.dumps(whole() | {"presses": True}),
        json.dumps(whole() | {"presses": 1.5}),
        json.dumps(whole() | {"presses": 2**54}),
        json.dumps(whole() | {"speeds": [1] * 11}),
        json.dumps(whole() | {"speeds": "111111111111"}),
        json.dumps(whole() | {"speeds": [None] * 12}),
        json.dumps(whole() | {"more": 1}),
        json.dumps({name: value for name, value in whole().items() if name != "period"}),
    ],
)
def test_damaged_sums_are_none(make: Make, text: str) -> None:
    crossing = make()
    crossing.set("counts", text)
    assert crossing.events == []
    crossing.pass_ms(3_600_000)
    assert crossing.told("count.crossing")[0]["period"] == 1


def test_whole_sums_are_told_as_they_were(make: Make) -> None:
    crossing = make()
    crossing.set("counts", json.dumps(whole()))
    assert crossing.events == [("count.crossing", whole())]


def test_a_file_that_cannot_be_written_is_told_and_its_healing_too(make: Make) -> None:
    crossing = make()
    crossing.set("counts", 1)
    assert crossing.events == [("fault.sensor", {"input": "counts", "state": "unkept"})]
    crossing.pass_ms(10_000)
    assert crossing.told("test.failed")[0]["faults"]["counts"] == "unkept"
    crossing.set("counts", 0)
    assert crossing.events[-1] == ("fault.cleared", {"input": "counts"})
