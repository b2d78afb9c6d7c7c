"""Files that hold secrets: read only if nobody else can, written so that nobody else ever could.

The checks are made on the opened file, not on its name, so that nothing can be swapped in between. A secret is created exclusively,
with mode 0600 whatever the umask, and is on the disk (file and directory entry) when the call returns. Never follows a link when writing.
"""

import contextlib
import os
import stat

from agent.keys.errors import OpenToOthersError, SecretFileError, SecretUnwrittenError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_secret(path: str, limit: int, what: str) -> bytes:
    """The contents of a regular file that only its owner may access (0600 or 0400).

    Args:
        path: the file.
        limit: most bytes that are accepted.
        what: what the file is, for messages ("the private key").

    Raises:
        SecretFileError: missing, unreadable, not a regular file, open to group or others, empty or longer than ``limit``.
    """
    try:
        # O_NONBLOCK: opening a FIFO must not hang before fstat can refuse it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SecretFileError(
            f"{what} {path} does not exist: check the path in the configuration, or make it first"
        ) from None
    except OSError as error:
        raise SecretFileError(
            f"{what} {path} cannot be opened: {error.strerror}; give it to the user this runs as (chown), mode 0600"
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretFileError(f"{what} {path} is not a regular file: name the file itself")
        if status.st_mode & _OTHERS:
            raise OpenToOthersError(
                f"{what} {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}): run `chmod 600 {path}`, "
                "and replace the secret if somebody else may have read it"
            )
        contents = bytearray()
        while len(contents) <= limit:
            part = os.read(descriptor, limit + 1 - len(contents))
            if not part:
                break
            contents += part
    except OSError as error:
        raise SecretFileError(f"{what} {path} cannot be read: {error.strerror}; check the disk") from None
    finally:
        os.close(descriptor)
    if not contents:
        raise SecretFileError(f"{what} {path} is empty: restore or make it again")
    if len(contents) > limit:
        raise SecretFileError(f"{what} {path} is longer than {limit} bytes: this is the wrong file")
    return bytes(contents)


def write_secret(path: str, contents: bytes, what: str) -> None:
    """Create a file of mode 0600 with these contents, durably. An existing file is never touched.

    If the disk fails midway, the half-written file is removed.

    Raises:
        SecretFileError: it exists already, or cannot be created or written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise SecretFileError(
            f"{what} {path} exists already and is not overwritten: move it away, or choose another path"
        ) from None
    except OSError as error:
        raise SecretUnwrittenError(f"{what} {path} cannot be created: {error.strerror}", path, error) from None
    try:
        try:
            os.fchmod(descriptor, 0o600)  # the umask may have taken the owner's own bits
            rest = memoryview(contents)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(os.path.dirname(path) or ".")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise SecretUnwrittenError(
            f"{what} {path} cannot be written: {error.strerror}; check space and mount options", path, error
        ) from None


def sync_directory(path: str) -> None:
    """Make the directory's entries durable.

    Raises:
        OSError: the file system refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
