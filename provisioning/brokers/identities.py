"""Who a broker must know, read from the authority's register or from a CSV."""

import csv
import io
import pathlib
from collections.abc import Iterable

from provisioning.authority.register import Record
from provisioning.brokers.errors import BrokerModelError, IdentitiesFileError
from provisioning.brokers.model import Identities

ROLES = ("device", "center", "consumer")
_BYTES = 16 * 1024 * 1024


def of_pairs(pairs: Iterable[tuple[str, str]], revoked: Iterable[str] = ()) -> Identities:
    """Identities from (role, name); a pair may come twice.

    Raises:
        BrokerModelError: a name is malformed or has two roles.
    """
    names: dict[str, set[str]] = {role: set() for role in ROLES}
    for role, name in pairs:
        names[role].add(name)
    return Identities(
        frozenset(names["device"]), frozenset(names["center"]), frozenset(names["consumer"]), frozenset(revoked)
    )


def of_register(records: Iterable[Record], now_ms: int) -> list[tuple[str, str]]:
    """(role, name) of everyone whose certificate holds or was revoked; who has let it lapse is left out."""
    return [
        (record.role, record.identity) for record in records if record.role in ROLES and record.not_after_ms > now_ms
    ]


def revoked_of(records: Iterable[Record], now_ms: int) -> tuple[set[str], set[str]]:
    """Names that have a revoked certificate and no other, and names that have a revoked one and a good one.

    Only an engine that reads the revocation list refuses the revoked certificates of the latter.
    """
    open_ = [record for record in records if record.not_after_ms > now_ms]
    revoked = {record.identity for record in open_ if record.revoked_ms is not None}
    good = {record.identity for record in open_ if record.revoked_ms is None}
    return revoked - good, revoked & good


def of_csv(file: pathlib.Path) -> list[tuple[str, str]]:
    """(role, name) of a CSV whose first line names the columns: ``name``, and ``role`` unless all are devices.

    Commas or semicolons, with or without a byte order mark, UTF-8; other columns are passed over.

    Raises:
        IdentitiesFileError: unreadable, too long, not UTF-8, no such column, an unknown role, or a name twice.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise IdentitiesFileError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise IdentitiesFileError(f"{file} is not UTF-8: save it as CSV UTF-8") from None
    if len(content) > _BYTES:
        raise IdentitiesFileError(f"{file} is longer than {_BYTES} bytes")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        if "name" not in (reader.fieldnames or ()):
            raise IdentitiesFileError(f"{file}: the first line must name a column 'name'")
        return _pairs(reader, file)
    except csv.Error as error:
        raise IdentitiesFileError(f"{file}, line {reader.line_num}: {error}") from None


def _pairs(reader: "csv.DictReader[str]", file: pathlib.Path) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for row in reader:
        name = (row["name"] or "").strip()
        role = (row.get("role") or "device").strip()
        where = f"{file}, line {reader.line_num}"
        if role not in ROLES:
            raise IdentitiesFileError(f"{where}: the role {role[:40]!r} is none of {', '.join(ROLES)}")
        if name in found:
            raise IdentitiesFileError(f"{where}: the name {name[:80]!r} stands there twice")
        try:
            Identities(devices=frozenset((name,)))
        except BrokerModelError as error:
            raise IdentitiesFileError(f"{where}: {str(error)[:300]}") from None
        found[name] = role
    return [(role, name) for name, role in found.items()]
