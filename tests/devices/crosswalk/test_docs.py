"""The page about the crosswalk says what the code does, and the contract's tables know its events."""

import ast
import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devices.common.pictures import filled
from devices.crosswalk import far_settings
from devices.crosswalk.patterns import BASES, OUTPUTS
from devices.crosswalk.pictures import BEACONS, MEANINGS, STATES, WAYS, changes, pictures, tables
from devices.crosswalk.settings import completed
from devices.crosswalk.wiring import EXAMPLE, FAR_EXAMPLE

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs" / "devices"
FAMILIES = ("crossing.", "count.", "violation.", "fault.", "tamper.", "supply.", "battery.", "test.")


def page() -> str:
    return (DOCS / "crosswalk.md").read_text(encoding="utf-8")


def events() -> set[str]:
    found = set()
    for module in ("crosswalk/logic.py", "crosswalk/machine.py", "crosswalk/lights.py", "common/readiness.py"):
        for node in ast.walk(ast.parse((PROJECT / "devices" / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(FAMILIES):
                found.add(node.value)
    return {text for text in found if " " not in text and not text.endswith(".")}


def test_pictures_and_tables_are_those_of_the_code() -> None:
    remedy = "run: python -m devices.crosswalk.pictures docs/devices"
    for name, picture in pictures().items():
        assert (DOCS / f"crosswalk-{name}.svg").read_text(encoding="utf-8") == picture, remedy
    assert page() == filled(page(), tables()), remedy


def test_every_pattern_has_its_meaning_and_every_change_of_state_its_reason() -> None:
    assert {output: set(table) for output, table in OUTPUTS.items()} == {
        name: set(words) for name, words in MEANINGS.items()
    }
    assert set(BEACONS) == set(BASES)
    assert changes() == set(WAYS)
    assert {before for before, _after in WAYS} == {after for _before, after in WAYS} == set(STATES)


def test_every_event_is_on_the_page_and_in_the_contract() -> None:
    contract = (PROJECT / "docs" / "wire" / "events.md").read_text(encoding="utf-8")
    assert len(events()) == 18
    for name in events():
        assert f"`{name}`" in page(), name
        assert f"`{name}`" in contract, name


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    from devices.crosswalk import farside, fusion, lamps, relay  # noqa: PLC0415  for this test only

    for text in (
        f"{relay.PULSE_MS / 1000:g} s after the last pulse",
        f"one every {relay.PERIOD_MS / 1000:g} s",
        f"at {fusion.TUNING.call} points",
        f"down at {fusion.TUNING.keep}",
        f"{fusion.TUNING.most} is the most",
        f"every {farside.RETRY_MS / 1000:g} s until it answers",
        f"every {farside.KEEP_MS / 1000:g} s while",
        f"{farside.HOLD_MS / 1000:g} s after the last order",
        f"every {farside.POLL_MS // 1000} s",
    ):
        assert text in re.sub(r"\s+", " ", page()), text
    assert lamps.HEALED_MS == 4000
    assert fusion.TUNING.contradicted_ms == 120_000
    assert fusion.TUNING.agreed_counts == 5
    assert fusion.TUNING.blind_calls == 20


@pytest.mark.parametrize("name", ["states", "beacon", "fusion", "wiring", "far-wiring"])
def test_the_pictures_are_well_formed(name: str) -> None:
    drawn = ET.fromstring((DOCS / f"crosswalk-{name}.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own text
    box = [int(side) for side in drawn.attrib["viewBox"].split()]
    for node in drawn.iter():
        assert 0 <= float(node.attrib.get("x", 0)) + float(node.attrib.get("width", 0)) <= box[2]
        assert 0 <= float(node.attrib.get("y", 0)) + float(node.attrib.get("height", 0)) <= box[3]


def test_the_examples_are_configurations_that_are_taken() -> None:
    near, far = (tomllib.loads(part.split("```")[0]) for part in page().split("```toml")[1:])
    assert (near, far) == (EXAMPLE, FAR_EXAMPLE)
    assert completed(near)["lit_max_s"] == 40
    assert far_settings.completed(far)["near_port"] == FAR_EXAMPLE["near_port"]
