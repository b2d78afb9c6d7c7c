"""The database file: made for its owner only, never destroyed, and clear about what is wrong."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from center import schema
from center.database import Database
from center.errors import DatabaseBusyError, DatabaseCorruptError, DatabaseError, DatabaseVersionError


def test_it_is_durable_and_its_owners_only(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    files = list(database.path.parent.glob("center.sqlite*"))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_file_that_others_may_read_is_refused(database: Database) -> None:
    database.path.chmod(0o644)
    with pytest.raises(DatabaseError, match="chmod 600"):
        Database(database.path)


def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            connection.execute(insert(schema.counters).values(name="a", value=1))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with database.read() as connection:
        assert connection.execute(select(schema.counters)).all() == []


def test_a_lock_is_waited_for_only_so_long(database: Database) -> None:
    holder = sqlite3.connect(database.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusyError, match=r"center\.sqlite"), database.begin():
        pass
    with database.read() as connection:
        assert connection.execute(select(schema.counters)).all() == []
    holder.close()


@pytest.mark.parametrize("contents", [b"a letter" * 1000, b"SQLite format 3\x00" + bytes(8000), b"x"])
def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "some.sqlite"
    path.write_bytes(contents)
    path.chmod(0o600)
    for create in (True, False):
        with pytest.raises(DatabaseCorruptError, match=r"some\.sqlite.*rescue") as caught:
            Database(path, create=create)
        assert caught.value.exit_code == 3
    assert path.read_bytes() == contents


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE photos (id)")
    other.close()
    path.chmod(0o600)
    with pytest.raises(DatabaseCorruptError, match="another program"):
        Database(path)


def test_another_versions_database_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(DatabaseVersionError, match="schema version"):
        Database(database.path)


def test_looking_into_a_database_never_makes_one(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no database"):
        Database(tmp_path / "none.sqlite", create=False)
    assert list(tmp_path.iterdir()) == []
