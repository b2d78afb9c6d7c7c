"""Settings that make no sense are refused by name; those that do are complete."""

import pytest

from devices.common.settings import SettingsError
from devices.video_badge import SETTINGS
from devices.video_badge.settings import completed


def test_the_defaults_are_a_badge() -> None:
    assert completed({}).keys() == SETTINGS.keys()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"pre_s": 121}, "pre_s .* must be 0 to 120, not 121"),
        ({"spool": "recordings"}, "spool must be an absolute path"),
        ({"custodian": "x.pem"}, "custodian must be an absolute path"),
        ({"width": 1279}, "width must be even"),
        ({"stop_ms": 10_000, "stuck_s": 10}, "stop_ms must be shorter than stuck_s"),
        ({"evidence": "host"}, "evidence must be host:port"),
        ({"evidence": ":8443"}, "evidence must be host:port"),
        ({"evidence": "host:99999"}, "evidence must be host:port"),
        ({"evidence": "host:8443"}, "centers must name a center's key"),
        ({"centers": ["center.pem"]}, "centers must hold absolute paths"),
        ({"centers": [7]}, "centers must hold absolute paths"),
        ({"lamp_pin": 17}, "both name GPIO17"),
        ({"fsp": 30}, "fsp is unknown to video-badge"),
        ({"sound": 1}, "sound .* must be true or false"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        completed(settings)
