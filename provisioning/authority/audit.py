"""The authority's audit log: one JSON object a line, appended under a lock and on the disk before anything of it is given out.

It is also the authority's memory: what was issued and revoked is read from here. A last line torn by a power cut was never
acknowledged to anybody; it is dropped. Any other damage is refused, never repaired.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisioning.authority.errors import AuthorityStateError

Entry = dict[str, Any]

_SIZE_LIMIT = 256 * 1024 * 1024


class AuditLog:
    """The log while it is locked: the entries so far, and `append`."""

    def __init__(self, descriptor: int, entries: list[Entry], path: Path) -> None:
        self.entries = entries
        self._descriptor = descriptor
        self._path = path

    def append(self, entry: Entry) -> None:
        """Write one entry durably.

        Raises:
            AuthorityStateError: the disk refuses. The entry counts as not written.
        """
        line = json.dumps(entry, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"
        try:
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, start)
                raise
        except OSError as error:
            raise AuthorityStateError(
                f"{self._path} cannot be written: {error.strerror}; check space, nothing was issued"
            ) from None
        self.entries.append(entry)


@contextmanager
def locked(path: Path, *, create: bool = False) -> Iterator[AuditLog]:
    """The log, held exclusively: a second process waits until the first one is done.

    Args:
        path: the file.
        create: make a new one (0600); otherwise it must exist.

    Raises:
        AuthorityStateError: missing, there already, damaged, too long, or unreadable.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL if create else flags, 0o600)
    except OSError as error:
        raise AuthorityStateError(
            f"the audit log {path} cannot be opened: {error.strerror}; restore it from the backup"
        ) from None
    try:
        if create:
            os.fchmod(descriptor, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield AuditLog(descriptor, _entries(descriptor, path), path)
    finally:
        os.close(descriptor)  # this also gives the lock back


def _entries(descriptor: int, path: Path) -> list[Entry]:
    size = os.fstat(descriptor).st_size
    if size > _SIZE_LIMIT:
        raise AuthorityStateError(f"the audit log {path} is longer than {_SIZE_LIMIT} bytes")
    contents = os.pread(descriptor, size, 0)
    kept, _, torn = contents.rpartition(b"\n")
    if torn:
        os.ftruncate(descriptor, len(contents) - len(torn))
    entries = []
    for number, line in enumerate(kept.split(b"\n") if kept else (), 1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or not isinstance(entry.get("action"), str):
            raise AuthorityStateError(f"the audit log {path} is damaged in line {number}: restore it from the backup")
        entries.append(entry)
    return entries
