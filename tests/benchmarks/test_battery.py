"""The model of a badge's battery: counts times times times currents, worked out here by hand."""

import dataclasses

import pytest

from benchmarks import battery
from benchmarks.badge_day import Counts, Times
from benchmarks.battery import day, years
from benchmarks.processes import BenchmarkError

DAY = Counts(
    wake_ups=24,
    joins=24,
    dhcp_requests=2,
    handshakes=24,
    reports=24,
    messages=74,
    sent_bytes=100_000,
    received_bytes=40_000,
    flash_bytes=300_000,
    awake_s=80.0,
    waited_s=4.8,
)


def test_a_day_worked_out_by_hand() -> None:
    seconds = {name: part.seconds for name, part in day(DAY).items()}
    assert seconds == pytest.approx({
        "start": 12.0,
        "join": 24 * (0.6 + 0.664),
        "dhcp": 2 * 0.892,
        "handshake": 38.4,
        "sign": 2.4,
        "verify": 4.8,
        "wait": 4.8,
    })  # fmt: skip
    radio_s = sum(seconds.values()) - seconds["start"]
    mean_ma = (12 * 44 + radio_s * 112.5 + 60 * 112.5 / 7) / 86_400 + 0.012
    assert years(DAY) == pytest.approx(2400 / mean_ma / 8760)


def test_each_thing_that_was_done_costs_what_it_takes() -> None:
    for name, count in (
        ("joins", 1.264),
        ("dhcp_requests", 0.892),
        ("handshakes", 1.8),
        ("reports", 0.1),
        ("waited_s", 1.0),
    ):
        more = dataclasses.replace(DAY, **{name: getattr(DAY, name) + 24})
        mean_ma = 2400 / years(DAY) / 8760
        assert 2400 / years(more) / 8760 - mean_ma == pytest.approx(24 * count * battery.RADIO_MA / 86_400), name
    for name in (
        "messages",
        "sent_bytes",
        "received_bytes",
        "flash_bytes",
        "awake_s",
    ):  # told, and in the times above already
        assert years(dataclasses.replace(DAY, **{name: 10**6})) == years(DAY)


def test_half_a_day_counted_makes_the_same_figure() -> None:
    half = Counts(*(getattr(DAY, name) / 2 for name in DAY.__slots__))
    assert years(half) == pytest.approx(years(DAY))


def test_fewer_wake_ups_more_presses_and_a_shorter_join() -> None:
    assert years(DAY, 0, 0) == pytest.approx(2400 / 0.012 / 8760)
    assert years(DAY, 0, 86_400 / 60) == pytest.approx(2400 / (battery.RADIO_MA + 0.012) / 8760)
    assert years(DAY, saved_s=0.6) == pytest.approx(years(dataclasses.replace(DAY, waited_s=4.8 - 24 * 0.6)))


LINES = (
    "       46 info started boot=3 device=badge-lease free=470848",
    "     2955 info wifi joined network=dabyl",
    "     3082 info connected broker=127.0.0.1:60745 session=1",
    "     3369 warning connection lost broker=127.0.0.1:60745 reason=the broker hung up retry_ms=285",
    "     3383 info asleep ms=3599674",
)


def test_what_a_wake_up_waited_is_what_neither_the_start_nor_the_handshake_took() -> None:
    times = Times(LINES)
    assert times.asleep_s == 3.383
    assert times.waited_s == pytest.approx((2.955 - 0.046) + (3.383 - 3.082))


@pytest.mark.parametrize("lines", [LINES[:-1], LINES[1:], (*LINES, LINES[1]), (*LINES, LINES[2]), ()])
def test_a_wake_up_that_went_another_way_ends_the_measurement(lines: tuple[str, ...]) -> None:
    with pytest.raises(BenchmarkError, match="times"):
        Times(lines)


def test_what_happened_since_is_the_difference() -> None:
    assert Counts(*[0] * 11) == DAY - DAY
    assert (DAY - dataclasses.replace(DAY, joins=20, waited_s=1.8)).joins == 4
