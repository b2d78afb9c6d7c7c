"""A broker's files on the disk: its own user's only, each replaced in one step so that a reload never reads half of one."""

import os
import pathlib


def replace_private(file: pathlib.Path, content: bytes) -> None:
    """Write a file of mode 0600 in the place of whatever has its name.

    Raises:
        OSError: the disk refuses; the old file is untouched.
    """
    draft = file.with_name(file.name + ".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
