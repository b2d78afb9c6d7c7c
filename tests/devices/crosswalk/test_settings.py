"""Settings that make no sense are refused by name; those that do are complete."""

import pytest

from devices.common.settings import SettingsError
from devices.crosswalk import SETTINGS
from devices.crosswalk.activation import lit_ms, needed_ms
from devices.crosswalk.settings import completed, detectors


def test_the_defaults_are_a_whole_crossing() -> None:
    settings = completed({})
    assert settings.keys() == SETTINGS.keys()
    assert detectors(settings) == ("tracker", "pir")
    assert lit_ms(settings) == needed_ms(settings) == 12_778


@pytest.mark.parametrize(
    ("settings", "lit"),
    [({"crossing_mm": 10_500}, 16_667), ({"crossing_mm": 14_000}, 20_556), ({"crossing_mm": 2000}, 10_000)],
)
def test_the_time_is_that_of_the_reference(settings: dict[str, object], lit: int) -> None:
    assert lit_ms(completed(settings)) == lit


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"crossing_mm": 1999}, "crossing_mm .* must be 2000 to 60000, not 1999"),
        ({"counts_file": "counts"}, "counts_file must be an absolute path, which begins with /, not 'counts'"),
        ({"crossing_mm": "7"}, "crossing_mm .* must be a whole number"),
        ({"crossing_mm": 31_501}, "crossing_mm 31501 at walk_mm_s 900 and clear_s 5 needs 40.002 s, more than lit_max_s 40"),
        ({"walk_mm_s": 300, "crossing_mm": 12_000}, "needs 45 s, more than lit_max_s 40"),
        ({"lit_min_s": 30, "lit_max_s": 20}, "lit_min_s 30 is more than lit_max_s 20"),
        ({"pattern": "disco"}, "pattern must be one of ia-21, alternate, together, not 'disco'"),
        ({"night_by": "clock"}, "night_by must be one of panel, contact, never"),
        ({"night_by": "contact"}, "no twilight_pin"),
        ({"lamp_min_ma": 1500}, "lamp_min_ma 1500 must be less than lamp_max_ma 1500"),
        ({"lamp_max_ma": 2000}, "lamp_max_ma 2000 must be less than lamp_range_ma 2000"),
        ({"io_port": ""}, "io_port .* must be 1 to 128 characters, not 0"),
        ({"lamp_off_ma": 300}, "lamp_off_ma 300 must be less than lamp_min_ma 300"),
        ({"watch_near_mm": 5000}, "watch_near_mm 5000 must be less than watch_far_mm 5000"),
        ({"watch_left_mm": 0, "watch_right_mm": 0}, "watch_left_mm 0 must be less"),
        ({"left_pin": 17}, "both name GPIO17"),
        ({"presence_port": "/dev/serial0"}, "tracker_port and presence_port both name /dev/serial0"),
        ({"button_pin": -1, "pir_pin": -1, "tracker_port": ""}, "nothing could ever start the beacon"),
        ({"crosing_mm": 7000}, "crosing_mm is unknown to crosswalk"),
        ({"farside_port": 1}, "farside_port .* must be a text"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        completed(settings)


def test_the_longest_crossing_that_fits_is_taken_whole() -> None:
    assert lit_ms(completed({"crossing_mm": 31_500})) == 40_000
    assert lit_ms(completed({"crossing_mm": 60_000, "lit_max_s": 72})) == 71_667
