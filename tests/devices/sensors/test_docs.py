"""docs/sensors.md says what is in the code."""

import pathlib
import re

import pytest

from devices.sensors import contacts
from devices.sensors.readings import Health
from devices.sensors.sensor import MODELS

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "sensors.md").read_text()


def row(name: str) -> str:
    found = re.search(rf"^\|[^|]*`{name}`.*$", PAGE, re.MULTILINE)
    assert found, f"docs/sensors.md has no row for {name}"
    return found[0]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_model_is_told_with_its_rate_and_its_limits(name: str) -> None:
    limits = MODELS[name].limits
    assert f" {MODELS[name].baud} 8N1" in row(name)
    assert f"silent after {limits.silent_ms // 1000} s" in row(name)
    if name in ("ld2450", "ld2410"):
        assert f" {limits.frozen_ms // 1000} s" in row(name).split("frozen")[1]


@pytest.mark.parametrize("state", sorted(Health))
def test_each_state_is_told(state: Health) -> None:
    assert row(state.value)


def test_the_limits_of_the_current_loop_are_told() -> None:
    assert f"below {contacts.LOOP_LEAST_UA / 1000} or above {contacts.LOOP_MOST_UA // 1000} mA" in PAGE
