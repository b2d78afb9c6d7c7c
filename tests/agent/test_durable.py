"""Small files that are replaced as a whole, durably, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import durable
from agent.durable import PUBLIC, replace_file


def noting(done: list[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **options: Any) -> Any:
        done.append(name)
        return real(*args, **options)

    return noted


def test_it_is_on_the_disk_before_it_takes_the_old_ones_place_and_then_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"old")
    done: list[str] = []
    steps: tuple[tuple[Any, str], ...] = ((os, "fsync"), (os, "replace"), (durable, "sync_directory"))
    for holder, name in steps:
        monkeypatch.setattr(holder, name, noting(done, name, getattr(holder, name)))
    replace_file(str(path), b"new")
    assert done[:3] == ["fsync", "replace", "sync_directory"]
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_disk_that_refuses_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "kept"
    replace_file(str(path), b"old")

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, refuse)
        with pytest.raises(OSError, match="No space left"):
            replace_file(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    replace_file(str(path), b"newer")
    assert path.read_bytes() == b"newer"


def test_a_disk_that_takes_a_part_at_a_time_keeps_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    replace_file(str(tmp_path / "kept"), b"a text that is longer than that")
    assert (tmp_path / "kept").read_bytes() == b"a text that is longer than that"


def test_no_link_that_somebody_laid_is_followed_and_the_mode_is_as_asked(tmp_path: Path) -> None:
    other, path = tmp_path / "another's", tmp_path / "kept"
    other.write_bytes(b"theirs")
    for name in (path, tmp_path / "kept.new"):
        name.symlink_to(other)
    umask = os.umask(0o077)
    try:
        replace_file(str(path), b"new", PUBLIC)
    finally:
        os.umask(umask)
    assert other.read_bytes() == b"theirs"
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == PUBLIC
