"""A small file kept by a thread: what was kept last is there after a restart, and no disk ends the device."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.kept_file import KeptFile

PATIENCE_S = 20


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def file(tmp_path: Path, told: list[bool]) -> Iterator[KeptFile]:
    file = KeptFile(str(tmp_path / "folder" / "kept"), 16, told.append)
    yield file
    file.close()


def again(tmp_path: Path) -> str:
    return KeptFile(str(tmp_path / "folder" / "kept"), 16, lambda _failing: None).read()


def test_the_newest_text_is_there_after_a_restart(file: KeptFile, tmp_path: Path, told: list[bool]) -> None:
    assert file.read() == ""
    file.start()
    for text in ("one", "two", "three"):
        file.keep(text)
    file.close()
    assert again(tmp_path) == "three"
    assert told == []
    file.close()


def test_closing_one_that_never_began_is_harmless(file: KeptFile, tmp_path: Path) -> None:
    file.keep("one")
    file.close()
    assert again(tmp_path) == ""


@pytest.mark.parametrize(("found", "read"), [(b"x" * 16, "x" * 16), (b"x" * 17, ""), (b"\xff", ""), (b"", "")])
def test_what_it_cannot_have_written_is_not_read(tmp_path: Path, found: bytes, read: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_bytes(found)
    assert again(tmp_path) == read


def test_a_disk_that_refuses_is_told_once_and_its_healing_too(
    file: KeptFile, tmp_path: Path, told: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Semaphore(0)
    mkdir = Path.mkdir

    def try_it(*args: Any, **options: Any) -> None:
        tried.release()
        mkdir(*args, **options)

    monkeypatch.setattr(Path, "mkdir", try_it)
    (tmp_path / "folder").write_bytes(b"in the way")
    file.start()
    for number in range(3):  # that the third is tried shows that what followed the first two is told
        file.keep(f"lost {number}")
        assert tried.acquire(timeout=PATIENCE_S)
    (tmp_path / "folder").unlink()
    file.keep("kept")
    file.close()
    assert told == [True, False]
    assert again(tmp_path) == "kept"
