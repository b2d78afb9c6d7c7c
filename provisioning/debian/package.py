"""A Debian package from a checkout: the agent, its devices, what they need, and the service."""

import hashlib
import shutil
import subprocess
import tomllib
from pathlib import Path

from provisioning.debian import installed, wheels
from provisioning.debian.errors import PackageError

NAME = "dabyl-agent"
HERE = Path(__file__).parent
_LIBRARY = Path("usr/lib/dabyl")
_UNITS = Path("usr/lib/systemd/system")
_PAPERS = Path("usr/share/doc") / NAME
_LEFT_OUT = ("__pycache__", "firmware", "pictures.py")
"""Of `agent` and `devices`: what microcontrollers run, and what draws the pictures of the pages."""


def build(project: Path, out: Path, architecture: str, pythons: list[str], *, offline: bool = False) -> Path:
    """Make the package in the folder ``out``; its path.

    Args:
        project: a checkout.
        out: made if it is missing.
        architecture: one of `wheels.MACHINES`.
        pythons: versions of Python that it runs on.
        offline: take what this very environment holds, which fits only this architecture and Python.

    Raises:
        PackageError: something that it needs is not there.
        OSError: the disk.
    """
    dpkg = shutil.which("dpkg-deb")
    if dpkg is None:
        raise PackageError("dpkg-deb is missing; it comes with Debian: sudo apt-get install dpkg")
    version = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    tree = out / f"{NAME}-{architecture}"
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(tree, ignore_errors=True)
    try:
        for python in () if offline else pythons:
            wheels.fetch(project, tree / _LIBRARY, architecture, python)
        if offline:
            installed.gather(project, tree / _LIBRARY)
        _lay_out(project, tree)
        _control(tree, version, architecture, pythons)
        package = out / f"{NAME}_{version}_{architecture}.deb"
        done = subprocess.run(
            [dpkg, "--build", "--root-owner-group", "-Zgzip", tree, package],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    if done.returncode:
        raise PackageError(f"dpkg-deb refused: {done.stderr.strip().splitlines()[-1]}")
    return package


def _lay_out(project: Path, tree: Path) -> None:
    shutil.copytree(HERE / "tree", tree, dirs_exist_ok=True)
    for package in ("agent", "devices"):
        shutil.copytree(project / package, tree / _LIBRARY / package, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    shutil.rmtree(tree / _LIBRARY / "agent" / "systemd")
    units = project / "agent" / "systemd"
    (tree / _UNITS).mkdir(parents=True)
    shutil.copy(units / f"{NAME}.service", tree / _UNITS)
    (tree / _PAPERS / "examples").mkdir(parents=True)
    for drop_in in sorted(units.glob("*.conf")):  # for some kinds of device only: an administrator chooses
        shutil.copy(drop_in, tree / _PAPERS / "examples")
    shutil.copy(project / "LICENSE", tree / _PAPERS / "copyright")
    for path in tree.rglob("*"):
        program = path.parent == tree / "usr/bin"
        path.chmod(0o755 if path.is_dir() or program else 0o644)


def _control(tree: Path, version: str, architecture: str, pythons: list[str]) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    folder = tree / "DEBIAN"
    folder.mkdir()
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
    ]
    (folder / "md5sums").write_text("".join(sums), encoding="utf-8")
    minors = sorted(int(python.split(".")[1]) for python in pythons)
    fields = {
        "Package": NAME,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Dabyl",
        "Section": "net",
        "Priority": "optional",
        "Installed-Size": str(sum(path.stat().st_size for path in files) // 1024),
        "Depends": f"python3 (>= 3.{minors[0]}), python3 (<< 3.{minors[-1] + 1}), libc6 (>= 2.34), systemd",
        "Recommends": ", ".join(wheels.FROM_DEBIAN.values()),
        "Description": "signed alarms from public-safety field hardware\n"
        " The agent on SOS buttons, hubs of panic buttons and crosswalk controllers: it says what\n"
        " happened in signed events over MQTT, and keeps each until the operations center has\n"
        " signed that it heard.",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    (folder / "control").write_text(text, encoding="utf-8")
    for script in sorted((HERE / "scripts").iterdir()):
        shutil.copy(script, folder)
        (folder / script.name).chmod(0o755)
