"""The journal's files on Linux: one folder (0700) of files (0600), locked so that two agents can never share it.

`sync` is fdatasync on the very descriptor that was written through, because an error of the disk is told only there.
A missing, read-only or full disk is an `OSError` from the method concerned, never from the constructor, which raises
only when another process holds the folder. Never follows a symbolic link to a segment.
"""

import fcntl
import os
from errno import EACCES, EAGAIN

from agent.journal.errors import JournalInUse

_LOCK = "lock"
_READERS = 4


class DiskStore:
    """A folder as the journal's store.

    Args:
        path: the folder; made if it is missing.

    Raises:
        JournalInUse: another process has it open.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._dir = -1
        self._lock = -1
        self._writers: dict[str, int] = {}
        self._readers: dict[str, int] = {}
        try:
            self._open_dir()
        except OSError:
            self._release()  # told by the next method that needs the folder

    def names(self) -> list[str]:
        """Names of all files but the lock."""
        return [name for name in os.listdir(self._open_dir()) if name != _LOCK]

    def size(self, name: str) -> int:
        """Bytes in a file."""
        return os.fstat(self._reader(name)).st_size

    def read(self, name: str, offset: int, n: int) -> bytes:
        """At most `n` bytes from `offset` on."""
        fd = self._reader(name)
        data = os.pread(fd, n, offset)
        while 0 < len(data) < n:
            more = os.pread(fd, n - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def create(self, name: str) -> None:
        """Make an empty file, readable by this user alone."""
        self._close(name)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=self._open_dir())
        os.fchmod(fd, 0o600)
        self._writers[name] = fd

    def append(self, name: str, data: bytes) -> None:
        """Write all of `data` at the end."""
        fd = self._writers.get(name, -1)
        if fd < 0:
            fd = self._writer(name)
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, data[written:])

    def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        os.ftruncate(self._writer(name), size)

    def sync(self, name: str) -> None:
        """fdatasync; may run on another thread."""
        os.fdatasync(self._writer(name))

    def replace(self, old: str, new: str) -> None:
        """Rename over."""
        folder = self._open_dir()
        self._close(old)
        self._close(new)
        os.replace(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=self._open_dir())
        self._close(name)

    def sync_dir(self) -> None:
        """Make the folder's names durable; may run on another thread."""
        os.fsync(self._open_dir())

    def free_bytes(self) -> int:
        """Bytes free to this user."""
        state = os.fstatvfs(self._open_dir())
        return state.f_bavail * state.f_frsize

    def reserve(self, name: str, size: int) -> None:
        """Make a file of `size` bytes that are really allocated, to be removed when room is needed."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = self._open_dir()
        fd = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close all files and give the folder free for another process."""
        for name in list(self._writers) + list(self._readers):
            self._close(name)
        self._release()

    def _open_dir(self) -> int:
        if self._dir < 0:
            try:
                os.mkdir(self._path, 0o700)
            except FileExistsError:
                pass
            self._dir = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if os.fstat(self._dir).st_mode & 0o077:
                try:
                    os.fchmod(self._dir, 0o700)
                except OSError:
                    pass  # a read-only disk, or another owner: reading still works
        if self._lock < 0:
            self._lock = self._take_lock()
        return self._dir

    def _take_lock(self) -> int:
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(_LOCK, flags, 0o600, dir_fd=self._dir)
        except OSError:
            fd = os.dup(self._dir)  # a read-only or full disk: the folder itself can be locked
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (EAGAIN, EACCES):
                raise JournalInUse(
                    "journal %s is in use by another process; stop the other agent first" % self._path
                ) from error
            raise
        return fd

    def _release(self) -> None:
        for fd in (self._lock, self._dir):
            if fd >= 0:
                os.close(fd)
        self._lock = self._dir = -1

    def _writer(self, name: str) -> int:
        fd = self._writers.get(name, -1)
        if fd < 0:
            flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = self._writers[name] = os.open(name, flags, dir_fd=self._open_dir())
            if len(self._writers) > _READERS:
                self._close(next(iter(self._writers)))
        return fd

    def _reader(self, name: str) -> int:
        fd = self._writers.get(name, -1)
        if fd < 0:
            fd = self._readers.get(name, -1)
        if fd < 0:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._open_dir())
            if len(self._readers) >= _READERS:
                self._close(next(iter(self._readers)))
            self._readers[name] = fd
        return fd

    def _close(self, name: str) -> None:
        for table in (self._writers, self._readers):
            fd = table.pop(name, -1)
            if fd >= 0:
                os.close(fd)
