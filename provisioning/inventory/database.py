"""The inventory's file: SQLite, mode 0600, every change one durable transaction. Several processes may use it at once."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from provisioning.errors import Cause
from provisioning.inventory.errors import InventoryFileError

WAIT_S = 10
"""How long a transaction waits for another process's."""
CAUSES = {sqlite3.SQLITE_FULL: "ENOSPC", sqlite3.SQLITE_READONLY: "EROFS", sqlite3.SQLITE_IOERR: "EIO"}
_APPLICATION = 0x6461_6269  # "dabi"
_VERSIONS = (
    """
CREATE TABLE devices (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, serial TEXT NOT NULL, state TEXT NOT NULL,
    site TEXT NOT NULL, building TEXT NOT NULL, floor TEXT NOT NULL, room TEXT NOT NULL,
    latitude REAL, longitude REAL, district TEXT NOT NULL, city TEXT NOT NULL, region TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX boards ON devices (serial) WHERE serial != '';
CREATE TABLE times (
    name TEXT NOT NULL REFERENCES devices, state TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (name, state)
) STRICT;
CREATE TABLE certificates (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL REFERENCES devices, serial TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE claims (
    name TEXT PRIMARY KEY REFERENCES devices, digest BLOB NOT NULL, serial TEXT NOT NULL,
    expires_ms INTEGER NOT NULL, kid BLOB
) STRICT;
""",
    """
ALTER TABLE devices ADD COLUMN address TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX addresses ON devices (address) WHERE address != '' AND state != 'revoked';
""",
)
"""What each version of the file has more than the one before. A file of an older version is brought to the latest when it is opened."""


class Database:
    """The open file."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the file.

        Args:
            path: the file.
            create: make it where there is none.

        Raises:
            InventoryFileError: missing, open to others, damaged, or another program's.
        """
        self.path = path
        _prepare(path, create=create)
        try:
            self._connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        try:
            with self._translated():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._connection.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, undone if it raises.

        Raises:
            InventoryFileError: nothing of the block was stored.
        """
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def view(self) -> Iterator[sqlite3.Connection]:
        """One consistent view, for reading.

        Raises:
            InventoryFileError: it cannot be read.
        """
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _open(self) -> None:
        with self.change() as connection:
            application, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
            latest = len(_VERSIONS)
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                version = 0
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            elif application != _APPLICATION:
                raise InventoryFileError("file-foreign", file=self.path)
            elif not 0 < version <= latest:
                raise InventoryFileError("file-version", file=self.path, version=version, known=latest)
            for more in _VERSIONS[version:]:
                for statement in more.split(";")[:-1]:
                    connection.execute(statement)
            if version < latest:
                connection.execute(f"PRAGMA user_version = {latest}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # what it means is known where the statement stands
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    def _trouble(self, error: sqlite3.Error) -> InventoryFileError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            key = "file-held"
        elif code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            key = "file-damaged"
        else:
            key = "file-trouble"
        return InventoryFileError(key, file=self.path, reason=Cause(CAUSES.get(code, "other"), str(error)[:200]))


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _prepare(path: Path, *, create: bool) -> None:
    """Make an empty file that only its owner may read, or look that the one there is such a file. SQLite gives its WAL the same mode."""
    try:
        if create:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        status = path.stat()
    except FileNotFoundError:
        raise InventoryFileError("file-absent", file=path) from None
    except OSError as error:
        raise InventoryFileError("file-shut", file=path, reason=Cause.of(error)) from None
    if not stat.S_ISREG(status.st_mode):
        raise InventoryFileError("file-irregular", file=path)
    if status.st_mode & 0o077:
        raise InventoryFileError("file-open", file=path)
