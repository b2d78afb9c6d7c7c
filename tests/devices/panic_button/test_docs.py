"""The page about the panic button says what the code does, and the contract's tables know its events."""

import ast
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devices.common.pictures import filled
from devices.panic_button import GESTURES, make_logic
from devices.panic_button.patterns import PATTERNS, TOUCH
from devices.panic_button.pictures import MEANINGS, TOUCHES, gestures_svg, lamp, tables, touch_svg

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs" / "devices"
FAMILIES = ("alarm.", "drill.", "fault.", "tamper.", "supply.", "battery.", "test.")


def page() -> str:
    return (DOCS / "panic-button.md").read_text(encoding="utf-8")


def events() -> set[str]:
    found = set()
    for module in ("panic_button/logic.py", "common/alarms.py", "common/readiness.py"):
        for node in ast.walk(ast.parse((PROJECT / "devices" / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(FAMILIES):
                found.add(node.value)
    return {text for text in found if " " not in text and not text.endswith(".")}


def test_pictures_and_tables_are_those_of_the_code() -> None:
    remedy = "run: python -m devices.panic_button.pictures docs/devices"
    for name, picture in (("lamp", lamp()), ("touch", touch_svg()), ("gestures", gestures_svg())):
        assert (DOCS / f"panic-button-{name}.svg").read_text(encoding="utf-8") == picture, remedy
    assert page() == filled(page(), tables()), remedy


def test_every_pattern_has_its_meaning() -> None:
    assert set(MEANINGS) == set(PATTERNS["lamp"])
    assert set(TOUCHES) == set(TOUCH) - {"off"}


def test_every_event_is_on_the_page_and_in_the_contract() -> None:
    contract = (PROJECT / "docs" / "wire" / "events.md").read_text(encoding="utf-8")
    assert len(events()) == 14
    for name in events():
        assert f"`{name}`" in page(), name
        assert f"`{name}`" in contract, name


def test_every_command_is_on_the_page() -> None:
    for name in ("self-test", "identify", "user-test", "drill", "drill-end"):
        assert f"| `{name}` |" in page(), name


def test_the_examples_are_valid_and_the_gestures_those_of_the_code() -> None:
    examples = [tomllib.loads(part.partition("```")[0]) for part in page().split("```toml\n")[1:]]
    assert examples[0] == {"gestures": GESTURES}
    whole = {}
    for example in examples:
        whole.update(example)
    make_logic(whole, 0)


@pytest.mark.parametrize("picture", [lamp(), touch_svg(), gestures_svg()])
def test_the_pictures_are_well_formed(picture: str) -> None:
    drawn = ET.fromstring(picture)  # noqa: S314 - our own text
    box = [int(side) for side in drawn.attrib["viewBox"].split()]
    for node in drawn.iter():
        assert 0 <= float(node.attrib.get("x", 0)) + float(node.attrib.get("width", 0)) <= box[2]
        assert 0 <= float(node.attrib.get("y", 0)) + float(node.attrib.get("height", 0)) <= box[3]
