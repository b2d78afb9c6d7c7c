"""Compiled firmware is compiled once, and again for whatever would make it another; nothing damaged or foreign is taken from the cache."""

import os
import pathlib
import stat

import pytest

from provisioning.bench import Firmware
from provisioning.cable.contents import Bundle, read_bundle
from provisioning.kept_bundles import MOST, kept


class Maker:
    """Makes always the same bundle, and counts."""

    def __init__(self, bundle: Bundle, folder: pathlib.Path) -> None:
        self.bundle = bundle
        self.count = 0
        self.compiler = folder / "compiler"
        self.compiler.write_text("1")
        self.tree = folder / "tree"
        (self.tree / "agent").mkdir(parents=True)
        (self.tree / "agent" / "a.py").write_text("a = 1\n")

    def __call__(self) -> Bundle:
        self.count += 1
        return self.bundle

    def made(self, kind: str = "sos-button") -> int:
        """Ask for the bundle; how often it was made so far."""
        assert kept(self.tree, self.compiler, kind, self) == self.bundle
        return self.count


@pytest.fixture
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dabyl" / "firmware"


@pytest.fixture
def maker(tmp_path: pathlib.Path, cache: pathlib.Path, bundle: pathlib.Path) -> Maker:
    return Maker(read_bundle(bundle), tmp_path)


def test_it_is_made_once_and_again_when_kind_source_or_compiler_is_another(maker: Maker, cache: pathlib.Path) -> None:
    assert (maker.made(), maker.made()) == (1, 1)
    assert maker.made("panic-button") == 2
    (maker.tree / "agent" / "a.py").write_text("a = 2\n")
    assert (maker.made(), maker.made()) == (3, 3)
    (maker.tree / "agent" / "a.py").rename(maker.tree / "agent" / "b.py")
    assert maker.made() == 4
    maker.compiler.write_text("2")
    assert maker.made() == 5
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in cache.iterdir()} == {0o600}


def test_what_is_damaged_is_made_anew(maker: Maker, cache: pathlib.Path) -> None:
    maker.made()
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    places = (0, 40, len(whole) // 2, len(whole) - 1)
    broken = [b"", whole[:31], whole[:-1], *(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in places)]
    for count, content in enumerate(broken, 2):
        file.write_bytes(content)
        assert maker.made() == count
        assert file.read_bytes() == whole


def test_a_folder_that_others_can_write_or_that_cannot_be_made_is_not_used(
    maker: Maker, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.made()
    cache.chmod(0o770)
    assert maker.made() == 2
    cache.chmod(0o700)
    assert maker.made() == 2
    foreign = os.geteuid() + 1
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: foreign)
        assert maker.made() == 3
    monkeypatch.setenv("XDG_CACHE_HOME", str(maker.compiler))
    assert maker.made() == 4


def test_a_full_disk_costs_nothing_but_time(maker: Maker, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert maker.made() == 1
        assert list(cache.iterdir()) == []
    assert (maker.made(), maker.made()) == (2, 2)


def test_only_the_latest_are_kept(maker: Maker, cache: pathlib.Path) -> None:
    for number in range(MOST + 3):
        maker.made(f"kind-{number}")
        for file in cache.iterdir():  # the clock of a file system may be coarse
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9))
    assert len(list(cache.iterdir())) == MOST
    assert maker.made(f"kind-{MOST + 2}") == MOST + 3
    assert maker.made("kind-0") == MOST + 4


@pytest.mark.micropython
def test_the_bench_compiles_for_a_kind_once(tmp_path: pathlib.Path, cache: pathlib.Path) -> None:
    found = []
    for scratch in ("first", "second"):
        (tmp_path / scratch).mkdir()
        found.append(Firmware(None, tmp_path / scratch).of("sos-button"))
    assert found[0] == found[1]
    assert found[0].kinds == ("sos-button",)
    assert (tmp_path / "first" / "sos-button").exists()
    assert not (tmp_path / "second" / "sos-button").exists()
    assert len(list(cache.iterdir())) == 1
