"""A small file that is on the disk as a whole, or as it was before: whatever happens in between."""

import contextlib
import os

from agent.keys.secret_file import sync_directory


def replace_file(path: str, contents: bytes) -> None:
    """Put these contents into the place of a file (mode 0600), durably.

    Raises:
        OSError: they are not kept. The file is what it was.
    """
    fresh = path + ".new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = contents
        while rest:  # a disk that fills up takes a part before it says no
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)
    with contextlib.suppress(OSError):  # it is in place; a disk that will not promise it takes nothing back
        sync_directory(os.path.dirname(path) or ".")
