"""``dabyl simulate badge``: what it refuses. What it does is told by tests/integration/test_badge.py."""

import pathlib

import pytest

from simulators.board.cli import main


def test_a_folder_that_holds_something_is_not_written_to(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "something").touch()
    assert main(["badge", "--out", str(tmp_path)]) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [[], ["--out", "x", "--seconds", "1"], ["--out", "x", "--size", "8k"], ["--out", "x", "--break", "everything"]],
)
def test_options_that_make_no_sense_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["badge", *options]) == 2
    assert "Error" in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["badge", "--help"]) == 0
    told = capsys.readouterr().out
    assert "Exit codes" in told
    assert "dabyl evidence verify recording" in told
