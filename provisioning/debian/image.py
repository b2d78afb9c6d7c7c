# ruff: noqa: T201
"""``python -m provisioning.debian.image``: put the agent's package into an image of Raspberry Pi OS, before it is written to a card.

The package's scripts know how to work in another tree, so the image's architecture does not matter. Nothing of this machine is changed.
"""

import argparse
import contextlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from provisioning.debian.errors import PackageError

SECTOR = 512
LINUX = 0x83
_TABLE = 446
"""Where the four entries of the partition table begin in the first sector; its last two bytes are 55 AA."""
_EXAMPLES = """\
exit codes: 0 done, 1 not done (it says why), 2 wrong usage

example:
  scripts/deb --architecture arm64
  sudo scripts/image raspios-lite-arm64.img --package build/deb/dabyl-agent_*_arm64.deb --configuration sos-0001/
"""


def root_partition(image: Path) -> tuple[int, int]:
    """Where in ``image`` its last Linux partition lies: first byte and size.

    Raises:
        PackageError: there is none, or no partition table.
        OSError: it cannot be read.
    """
    with image.open("rb") as file:
        first = file.read(SECTOR)
    if len(first) < SECTOR or first[-2:] != b"\x55\xaa":
        raise PackageError(f"{image} is no disk image with a partition table; is it still compressed? (unxz)")
    entries = [struct.unpack("<4xB3xII", first[at : at + 16]) for at in range(_TABLE, _TABLE + 64, 16)]
    found = [(start * SECTOR, count * SECTOR) for kind, start, count in entries if kind == LINUX and start and count]
    if not found:
        raise PackageError(f"{image} has no Linux partition in its table")
    offset, size = found[-1]
    if offset + size > image.stat().st_size:
        raise PackageError(f"{image} ends before its Linux partition does: it was not copied whole")
    return offset, size


def install(image: Path, package: Path, configuration: Path | None) -> None:
    """Install ``package`` into ``image``, and the files of ``configuration`` as /etc/dabyl.

    Raises:
        PackageError: no root, or one of the steps fails.
        OSError: a file cannot be read or written.
    """
    if os.geteuid():
        raise PackageError("to mount an image takes root: sudo scripts/image …")
    with _mounted(image) as root:
        theirs, ours = _architecture(image, root), _run("dpkg-deb", "--field", str(package), "Architecture").strip()
        if theirs != ours:
            raise PackageError(
                f"{package.name} is for {ours}, and {image.name} is of {theirs}: scripts/deb --architecture"
            )
        options = [f"--root={root}", "--log=/dev/null", "--force-script-chrootless", "--force-architecture"]
        _run("dpkg", *options, "--install", str(package))
        if configuration is not None:
            for file in sorted(configuration.iterdir()):
                target = root / "etc/dabyl" / file.name
                shutil.copyfile(file, target)
                shutil.chown(target, 0, (root / "etc/dabyl").stat().st_gid)
                target.chmod(0o640)


def _architecture(image: Path, root: Path) -> str:
    """That of the C library that is installed below ``root``."""
    status = root / "var/lib/dpkg/status"
    text = status.read_text(encoding="utf-8", errors="replace") if status.exists() else ""
    found = re.search(r"^Package: libc6\n(?:.+\n)*?Architecture: (\S+)$", text, re.MULTILINE)
    if found is None:
        raise PackageError(f"{image} holds no Debian system")
    return found[1]


@contextlib.contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    offset, size = root_partition(image)
    with tempfile.TemporaryDirectory() as name:
        _run("mount", "-o", f"loop,offset={offset},sizelimit={size}", str(image), name)
        try:
            yield Path(name)
        finally:
            _run("umount", name)


def _run(program: str, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise PackageError(f"{program} is missing")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise PackageError(f"{program} refused: {said[-1] if said else done.returncode}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/image",
        description="Put the agent's package into an image of Raspberry Pi OS. Changes the image.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", type=Path, help="uncompressed disk image")
    parser.add_argument("--package", type=Path, required=True, help="what scripts/deb made")
    parser.add_argument("--configuration", type=Path, help="folder with agent.toml and what it names, for /etc/dabyl")
    options = parser.parse_args(arguments)
    for path in (options.image, options.package, *filter(None, [options.configuration])):
        if not path.exists():
            parser.error(f"{path} does not exist")
    try:
        install(options.image, options.package, options.configuration)
    except (PackageError, OSError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("image: stopped; take a fresh copy of the image", file=sys.stderr)
        return 1
    print(f"{options.image}: ready to be written to a card")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
