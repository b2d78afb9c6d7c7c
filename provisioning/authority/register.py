"""What an authority has issued and revoked, as its audit log says. Needs no key: brokers and the center's people read it, too.

The log is read whole when the register is first asked, then only what was appended since. What is found is kept in a private temporary
database of SQLite, so that memory stays the same however much was issued.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioning.authority import audit
from provisioning.authority.audit import AuditLog, Entry
from provisioning.authority.errors import AuthorityStateError

_TABLES = """
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, role TEXT NOT NULL, identity TEXT NOT NULL, kid BLOB NOT NULL,
    issued_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL, revoked_ms INTEGER, ends INTEGER NOT NULL
) STRICT;
CREATE INDEX by_key ON certificates (kid);
CREATE INDEX by_identity ON certificates (identity);
CREATE INDEX by_revocation ON certificates (ends) WHERE revoked_ms IS NOT NULL;
"""
_COLUMNS = "serial, role, identity, kid, issued_ms, not_after_ms, revoked_ms"


@dataclass(frozen=True)
class Record:
    """What the audit log says of one certificate. Times are milliseconds since 1970 UTC; ``revoked_ms`` is None while it holds."""

    serial: int
    role: str
    identity: str
    kid: bytes
    issued_ms: int
    not_after_ms: int
    revoked_ms: int | None


class Register:
    """The register of the authority in a directory. One thread at a time."""

    lists: int
    """How many revocation lists were made."""
    _latest_ms: int
    _read_to: int
    _last: bytes

    def __init__(self, directory: Path) -> None:
        self._path = directory / "audit.jsonl"
        self._forget()

    @contextmanager
    def locked(self, *, create: bool = False) -> Iterator[AuditLog]:
        """The log, with the register up to date and nobody else able to change it meanwhile.

        Args:
            create: make the log, which must not exist.

        Raises:
            AuthorityStateError: the log is missing, damaged or unreadable.
        """
        with audit.locked(self._path, create=create) as log:
            self._catch_up(log)
            yield log

    def records(self) -> list[Record]:
        """All certificates ever issued, oldest first. Raises as ``locked``."""
        with self.locked():
            return self.select("1")

    def of_identity(self, identity: str) -> list[Record]:
        """Those issued to an identity, oldest first. Raises as ``locked``."""
        with self.locked():
            return self.select("identity = ?", identity)

    def find(self, serial: int) -> Record | None:
        """The certificate with this serial number, or None. Raises as ``locked``."""
        with self.locked():
            return self.held(serial)

    def certificate(self, serial: int) -> str | None:
        """The certificate with this serial number in PEM, or None if it was not issued here. Raises as ``locked``."""
        with self.locked() as log:
            found = self._memory.execute("SELECT ends FROM certificates WHERE serial = ?", (f"{serial:x}",)).fetchone()
            return str(log.entry_before(found[0])["certificate"]) if found else None

    @property
    def latest_ms(self) -> int:
        """When the latest entry was made by the clock of whoever made it, 0 if there is none. Raises as ``locked``."""
        with self.locked():
            return self._latest_ms

    # While it is locked

    def held(self, serial: int) -> Record | None:
        """As ``find``, for whoever has the lock."""
        return next(iter(self.select("serial = ?", f"{serial:x}")), None)

    def revoked(self) -> list[tuple[int, int]]:
        """(serial number, when) of all that are revoked, for whoever has the lock."""
        found = self.select("revoked_ms IS NOT NULL")
        return [(record.serial, record.revoked_ms) for record in found if record.revoked_ms is not None]

    def select(self, where: str, *values: object) -> list[Record]:
        """Records by a condition of ours, oldest first, for whoever has the lock."""
        rows = self._memory.execute(
            f"SELECT {_COLUMNS} FROM certificates WHERE {where} ORDER BY ends",  # noqa: S608  conditions of this package
            values,
        )
        return [Record(int(serial, 16), *rest) for serial, *rest in rows]

    def _take(self, entry: Entry, end: int) -> None:
        action = entry["action"]
        self._latest_ms = max(self._latest_ms, int(entry["at_ms"]))
        if action == "issued":
            values = [
                f"{int(entry['serial'], 16):x}",
                str(entry["role"]),
                str(entry["identity"]),
                bytes.fromhex(entry["kid"]),
                int(entry["at_ms"]),
                int(entry["not_after_ms"]),
                end,
            ]
            self._memory.execute(
                "INSERT INTO certificates (serial, role, identity, kid, issued_ms, not_after_ms, ends)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        elif action == "revoked":
            self._memory.execute(
                "UPDATE certificates SET revoked_ms = ? WHERE serial = ?",
                (int(entry["at_ms"]), f"{int(entry['serial'], 16):x}"),
            )
        elif action == "crl":
            self.lists += 1
        self._read_to = end

    def _catch_up(self, log: AuditLog) -> None:
        if self._read_to and log.line_before(self._read_to) != self._last:
            self._forget()  # the log was restored from a backup meanwhile
        try:
            self._memory.execute("BEGIN")
            for end, entry in log.since(self._read_to):
                self._take(entry, end)
            self._memory.execute("COMMIT")
        except AuthorityStateError:
            self._forget()
            raise
        except (KeyError, ValueError, TypeError, OverflowError, sqlite3.IntegrityError):
            self._forget()
            raise AuthorityStateError(f"the audit log {self._path} is damaged: restore it from the backup") from None
        except sqlite3.Error as error:
            self._forget()
            raise AuthorityStateError(
                f"the audit log {self._path} cannot be read: {error}; check space in TMPDIR"
            ) from None
        self._last = log.line_before(self._read_to)

    def _forget(self) -> None:
        # A name that is empty stands for a file of SQLite's own that nobody else can open and that is gone with it.
        self._memory = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._memory.execute("PRAGMA journal_mode = OFF")
        self._memory.execute("PRAGMA synchronous = OFF")
        self._memory.executescript(_TABLES)
        self.lists = 0
        self._latest_ms = 0
        self._read_to = 0
        self._last = b""
