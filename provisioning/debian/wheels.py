"""What the agent needs from Python's package index, for another machine than this one, as a folder that Python finds it in.

Compiled modules carry the interpreter's version in their names, so one folder serves several versions of Python.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from provisioning.debian.errors import PackageError

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's name of an architecture, and that of wheels. 32-bit ARM has no wheel of `cryptography` that is new enough."""
PYTHONS = ("3.11", "3.13")
"""Those of Debian and Raspberry Pi OS 12 and 13."""
EXTRAS = ("gpio", "crosswalk", "badge", "hsm")
FROM_DEBIAN = {"lgpio": "python3-lgpio"}
"""Left to the system: they fit its kernel and its Python."""
UNUSED = ("setuptools", "_distutils_hack", "pkg_resources", "distutils-precedence.pth", "bin")
"""Asked for by a package's metadata, and by none of its code."""
_GLIBC = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")
"""Debian 12 has glibc 2.36."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def requirements(project: Path) -> list[str]:
    """What the distribution in ``project`` asks for with ``EXTRAS``, without what Debian brings."""
    told = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(told["dependencies"])
    extras = list(EXTRAS)
    for extra in extras:
        for one in told["optional-dependencies"][extra]:
            own = re.fullmatch(rf"{told['name']}\[(.+)\]", one)
            if own:
                extras += [name for name in own[1].split(",") if name not in extras]
            elif one not in wanted:
                wanted.append(one)
    return [one for one in wanted if _name(one) not in FROM_DEBIAN]


def fetch(project: Path, folder: Path, architecture: str, python: str) -> None:
    """Put what is needed into ``folder``, beside what is there for another version of Python.

    Raises:
        PackageError: pip cannot.
    """
    fresh = folder.with_name(f"{folder.name}-{python}")
    platforms = [f"{glibc}_{MACHINES[architecture]}" for glibc in _GLIBC]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}", f"--target={fresh}"]
    command += [f"--platform={platform}" for platform in platforms]
    command += [f"--constraint={project / 'constraints.txt'}", *requirements(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(
            f"no packages for {architecture} and Python {python}: {_last_error(done.stderr)}; "
            "is the package index reachable?"
        )
    for name in UNUSED:
        for found in (fresh / name, *fresh.glob(f"{name}-*.dist-info")):
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink(missing_ok=True)
    shutil.copytree(fresh, folder, dirs_exist_ok=True)
    shutil.rmtree(fresh)


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0] if found else ""


def _last_error(said: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return errors[0] if errors else "pip failed"
