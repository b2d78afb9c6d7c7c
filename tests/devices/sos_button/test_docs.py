"""The page about the SOS button says what the code does."""

import ast
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devices.common.pictures import filled
from devices.sos_button.patterns import PATTERNS
from devices.sos_button.pictures import EXAMPLE, HEADER, MEANINGS, PARTS, lamp, tables, wiring_svg
from devices.sos_button.settings import PINS, completed

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs" / "devices"


def texts_of(module: str) -> set[str]:
    tree = ast.parse((PROJECT / "devices" / module).read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_pictures_and_tables_are_those_of_the_code() -> None:
    remedy = "run: python -m devices.sos_button.pictures docs/devices"
    assert (DOCS / "sos-button-lamp.svg").read_text(encoding="utf-8") == lamp(), remedy
    assert (DOCS / "sos-button-wiring.svg").read_text(encoding="utf-8") == wiring_svg(), remedy
    page = (DOCS / "sos-button.md").read_text(encoding="utf-8")
    assert page == filled(page, tables()), remedy


def test_every_lamp_pattern_has_its_meaning_and_every_pin_its_part() -> None:
    assert set(MEANINGS) == set(PATTERNS["lamp"])
    assert set(PARTS) == set(PINS)


def test_the_wiring_example_is_a_valid_configuration_of_pins_on_the_header() -> None:
    settings = completed(EXAMPLE)
    assert all(settings[name] in HEADER for name in PINS)
    page = (DOCS / "sos-button.md").read_text(encoding="utf-8")
    for name in PINS:
        assert f"\n{name} = {settings[name]}\n" in page


def test_every_event_and_command_of_the_code_is_on_the_page() -> None:
    page = (DOCS / "sos-button.md").read_text(encoding="utf-8")
    families = ("alarm.", "fault.", "tamper.", "supply.", "battery.", "test.")
    modules = ("sos_button/logic.py", "common/alarms.py", "common/readiness.py")
    events = {text for module in modules for text in texts_of(module) if text.startswith(families)}
    events = {text for text in events if " " not in text}
    assert len(events) == 12
    for name in events | {"self-test", "identify", "user-test", "silence"}:
        assert f"`{name}`" in page, name


def test_the_pictures_are_well_formed_and_name_every_pattern_and_pin() -> None:
    drawn, wiring = ET.fromstring(lamp()), ET.fromstring(wiring_svg())  # noqa: S314 - our own text
    assert set(MEANINGS) <= {node.text for node in drawn.iter() if node.text}
    assert {f"GPIO{number}" for number in HEADER} <= {node.text for node in wiring.iter() if node.text}


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks <!-- lamp -->"):
        filled("# empty\n", tables())
