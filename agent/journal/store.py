"""What the journal asks of a disk: the interface that Linux, a simulated disk and a microcontroller's flash implement.

Only type checkers read this module; at run time any object with these methods will do. Every method may raise
`OSError`. Names are plain file names without a folder. Nothing but `sync` and `sync_dir` is ever called from another
thread, and never two of them at once.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Store(Protocol):
        """A flat folder of append-only files."""

        def names(self) -> "list[str]":
            """Names of all files, in any order."""
            ...

        def size(self, name: str) -> int:
            """Bytes in a file."""
            ...

        def read(self, name: str, offset: int, n: int) -> bytes:
            """At most `n` bytes from `offset` on; fewer only at the end of the file."""
            ...

        def create(self, name: str) -> None:
            """Make an empty file. `OSError` (EEXIST) if there is one."""
            ...

        def append(self, name: str, data: bytes) -> None:
            """Write all of `data` at the file's end. After an `OSError` any part of it may be there."""
            ...

        def truncate(self, name: str, size: int) -> None:
            """Cut a file to `size` bytes; durable with the next `sync`."""
            ...

        def sync(self, name: str) -> None:
            """Return when the file's content is durable. After an `OSError` what was not durable may be lost."""
            ...

        def replace(self, old: str, new: str) -> None:
            """Rename `old` to `new` in one step, over an existing `new`; durable with the next `sync_dir`."""
            ...

        def remove(self, name: str) -> None:
            """Remove a file; durable with the next `sync_dir`."""
            ...

        def sync_dir(self) -> None:
            """Return when all files made, renamed and removed are durably so."""
            ...

        def free_bytes(self) -> int:
            """Bytes that this process could still write."""
            ...
