"""Files that are on the disk when a call returns, or not there at all. What goes wrong ends in this package's errors."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from agent.keys.secret_file import sync_directory
from center.evidence.errors import NoRoomError, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the file system refuses inside becomes a `StoreError` that names ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoomError(f"{path}: {error.strerror}: free space, or raise the quota; nothing was stored") from None
        raise StoreError(f"{path}: {error.strerror or error}: check the folder, its owner and its disk") from None


def make_folder(path: Path, above: Path) -> None:
    """``path`` below ``above``, mode 0700, durably, with all folders between.

    Raises:
        StoreError: it cannot be made.
    """
    if path.is_dir() or path == above:
        return
    make_folder(path.parent, above)
    with translated(path):
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(str(path.parent))


def write(path: Path, contents: bytes) -> None:
    """Put ``contents`` in place of the file ``path`` (0600): the old or the new is there whatever happens, and the new on return.

    Raises:
        StoreError: the old is still there.
    """
    fresh = path.with_name(f".{path.name}.new")
    with translated(path):
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(descriptor, contents)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(path)
        sync_directory(str(path.parent))


def write_all(descriptor: int, contents: bytes) -> None:
    """All of ``contents``; a disk that fills up takes a part before it says no."""
    rest = memoryview(contents)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read(path: Path, most: int) -> bytes | None:
    """The file's bytes, None if there is none.

    Raises:
        StoreError: it cannot be read, or is longer than ``most``.
    """
    with translated(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            contents = file.read(most + 1)
    if len(contents) > most:
        raise StoreError(f"{path} is longer than {most} bytes: this is not what belongs there")
    return contents
