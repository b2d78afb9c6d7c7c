"""Opening the center's database and translating its errors. SQLite, WAL, ``synchronous=FULL``: a commit that returned survives a power
cut. The file is made with mode 0600. A damaged, foreign or newer file is refused with a remedy and never deleted or overwritten.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from center import schema
from center.errors import (
    DatabaseBusyError,
    DatabaseCorruptError,
    DatabaseError,
    DatabaseFullError,
    DatabaseVersionError,
)

WAIT_MS = 5_000
"""How long a statement waits for another process's lock before it is an error."""
_READ = "center_read"
_HEADER = b"SQLite format 3\x00"


class Database:
    """One open database file.

    Args:
        path: the file.
        wait_ms: bounded wait for another process's lock.
        create: make the file and its tables if there is none.

    Raises:
        DatabaseError: one of its subclasses says why the file cannot be used, and what to do.
    """

    def __init__(self, path: Path, *, wait_ms: int = WAIT_MS, create: bool = True) -> None:
        self.path = path
        if not path.exists():
            if not create:
                raise DatabaseError(
                    f"there is no database {path}: check the configuration, or start `dabyl center run` first"
                )
            _make(path)
        _check_file(path)
        # A center's writer keeps one connection; SQLite in one thread at a time, which the service guarantees.
        self.engine: Engine = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool if create else NullPool,
            connect_args={"timeout": wait_ms / 1000, "check_same_thread": False},
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        try:
            if create:
                with self.begin() as connection:
                    self._open(connection)
            else:
                with self.read() as connection:
                    self._check_ours(connection)
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed durably when the block ends, rolled back if it raises.

        Raises:
            DatabaseBusyError, DatabaseFullError, DatabaseCorruptError, DatabaseError: nothing of the block was stored.
        """
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view, for reading only; takes no lock that a writer would wait for. Raises as ``begin``."""
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_READ: True})
            with connection.begin():
                yield connection

    def _open(self, connection: Connection) -> None:
        """Make the tables in an empty file; else make sure that the file is ours and undamaged."""
        if not int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() or 0):
            schema.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION}")
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")
            return
        self._check_ours(connection)
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise DatabaseCorruptError(_damaged(self.path, str(verdict)))

    def _check_ours(self, connection: Connection) -> None:
        application = connection.exec_driver_sql("PRAGMA application_id").scalar()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar()
        if application != schema.APPLICATION:
            raise DatabaseCorruptError(
                f"{self.path} is a database of another program: name another file in the configuration ([center] database)"
            )
        if version != schema.VERSION:
            raise DatabaseVersionError(
                f"{self.path} has schema version {version}, this center knows {schema.VERSION}: run the version that wrote it"
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translate(error.orig, self.path) from None
        except sqlite3.Error as error:
            raise _translate(error, self.path) from None
        except SQLAlchemyError as error:
            raise DatabaseError(f"the database {self.path} failed: {str(error)[:200]}") from None


def _make(path: Path) -> None:
    """An empty file that only its owner may read. SQLite gives its WAL beside it the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.close(descriptor)
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseError(
            f"the database {path} cannot be made: {error.strerror}; check the folder and its owner"
        ) from None


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DatabaseError(f"the database {path} is not a regular file: check the configuration")
        if status.st_mode & 0o077:
            raise DatabaseError(f"the database {path} is open to others: run `chmod 600 {path}`")
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except OSError as error:
        raise DatabaseError(f"the database {path} cannot be read: {error.strerror}; check its owner") from None
    if head and head != _HEADER:
        raise DatabaseCorruptError(_damaged(path, "it does not begin like a SQLite file"))


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3's own; SQLAlchemy then decides where a transaction begins
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READ) else "BEGIN IMMEDIATE")


def _damaged(path: Path, why: str) -> str:
    return (
        f"the database {path} is damaged ({why[:200]}): stop the center, move the file and its -wal and -shm away, "
        f"rescue what is left with `sqlite3 {path} .recover`, restore a backup or start with a new file; "
        "devices send again whatever was never receipted"
    )


def _translate(error: BaseException | None, path: Path) -> DatabaseError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = str(error)[:200]
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseBusyError(
            f"the database {path} is locked by another process ({text}): close what holds it (a backup, a second center, sqlite3)"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseCorruptError(_damaged(path, text))
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
        return DatabaseFullError(
            f"the database {path} cannot be written ({text}): free disk space, check quota and mount options"
        )
    return DatabaseError(f"the database {path} failed: {text or type(error).__name__}")
