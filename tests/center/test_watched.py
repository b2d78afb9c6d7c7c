"""Files that are read again when they change, and again after a trouble, as long as it lasts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from center.errors import ConfigurationError
from center.watched import Watched


def test_a_file_that_could_not_be_read_is_read_again_though_it_looks_the_same(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("one")
    shut = True

    def load(paths: Sequence[Path]) -> str:
        if shut:
            raise ConfigurationError("shut")
        return paths[0].read_text()

    watched = Watched([file], load)
    assert watched.changed() is None
    file.write_text("three")
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            watched.changed()
    shut = False
    assert watched.changed() == "three"
    assert watched.changed() is None
    file.unlink()
    with pytest.raises(FileNotFoundError):
        watched.changed()
