"""The crosswalk's settings, completed and checked, also against each other: what makes no sense is refused and never clamped in silence."""

import itertools
from collections.abc import Mapping
from typing import Any

from devices.common import settings as common
from devices.common.settings import SettingsError
from devices.crosswalk import KIND, SETTINGS
from devices.crosswalk.activation import needed_ms
from devices.crosswalk.daylight import NIGHT_BY
from devices.crosswalk.patterns import BASES

PINS = tuple(name for name in SETTINGS if name.endswith("_pin"))


def completed(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return all settings, defaults filled in.

    Raises:
        SettingsError: one is unknown, of the wrong type, out of range, takes another's pin or port, or contradicts another.
    """
    whole = common.completed(KIND, SETTINGS, PINS, settings)
    _words(whole)
    _lit(whole)
    agree(whole)
    if not whole["counts_file"].startswith("/"):
        raise SettingsError(
            f"counts_file must be an absolute path, which begins with /, not {whole['counts_file']!r:.60}"
        )
    if whole["button_pin"] < 0 and not detectors(whole):
        raise SettingsError(
            "nothing could ever start the beacon: fit a button (button_pin) or a sensor (tracker_port, presence_port, pir_pin)"
        )
    return whole


def agree(whole: Mapping[str, Any]) -> None:
    """What either side's settings must fulfil. Raises SettingsError."""
    _ordered(whole, "lamp_off_ma", "lamp_min_ma", "lamp_max_ma", "lamp_range_ma")
    _ordered(whole, "watch_near_mm", "watch_far_mm")
    _ordered(whole, "watch_left_mm", "watch_right_mm")
    _ports(whole)


def detectors(whole: Mapping[str, Any]) -> tuple[str, ...]:
    """The fitted sensors that see pedestrians."""
    fitted = {"tracker": whole["tracker_port"], "presence": whole["presence_port"], "pir": whole["pir_pin"] >= 0}
    return tuple(name for name, there in fitted.items() if there)


def _words(whole: Mapping[str, Any]) -> None:
    for name, known in (("pattern", tuple(BASES)), ("night_by", NIGHT_BY)):
        if whole[name] not in known:
            raise SettingsError(f"{name} must be one of {', '.join(known)}, not {whole[name]!r}")
    if whole["night_by"] == "contact" and whole["twilight_pin"] < 0:
        raise SettingsError('night_by is "contact" and no twilight_pin is given; give it, or choose panel or never')


def _lit(whole: Mapping[str, Any]) -> None:
    if whole["lit_min_s"] > whole["lit_max_s"]:
        raise SettingsError(f"lit_min_s {whole['lit_min_s']} is more than lit_max_s {whole['lit_max_s']}")
    needed = needed_ms(whole)
    if needed > whole["lit_max_s"] * 1000:
        raise SettingsError(
            f"crossing_mm {whole['crossing_mm']} at walk_mm_s {whole['walk_mm_s']} and clear_s {whole['clear_s']} needs "
            f"{needed / 1000:g} s, more than lit_max_s {whole['lit_max_s']}: the beacon would go dark over somebody on the road; "
            "divide the crossing by a refuge, or raise lit_max_s"
        )


def _ordered(whole: Mapping[str, Any], *names: str) -> None:
    for lower, upper in itertools.pairwise(names):
        if whole[lower] >= whole[upper]:
            raise SettingsError(f"{lower} {whole[lower]} must be less than {upper} {whole[upper]}")


def _ports(whole: Mapping[str, Any]) -> None:
    taken: dict[str, str] = {}
    for name, port in ((name, value) for name, value in whole.items() if name.endswith("_port")):
        if port in taken:
            raise SettingsError(f"{taken[port]} and {name} both name {port}; give each its own port")
        if port:
            taken[port] = name
