"""The same packages as ``wheels`` fetches, from the environment that runs this: for this very machine, and without a network."""

import shutil
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from provisioning.debian.errors import PackageError
from provisioning.debian.wheels import FROM_DEBIAN, UNUSED, requirements


def gather(project: Path, folder: Path) -> None:
    """Copy what is needed into ``folder``.

    Raises:
        PackageError: a package is not installed.
    """
    waiting = [Requirement(one) for one in requirements(project)]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        needless = name in seen or name in FROM_DEBIAN or name in UNUSED
        if needless or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise PackageError(f"{name} is not installed here: run scripts/setup, or let it be fetched") from None
        waiting += [Requirement(one) for one in found.requires or ()]
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(found.locate_file(file))), target)
