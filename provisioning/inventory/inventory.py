"""The inventory of an installation's devices: planned, then step by step as far as accepted. Every call is one transaction.

Calls that are repeated after an interruption do no harm: what is done already is left as it is. Times are passed in (milliseconds since
1970 UTC).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from provisioning.inventory.database import Database
from provisioning.inventory.errors import DuplicateError, StateError, UnknownDeviceError
from provisioning.inventory.record import (
    DHCP,
    ENROLLED,
    PLACE_FIELDS,
    PLANNED,
    REVOKED,
    STATES,
    WAY,
    Device,
    Place,
    check_serial,
)

_MOVED = (*PLACE_FIELDS, "address")
_COLUMNS = ("name", "kind", "serial", "state", *_MOVED)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM devices"  # noqa: S608  our own names of columns
_INSERT = f"INSERT INTO devices ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  as above


class Inventory:
    """The open inventory; also a context manager. Not for several threads: open one for each."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the file ``path``, and make it where there is none.

        Raises:
            InventoryFileError: it cannot be used.
        """
        self.database = Database(path, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def plan(self, devices: Sequence[Device], now_ms: int, *, move: bool = False) -> list[str]:
        """Take planned devices in, all or none; the names that were new. One that is there already, exactly so, is left as it is.

        Args:
            devices: what there is to be.
            now_ms: the time.
            move: one that is there already hangs where it is planned now, at the address that is planned now; otherwise another place
                or address is refused.

        Raises:
            DuplicateError: a name is there with another kind, board, place or address, or a serial number or address is another device's.
        """
        new = []
        with self.database.change() as connection:
            wanted = [_addressed(device, _find(connection, device.name)) for device in devices]
            if move:  # first all addresses are free, for two devices may exchange theirs
                names = [(device.name,) for device in devices]
                connection.executemany("UPDATE devices SET address = '' WHERE name = ?", names)
            for device in wanted:
                known = _find(connection, device.name)
                if known is None:
                    self._insert(connection, device, now_ms)
                    new.append(device.name)
                    continue
                if move:
                    for column, value in zip(_MOVED, _moved(device), strict=True):
                        self._update(connection, device.name, column, value)
                    known = needed(connection, device.name)
                same = known.kind == device.kind and _moved(known) == _moved(device)
                if not same or device.serial not in {"", known.serial}:
                    there = ", ".join(
                        part for part in (known.kind, str(known.place), known.address, known.serial) if part
                    )
                    raise DuplicateError("known-otherwise", device=device.name, known=there)
        return new

    def get(self, name: str) -> Device:
        """The device of this name.

        Raises:
            UnknownDeviceError: there is none.
        """
        with self.database.view() as connection:
            return needed(connection, name)

    def of_serial(self, serial: str) -> Device | None:
        """The device whose board has this serial number, or None."""
        check_serial(serial)
        with self.database.view() as connection:
            row = connection.execute(f"{_SELECT} WHERE serial = ?", (serial,)).fetchone()
            return _device(connection, row) if row else None

    def devices(self, state: str | None = None) -> list[Device]:
        """All devices in a state, or all, by name."""
        with self.database.view() as connection:
            return list(_all(connection, state))

    def bind(self, name: str, serial: str, *, replace: bool = False) -> None:
        """The board with this serial number bears the name from now on.

        Args:
            name: the device.
            serial: the board's serial number.
            replace: the board that was there before is gone for good; otherwise another one is refused.

        Raises:
            RecordError: that is no serial number.
            UnknownDeviceError: no such device.
            DuplicateError: the board bears another name, or the name has another board.
        """
        check_serial(serial)
        with self.database.change() as connection:
            known = needed(connection, name)
            if known.serial not in {"", serial} and not replace:
                raise DuplicateError("has-board", device=name, serial=known.serial, found=serial)
            self._update(connection, known.name, "serial", serial)

    def reach(self, name: str, state: str, now_ms: int) -> Device:
        """The installation is as far as ``state`` now; one that is further already is left as it is.

        Raises:
            UnknownDeviceError: no such device.
            StateError: the device is revoked; or it has no certificate, and ``state`` needs one.
        """
        with self.database.change() as connection:
            known = needed(connection, name)
            if not known.certificates and WAY.index(state) >= WAY.index(ENROLLED):
                raise StateError("no-certificate", device=name, state=state)
            advance(connection, known, state, now_ms)
            return needed(connection, name)

    def certified(self, name: str, certificate: int, now_ms: int) -> Device:
        """A certificate with this serial number was issued to the device: it is enrolled.

        Raises:
            UnknownDeviceError: no such device.
            StateError: the device is revoked.
            DuplicateError: the certificate is another device's.
        """
        with self.database.change() as connection:
            known = needed(connection, name)
            if certificate not in known.certificates:
                try:
                    connection.execute(
                        "INSERT INTO certificates (name, serial) VALUES (?, ?)", (name, f"{certificate:x}")
                    )
                except sqlite3.IntegrityError:
                    raise DuplicateError("certificate-taken", serial=f"{certificate:x}") from None
            advance(connection, known, ENROLLED, now_ms)
            return needed(connection, name)

    def revoke(self, name: str, now_ms: int) -> tuple[int, ...]:
        """The device is out of service; the serial numbers of its certificates, which its authority is to revoke.

        Raises:
            UnknownDeviceError: no such device.
        """
        with self.database.change() as connection:
            known = needed(connection, name)
            connection.execute("DELETE FROM claims WHERE name = ?", (name,))
            if known.state != REVOKED:
                _enter(connection, name, REVOKED, now_ms)
            return known.certificates

    def renew(self, name: str, now_ms: int) -> None:
        """A revoked device begins anew as planned, with another board: the name stays with the place.

        Raises:
            UnknownDeviceError: no such device.
            StateError: it is not revoked.
            DuplicateError: another device has its address now.
        """
        with self.database.change() as connection:
            known = needed(connection, name)
            if known.state != REVOKED:
                raise StateError("not-revoked", device=name, state=known.state)
            self._update(connection, name, "serial", "")
            connection.execute("DELETE FROM times WHERE name = ?", (name,))
            connection.execute("DELETE FROM certificates WHERE name = ?", (name,))
            try:
                _enter(connection, name, PLANNED, now_ms)
            except sqlite3.IntegrityError:
                raise _taken(connection, "", known.address) from None

    def _insert(self, connection: sqlite3.Connection, device: Device, now_ms: int) -> None:
        values = [device.name, device.kind, device.serial, PLANNED]
        try:
            connection.execute(_INSERT, [*values, *_moved(device)])
        except sqlite3.IntegrityError:
            raise _taken(connection, device.serial, device.address) from None
        _enter(connection, device.name, PLANNED, now_ms)

    def _update(self, connection: sqlite3.Connection, name: str, column: str, value: object) -> None:
        try:
            connection.execute(f"UPDATE devices SET {column} = ? WHERE name = ?", (value, name))  # noqa: S608  as above
        except sqlite3.IntegrityError:
            serial, address = (value if column == taken else "" for taken in ("serial", "address"))
            raise _taken(connection, str(serial), str(address)) from None


def needed(connection: sqlite3.Connection, name: str) -> Device:
    """The device of this name, within a transaction.

    Raises:
        UnknownDeviceError: there is none.
    """
    found = _find(connection, name)
    if found is None:
        raise UnknownDeviceError("unknown", device=name[:80])
    return found


def advance(connection: sqlite3.Connection, known: Device, state: str, now_ms: int) -> None:
    """Bring a device as far as ``state``, within a transaction.

    Raises:
        StateError: it is revoked.
    """
    if known.state == REVOKED:
        raise StateError("revoked", device=known.name, state=state)
    if not known.has_reached(state):
        _enter(connection, known.name, state, now_ms)


def _find(connection: sqlite3.Connection, name: str) -> Device | None:
    row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    return _device(connection, row) if row else None


def _all(connection: sqlite3.Connection, state: str | None) -> Iterator[Device]:
    where, values = ("", ()) if state is None else (" WHERE state = ?", (state,))
    for row in connection.execute(f"{_SELECT}{where} ORDER BY name", values).fetchall():
        yield _device(connection, row)


def _device(connection: sqlite3.Connection, row: Sequence[object]) -> Device:
    found = dict(zip(_COLUMNS, row, strict=True))
    name = found["name"]
    times = connection.execute("SELECT state, at_ms FROM times WHERE name = ?", (name,)).fetchall()
    serials = connection.execute("SELECT serial FROM certificates WHERE name = ? ORDER BY number", (name,)).fetchall()
    place = Place(**{column: found.pop(column) for column in PLACE_FIELDS})  # type: ignore[arg-type]  # STRICT tables
    return Device(
        **found,  # type: ignore[arg-type]  # STRICT tables
        place=place,
        times=dict(sorted(times, key=lambda time: STATES.index(time[0]))),
        certificates=tuple(int(serial, 16) for (serial,) in serials),
    )


def _enter(connection: sqlite3.Connection, name: str, state: str, now_ms: int) -> None:
    connection.execute("UPDATE devices SET state = ? WHERE name = ?", (state, name))
    connection.execute("INSERT OR REPLACE INTO times (name, state, at_ms) VALUES (?, ?, ?)", (name, state, now_ms))


def _addressed(device: Device, known: Device | None) -> Device:
    """A planned device with the address that it is to have: one that is not told stays."""
    if device.address == DHCP:
        return replace(device, address="")
    return replace(device, address=device.address or (known.address if known else ""))


def _moved(device: Device) -> list[object]:
    """Where a device is: the values of ``_MOVED``."""
    return [*(getattr(device.place, column) for column in PLACE_FIELDS), device.address]


def _taken(connection: sqlite3.Connection, serial: str, address: str) -> DuplicateError:
    """Whose the serial number or the address is that was refused."""
    row = connection.execute("SELECT name FROM devices WHERE serial != '' AND serial = ?", (serial,)).fetchone()
    if row is not None:
        return DuplicateError("board-taken", serial=serial, owner=row[0])
    (owner,) = connection.execute(
        "SELECT name FROM devices WHERE address = ? AND state != 'revoked'", (address,)
    ).fetchone()
    return DuplicateError("address-taken", address=address, owner=owner)
