"""The package in an image: found in its partition table, mounted, installed, configured, and let go again."""

import pathlib
import re
import struct
import subprocess

import pytest

from provisioning.debian import image
from provisioning.debian.errors import PackageError

START = 2048
"""Sector in which the partition begins."""


def disk(path: pathlib.Path, megabytes: int, *, kind: int = image.LINUX, start: int = START) -> pathlib.Path:
    """A disk image with an empty boot partition and one of ``kind``."""
    sectors = megabytes * 2048
    entries = struct.pack("<4xB3xII", 0x0C, 1, 16) + struct.pack("<4xB3xII", kind, start, sectors)
    with path.open("wb") as file:
        file.write(bytes(446) + entries + bytes(32) + b"\x55\xaa")
        file.truncate((START + sectors) * image.SECTOR)
    return path


def test_the_linux_partition_is_found(tmp_path: pathlib.Path) -> None:
    assert image.root_partition(disk(tmp_path / "a", 1)) == (START * 512, 1 << 20)


@pytest.mark.parametrize("contents", [b"", b"\x55\xaa", bytes(512), b"\xfd7zXZ" + bytes(600)])
def test_what_is_no_disk_image_is_told(tmp_path: pathlib.Path, contents: bytes) -> None:
    (tmp_path / "a").write_bytes(contents)
    with pytest.raises(PackageError, match="no disk image"):
        image.root_partition(tmp_path / "a")


def test_an_image_without_linux_or_cut_short_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PackageError, match="no Linux partition"):
        image.root_partition(disk(tmp_path / "a", 1, kind=0x0C))
    with pytest.raises(PackageError, match="not copied whole"):
        image.root_partition(disk(tmp_path / "b", 1, start=4096))


def test_a_wrong_path_is_told(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        image.main([str(tmp_path / "none"), "--package", str(tmp_path / "none.deb")])
    assert "none does not exist" in capsys.readouterr().err


def relabelled(package: pathlib.Path, folder: pathlib.Path, architecture: str) -> pathlib.Path:
    """The same package, said to be for another architecture; nothing of it is run here."""
    tree, made = folder / "tree", folder / "relabelled.deb"
    subprocess.run(["/usr/bin/dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub("Architecture: .*", f"Architecture: {architecture}", text), encoding="utf-8")
    subprocess.run(["/usr/bin/dpkg-deb", "-Znone", "--build", tree, made], check=True, capture_output=True)
    return made


@pytest.mark.dpkg
@pytest.mark.loop
def test_the_package_is_put_into_an_image(
    package: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = disk(tmp_path / "raspios.img", 96)
    offset = START * image.SECTOR
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-E", f"offset={offset}", made, "96m"], check=True, capture_output=True)
    assert image.main([str(made), "--package", str(package)]) == 1
    assert "holds no Debian system" in capsys.readouterr().err
    with image._mounted(made) as root:
        for folder in ("info", "updates"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        (root / "etc").mkdir()
        # What the package depends on is there, as in any image.
        installed = "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: arm64\nMaintainer: x\nDescription: x\n"
        here = [("python3", "3.11.2"), ("libc6", "2.36"), ("systemd", "252")]
        (root / "var/lib/dpkg/status").write_text("\n".join(installed.format(*one) for one in here), encoding="utf-8")
    configuration = tmp_path / "sos-0001"
    configuration.mkdir()
    (configuration / "agent.toml").write_text('[device]\nid = "sos-0001"\n', encoding="utf-8")

    foreign = package
    if "arm64" not in package.name:
        assert image.main([str(made), "--package", str(package)]) == 1
        assert "raspios.img is of arm64: scripts/deb --architecture" in capsys.readouterr().err
        foreign = relabelled(package, tmp_path, "arm64")
    assert image.main([str(made), "--package", str(foreign), "--configuration", str(configuration)]) == 0
    mounts = pathlib.Path("/proc/mounts").read_text(encoding="utf-8")
    assert str(tmp_path) not in mounts
    with image._mounted(made) as root:
        assert (root / "usr/bin/dabyl").stat().st_mode & 0o111
        assert (root / "etc/systemd/system/multi-user.target.wants/dabyl-agent.service").is_symlink()
        written = root / "etc/dabyl/agent.toml"
        assert written.stat().st_mode & 0o777 == 0o640
        assert written.stat().st_gid == (root / "etc/dabyl").stat().st_gid != 0
