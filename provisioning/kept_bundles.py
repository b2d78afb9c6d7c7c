"""Compiled firmware is kept in the user's cache: compiling takes seconds, and gives the same from the same sources.

A file for each bundle, named by all that it is made from, and beginning with the SHA-256 of what follows. Whatever is wrong with it or its
folder costs the time of compiling anew, and nothing else.
"""

import base64
import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from agent.durable import replace_file
from provisioning.cable.contents import Bundle, bundle_of
from provisioning.errors import SetupError

SOURCES = ("agent", "devices", "provisioning/firmware")
MOST = 8
"""Bundles that are kept; the oldest go."""
_MAX_BYTES = 2 * 1024 * 1024
_DIGEST = 32


def kept(tree: Path, compiler: Path, kind: str, make: Callable[[], Bundle]) -> Bundle:
    """The firmware of a kind: as it was made from these very sources by this very compiler, else made now."""
    folder = _folder()
    if folder is None:
        return make()
    file = folder / _name(tree, compiler, kind)
    found = _read(file)
    if found is None:
        found = make()
        with contextlib.suppress(OSError):
            _write(file, found)
            for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)[:-MOST]:
                old.unlink()
    return found


def _folder() -> Path | None:
    """Where they are kept, if nobody else may look or write there."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        folder = (cache if cache.is_absolute() else Path.home() / ".cache") / "dabyl" / "firmware"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        return None
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return folder if own else None


def _name(tree: Path, compiler: Path, kind: str) -> str:
    paths = sorted(path for source in SOURCES for path in (tree / source).rglob("*.py"))
    made_from = hashlib.sha256(f"{kind}\n{sys.version}\n".encode() + compiler.read_bytes())
    for path in paths:
        content = path.read_bytes()
        made_from.update(f"\n{path.relative_to(tree)} {len(content)}\n".encode() + content)
    return made_from.hexdigest()


def _read(file: Path) -> Bundle | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES)
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        packed = json.loads(content[_DIGEST:])
        return bundle_of({path: base64.b64decode(data) for path, data in packed.items()}, file)
    except (OSError, SetupError):
        return None


def _write(file: Path, bundle: Bundle) -> None:
    packed = json.dumps({path: base64.b64encode(data).decode("ascii") for path, data in bundle.files.items()}).encode()
    replace_file(os.fspath(file), hashlib.sha256(packed).digest() + packed)
