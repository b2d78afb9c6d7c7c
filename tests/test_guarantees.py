"""The page of guarantees names modules and tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.findall(
    r"^\| (.+) \| (`.+) \| (`.+) \|$", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_each_guarantee_names_its_place_and_its_test() -> None:
    assert len(ROWS) > 40
    for guarantee, places, tests in ROWS:
        for path in re.findall(r"`([^`]+)`", places + tests):
            assert (ROOT / path).exists(), f"{guarantee}: {path}"
        assert all(path.startswith("tests/") for path in re.findall(r"`([^`]+)`", tests)), guarantee
