"""The units of systemd: sound by its own judgement, with little open, and each device kind's drop-in opens little more."""

import os
import pathlib
import re

import pytest

from agent.command import COMMANDS
from tests.integration.processes import run

UNITS = pathlib.Path(__file__).resolve().parents[2] / "agent" / "systemd"
UNIT = UNITS / "dabyl-agent.service"
DROP_INS = sorted(UNITS.glob("dabyl-agent-*.conf"))
MOST_EXPOSURE = 1.5


def runnable(path: pathlib.Path) -> str:
    """Its text; what it runs is not installed here."""
    return path.read_text(encoding="utf-8").replace("/usr/bin/dabyl", "/bin/true")


@pytest.mark.systemd
@pytest.mark.parametrize("drop_in", [None, *DROP_INS], ids=lambda path: path.stem if path else "alone")
def test_the_unit_is_sound_and_gives_the_agent_little(drop_in: pathlib.Path | None, tmp_path: pathlib.Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(runnable(UNIT), encoding="utf-8")
    if drop_in is not None:
        more = tmp_path / f"{UNIT.name}.d"
        more.mkdir()
        (more / drop_in.name).write_text(runnable(drop_in), encoding="utf-8")
    environment = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "SYSTEMD_COLORS": "0"}
    checked = run(["systemd-analyze", "verify", "--man=no", str(unit)], environment)
    assert [line for line in checked.stderr.splitlines() if str(tmp_path) in line or "dabyl" in line] == []
    judged = run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], environment)
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert exposure is not None, judged.stdout + judged.stderr
    assert float(exposure[1]) <= MOST_EXPOSURE, judged.stdout


def test_each_kind_that_needs_more_has_its_drop_in() -> None:
    assert {path.stem for path in DROP_INS} >= {
        f"dabyl-agent-{kind}" for kind in ("crosswalk", "far-unit", "panic-hub", "video-badge")
    }


@pytest.mark.parametrize("path", [UNIT, UNITS / "dabyl-agent-far-unit.conf"], ids=lambda path: path.stem)
def test_what_the_unit_runs_exists(path: pathlib.Path) -> None:
    found = re.search(r"^ExecStart=(/.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    program, *arguments = found[1].split()
    assert os.path.basename(program) == "dabyl"  # noqa: PTH119  a path on the device, not here
    assert arguments[1] == "run"
    assert arguments[0] in COMMANDS
