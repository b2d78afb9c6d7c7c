"""The page about the hub says what the code does, and the contract's tables know its events."""

import ast
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devices.common.pictures import filled
from devices.panic_button.patterns import PATTERNS
from devices.panic_hub import line, looks, loop, scan
from devices.panic_hub.logic import PanicHub
from devices.panic_hub.pictures import EXAMPLE, MEANINGS, STATES, bands_svg, tables, wiring_svg

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs" / "devices"
FAMILIES = ("alarm.", "drill.", "fault.", "tamper.", "supply.", "battery.", "test.")
NO_BATTERY = {"battery.low", "battery.restored"}


def page() -> str:
    return (DOCS / "panic-hub.md").read_text(encoding="utf-8")


def events() -> set[str]:
    found = set()
    for module in ("panic_hub/logic.py", "panic_hub/zone.py", "common/alarms.py", "common/readiness.py"):
        for node in ast.walk(ast.parse((PROJECT / "devices" / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(FAMILIES):
                found.add(node.value)
    return {text for text in found if " " not in text and not text.endswith(".")} - NO_BATTERY


def test_pictures_and_tables_are_those_of_the_code() -> None:
    remedy = "run: python -m devices.panic_hub.pictures docs/devices"
    for name, picture in (("wiring", wiring_svg()), ("bands", bands_svg())):
        assert (DOCS / f"panic-hub-{name}.svg").read_text(encoding="utf-8") == picture, remedy
    assert page() == filled(page(), tables()), remedy


def test_every_pattern_and_state_has_its_meaning() -> None:
    assert set(MEANINGS) == set(PATTERNS["lamp"])
    assert set(STATES) == set(loop.State)


def test_every_event_and_command_is_on_the_page_and_in_the_contract() -> None:
    contract = (PROJECT / "docs" / "wire" / "events.md").read_text(encoding="utf-8")
    assert len(events()) == 14
    for name in events():
        assert f"`{name}`" in page(), name
        assert f"`{name}`" in contract, name
    for name in ("self-test", "identify", "user-test", "drill"):
        assert f"| `{name}`" in page(), name


def test_the_figures_in_the_text_are_those_of_the_code() -> None:
    told = " ".join(page().split())
    for text in (
        f"A press of {scan.PRESS_MS} ms is never lost, whatever the contact does in its first {scan.SETTLE_MS} ms",
        f"there may be {scan.most_ms(5)} ms at most",
        f"nearer each other than {loop.APART_MV} mV",
        f"when more than {looks.Looks.LATE_MAX} in a thousand",
    ):
        assert text in told, text
    assert (line.LOOKS, line.FAULT_MS, line.WELL_MS, line.CHANGE_MS) == (2, 1_000, 10_000, 5_000)


def test_the_example_is_a_configuration_that_is_taken() -> None:
    example = tomllib.loads(page().split("```toml")[1].split("```")[0])
    assert example == EXAMPLE
    PanicHub(example, 0)


@pytest.mark.parametrize("picture", [wiring_svg(), bands_svg()])
def test_the_pictures_are_well_formed(picture: str) -> None:
    drawn = ET.fromstring(picture)  # noqa: S314 - our own text
    box = [int(side) for side in drawn.attrib["viewBox"].split()]
    for node in drawn.iter():
        assert 0 <= float(node.attrib.get("x", 0)) + float(node.attrib.get("width", 0)) <= box[2]
        assert 0 <= float(node.attrib.get("y", 0)) + float(node.attrib.get("height", 0)) <= box[3]
