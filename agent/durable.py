"""A small file that is on the disk as a whole, or as it was before: whatever happens in between."""

import contextlib
import os

from agent.keys.secret_file import sync_directory

PRIVATE, PUBLIC = 0o600, 0o644


def replace_file(path: str, contents: bytes, mode: int = PRIVATE) -> None:
    """Put these contents into the place of a file, durably. No link is followed: the folder may belong to another user than who writes.

    Raises:
        OSError: they are not kept. The file is what it was, and nothing lies beside it.
    """
    fresh = path + ".new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            os.fchmod(descriptor, mode)
            rest = contents
            while rest:  # a disk that fills up takes a part before it says no
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    with contextlib.suppress(OSError):  # it is in place; a disk that will not promise it takes nothing back
        sync_directory(os.path.dirname(path) or ".")
