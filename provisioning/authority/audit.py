"""The authority's audit log: one JSON object a line, appended under a lock and on the disk before anything of it is given out.

It is also the authority's memory (see `register`). A last line torn by a power cut was never acknowledged to anybody; it is dropped.
Any other damage is refused, never repaired.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisioning.authority.errors import AuthorityDiskError, AuthorityStateError

Entry = dict[str, Any]

_LINE_LIMIT = 64 * 1024
_READ_BYTES = 128 * 1024


class AuditLog:
    """The log while it is locked. Positions are bytes from the start of the file."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self.end = os.fstat(descriptor).st_size
        """Where the last whole line ends."""
        self._drop_torn()

    def since(self, start: int) -> Iterator[tuple[int, Entry]]:
        """The entries from this position on, each with the position where its line ends. Holds little in memory.

        Raises:
            AuthorityStateError: a line is damaged or too long; the text says which, counted from the start.
        """
        rest = b""
        at = end = start
        while at < self.end:
            block = os.pread(self._descriptor, min(_READ_BYTES, self.end - at), at)
            at += len(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                end += len(line) + 1
                yield end, self._entry(line, end)
            if not block or len(rest) > _LINE_LIMIT:
                raise self._damaged(end + 1)

    def line_before(self, end: int) -> bytes:
        """The line that ends at this position; empty if there is none."""
        start = max(0, end - _LINE_LIMIT)
        block = os.pread(self._descriptor, end - start, start)
        return block[block.rfind(b"\n", 0, -1) + 1 :] if block.endswith(b"\n") else b""

    def entry_before(self, end: int) -> Entry:
        """The entry whose line ends at this position.

        Raises:
            AuthorityStateError: the line is damaged.
        """
        return self._entry(self.line_before(end), end)

    def append(self, entry: Entry) -> None:
        """Write one entry durably.

        Raises:
            AuthorityStateError: the disk refuses. The entry counts as not written.
        """
        line = json.dumps(entry, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"
        try:
            try:
                rest, at = memoryview(line), self.end
                while rest:
                    written = os.pwrite(self._descriptor, rest, at)
                    rest, at = rest[written:], at + written
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, self.end)
                raise
        except OSError as error:
            raise AuthorityDiskError(
                f"{self._path} cannot be written: {error.strerror}; check space, nothing was issued",
                file=self._path,
                error=error,
            ) from None
        self.end += len(line)

    def _drop_torn(self) -> None:
        tail_at = max(0, self.end - _LINE_LIMIT)
        tail = os.pread(self._descriptor, self.end - tail_at, tail_at)
        whole = tail_at + tail.rfind(b"\n") + 1
        if whole == self.end:
            return
        if tail_at and whole == tail_at:
            raise self._damaged(self.end)
        os.ftruncate(self._descriptor, whole)
        self.end = whole

    def _entry(self, line: bytes, end: int) -> Entry:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or not isinstance(entry.get("action"), str):
            raise self._damaged(end)
        return entry

    def _damaged(self, end: int) -> AuthorityStateError:
        number, at = 1, 0
        while at < end - 1:
            block = os.pread(self._descriptor, min(_READ_BYTES, end - 1 - at), at)
            number, at = number + block.count(b"\n"), at + max(1, len(block))
        return AuthorityStateError(
            f"the audit log {self._path} is damaged in line {number}: restore it from the backup"
        )


@contextmanager
def locked(path: Path, *, create: bool = False) -> Iterator[AuditLog]:
    """The log, held exclusively: a second process waits until the first one is done.

    Args:
        path: the file.
        create: make a new one (0600); otherwise it must exist.

    Raises:
        AuthorityStateError: missing, there already, damaged at its end, or unreadable.
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
        yield AuditLog(descriptor, path)
    finally:
        os.close(descriptor)  # this also gives the lock back
