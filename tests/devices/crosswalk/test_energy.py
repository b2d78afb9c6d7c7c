"""The energy model: its arithmetic, and five days without sun."""

import pytest

from devices.crosswalk.energy import FULL, budget, report
from devices.crosswalk.settings import completed


def test_five_days_without_sun_at_default_settings_even_in_the_cold() -> None:
    day = budget(completed({}))
    assert day.days >= 5
    assert day.days_cold >= 5


def test_the_account_adds_up() -> None:
    day = budget(completed({"night_percent": 100, "tracker_port": "", "battery_wh": 100}), 1000)
    assert day.standing_wh == pytest.approx((1490 / 0.9 + 130) * 0.024)
    # 1000 calls of 12.778 s; two lamps of 10 W, each a quarter of the time, and the relay
    assert day.lit_wh == pytest.approx(1000 * 12.778 / 3600 * (5 + 0.4))
    assert day.days == pytest.approx(80 / (day.standing_wh + day.lit_wh))


@pytest.mark.parametrize(
    "more", [{"speed_port": "x"}, {"crossing_mm": 14_000}, {"night_percent": 100}, {"flood_pin": 5}]
)
def test_what_draws_more_lasts_less(more: dict[str, object]) -> None:
    assert budget(completed(more)).days < budget(completed({})).days


def test_the_report_is_one_line_that_tells_the_days() -> None:
    line = report("everything fitted", FULL)
    assert "days without sun" in line
    assert "\n" not in line
