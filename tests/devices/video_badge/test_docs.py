"""The page about the badge says what the code does, and the contract's tables know its events."""

import ast
import tomllib
from pathlib import Path

from devices.common.pictures import filled
from devices.video_badge import SETTINGS
from devices.video_badge.logic import DURESS_MS, DURESS_PRESSES, FIX_MS
from devices.video_badge.patterns import PATTERNS
from devices.video_badge.pictures import BUZZES, MEANINGS, lamp, tables
from devices.video_badge.settings import completed
from devices.video_badge.spool import RESUME_S
from devices.video_badge.watch import FULL, LOW, LOW_OVER, SILENT_MS

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs" / "devices"
FAMILIES = ("recording.", "storage.", "fault.", "tamper.", "battery.", "test.", "alarm.")
MODULES = (
    "devices/video_badge/logic.py",
    "devices/video_badge/watch.py",
    "agent/recording/manifest.py",
    "devices/common/readiness.py",
)
NOT_FITTED = {"supply.lost", "supply.restored"}


def page() -> str:
    return (DOCS / "video-badge.md").read_text(encoding="utf-8")


def events() -> set[str]:
    found = {"alarm.raised", "alarm.escalated"}
    for module in MODULES:
        for node in ast.walk(ast.parse((PROJECT / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(FAMILIES):
                found.add(node.value)
    return {text for text in found if " " not in text and ":" not in text and not text.endswith(".")} - NOT_FITTED


def test_picture_and_tables_are_those_of_the_code() -> None:
    remedy = "run: python -m devices.video_badge.pictures docs/devices"
    assert (DOCS / "video-badge-lamp.svg").read_text(encoding="utf-8") == lamp(), remedy
    assert page() == filled(page(), tables()), remedy


def test_every_pattern_has_its_meaning() -> None:
    assert set(MEANINGS) == set(PATTERNS["lamp"])
    assert {*BUZZES, "off"} == set(PATTERNS["buzzer"])


def test_every_event_is_on_the_page_and_in_the_contract() -> None:
    contract = (PROJECT / "docs" / "wire" / "events.md").read_text(encoding="utf-8")
    assert len(events()) >= 20
    for name in events():
        assert f"`{name}`" in page(), name
        assert f"`{name}`" in contract, name


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    text = page()
    assert (DURESS_PRESSES, DURESS_MS) == (3, 2000)
    assert "three presses within 2 s" in text
    assert f"{SETTINGS['stop_ms'][1] // 1000} s (`stop_ms`)" in text
    assert f"the last {SETTINGS['pre_s'][1]} s (`pre_s`)" in text
    assert f"{LOW} %, {FULL} % and below {LOW_OVER} %" in text
    assert f"a position of the last {FIX_MS // 1000} s" in text
    assert RESUME_S == 60
    assert SILENT_MS <= 5000


def test_the_example_is_a_badge() -> None:
    block = page().split("```toml\n", 1)[1].split("```", 1)[0]
    completed(tomllib.loads(block))
