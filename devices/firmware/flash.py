"""The journal's files on a board's flash: one folder of a LittleFS file system, through nothing but ``open`` and ``os``.

LittleFS changes a file when it is closed, and then wholly or not at all. So each append opens, writes and closes: when it returns, the
record is durable, and when it raises, the file is as it was and the error is that of this record. (A file left open across appends
would lose the earlier ones with a failed one, and report success from then on.) It costs one erase of a 4 KB block for each record,
however small: docs/journal.md has the budget. No state is kept between calls. Every method may raise ``OSError``. MicroPython subset.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

# For Journal(store, **BOUNDS) on a file system of 1 MB or more: some 700 events wait out an outage, with 16 KB of index in memory.
BOUNDS = {"max_bytes": 262144, "segment_bytes": 16384, "unkept_bytes": 8192, "scan_bytes": 1024}

_EIO = 5
_ENOENT = 2
_CUT = "cut.new"  # the journal removes left-overs that end in .new when it opens
_SIZE = 6  # in what os.stat returns
_CHUNK_BYTES = 512


class FlashStore:
    """A folder as the journal's store.

    Args:
        path: the folder; made when it is missing.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def names(self) -> "list[str]":
        """Names of all files."""
        try:
            return os.listdir(self._path)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
        os.mkdir(self._path)
        return []

    def size(self, name: str) -> int:
        """Bytes in a file."""
        return int(os.stat(self._where(name))[_SIZE])

    def read(self, name: str, offset: int, n: int) -> bytes:
        """At most `n` bytes from `offset` on."""
        with open(self._where(name), "rb") as file:
            file.seek(offset)
            return file.read(n)

    def create(self, name: str) -> None:
        """Make an empty file."""
        with open(self._where(name), "xb"):
            pass

    def append(self, name: str, data: bytes) -> None:
        """Write all of `data` at the end, durably."""
        with open(self._where(name), "ab") as file:
            file.write(data)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file: a copy of what stays takes its place in one step, for MicroPython cannot cut files."""
        have = self.size(name)
        if have < size:
            raise OSError(_EIO)
        if have > size:
            with open(self._where(name), "rb") as file:
                self._fill(_CUT, size, file)
            self.replace(_CUT, name)

    def sync(self, name: str) -> None:
        """Nothing is left to do for a file that is there."""
        self.size(name)

    def replace(self, old: str, new: str) -> None:
        """Rename over, in one step."""
        os.rename(self._where(old), self._where(new))

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.remove(self._where(name))

    def sync_dir(self) -> None:
        """Nothing is left to do: each change of a name was durable when it returned."""

    def free_bytes(self) -> int:
        """Bytes in free blocks."""
        state = os.statvfs(self._path)
        free = state[4]
        # LittleFS counts a block of two owners twice, so that a full disk may have less than none, which shows as 2**32 - 1 and the like.
        return state[1] * free if free <= state[2] else 0

    def reserve(self, name: str, size: int) -> None:
        """Make a file of `size` bytes that are really allocated."""
        self._fill(name, size, None)

    def _where(self, name: str) -> str:
        return self._path + "/" + name

    def _fill(self, name: str, size: int, source: "BinaryIO | None") -> None:
        """Make a file of `size` bytes of the source, or of zeros; no half of it stays behind."""
        try:
            with open(self._where(name), "wb") as file:
                while size > 0:
                    n = min(_CHUNK_BYTES, size)
                    file.write(source.read(n) if source is not None else bytes(n))
                    size -= n
        except OSError:
            try:
                os.remove(self._where(name))
            except OSError:
                pass  # the error that brought us here is the one to tell
            raise
