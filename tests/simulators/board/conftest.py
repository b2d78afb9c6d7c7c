"""Folders with firmware of a few lines."""

import itertools
import pathlib
import textwrap
from collections.abc import Callable

import pytest

Firmware = Callable[..., pathlib.Path]


@pytest.fixture
def firmware(tmp_path: pathlib.Path) -> Firmware:
    """A folder with this main.py, and with other files where they are named."""
    numbers = itertools.count()

    def made(main: str, **files: str) -> pathlib.Path:
        folder = tmp_path / f"firmware-{next(numbers)}"
        folder.mkdir()
        (folder / "main.py").write_text(textwrap.dedent(main))
        for name, text in files.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return folder

    return made
