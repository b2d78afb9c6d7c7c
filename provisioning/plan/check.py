"""A table of devices as devices: every problem of every row, or all of them good. Pure but for reading the file."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

from provisioning.addresses import Addressing
from provisioning.errors import InputError
from provisioning.inventory.errors import RecordError
from provisioning.inventory.record import DHCP, PLACE_FIELDS, Device, Place
from provisioning.messages import text
from provisioning.plan.table import MAX_CELL, Row, rows

NEEDED = ("name", "kind", "room")
UNIQUE = ("name", "serial", "address")
COLUMNS = ("name", "kind", "serial", "address", *PLACE_FIELDS)
GOOD = {"name": "good", "kind": "good"}
DEGREES = ("latitude", "longitude")
MAX_DEVICES = 10_000
MAX_PROBLEMS = 200


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong in one cell; ``key`` of a table of the catalogue says it in words."""

    row: int
    column: str
    key: str
    facts: dict[str, object]
    table: str = "row"

    def told(self, language: str) -> str:
        """In words."""
        problem = text(language, f"{self.table}.{self.key}", **self.facts)
        return text(language, "row.place", row=self.row, column=self.column, problem=problem)


class TableError(InputError):
    """The table has problems. Nothing was touched."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        super().__init__("table-problems", file=file, count=len(problems))
        self.problems = problems

    def told(self, language: str) -> str:
        """All of them, each with its row and column."""
        return "\n".join([super().told(language), *(f"  {one.told(language)}" for one in self.problems)])


def read(file: Path, kinds: Collection[str], addressing: Addressing | None = None) -> list[Device]:
    """The devices of a table, in its order.

    Args:
        file: CSV or XLSX, its first row the columns' names.
        kinds: that devices can be.
        addressing: which addresses they can have; None where the networks are not known yet.

    Raises:
        TableError: with all problems of all rows, as far as there are not hundreds.
        InputError: it is no table.
    """
    found = rows(file)
    head = next(found, None)
    problems: list[Problem] = []
    if head is None:
        raise TableError(file, [Problem(1, "name", "empty-table", {})])
    columns = _columns(head, problems)
    if problems:
        raise TableError(file, problems)
    devices: list[Device] = []
    seen: dict[tuple[str, str], int] = {}
    number = head[0]
    for number, cells in found:
        values = {name: cells[at] for name, at in columns.items() if at < len(cells)}
        values["address"] = values.get("address", "").lower()
        before = len(problems)
        _check(number, values, kinds, seen, problems)
        device = _device(number, values, addressing, problems)
        if device is not None and len(problems) == before:
            devices.append(device)
        if len(problems) >= MAX_PROBLEMS:
            break
        if len(devices) > MAX_DEVICES:
            problems.append(Problem(number, "name", "many", {"most": MAX_DEVICES}))
            break
    if not devices and not problems:
        problems.append(Problem(number, "name", "empty-table", {}))
    if problems:
        raise TableError(file, problems)
    return devices


def _columns(head: Row, problems: list[Problem]) -> dict[str, int]:
    number, cells = head
    columns: dict[str, int] = {}
    for at, cell in enumerate(cells):
        name = cell.lower()
        if not name:
            continue
        if name not in COLUMNS:
            problems.append(Problem(number, cell[:40], "unknown-column", {"known": ", ".join(COLUMNS)}))
        elif name in columns:
            problems.append(Problem(number, name, "duplicate-column", {}))
        columns[name] = at
    problems += [Problem(number, name, "missing", {}) for name in NEEDED if name not in columns]
    return columns


def _check(
    number: int,
    values: dict[str, str],
    kinds: Collection[str],
    seen: dict[tuple[str, str], int],
    problems: list[Problem],
) -> None:
    """What a record does not check itself: what is needed, what is unique, what boards there are, what is a number."""
    found: list[tuple[str, str, dict[str, object]]] = []
    found += [(column, "empty", {}) for column in NEEDED if not values.get(column)]
    for column in UNIQUE:
        value = values.get(column, "")
        if value not in {"", DHCP} and (first := seen.setdefault((column, value), number)) != number:
            found.append((column, "twice", {"value": value[:63], "first": first}))
    kind = values.get("kind", "")
    if kind and kind not in kinds:
        found.append(("kind", "unknown-kind", {"value": kind[:40], "known": ", ".join(sorted(kinds))}))
    texts = [(column, values[column]) for column in DEGREES if values.get(column)]
    found += [(column, "number", {"value": value[:40]}) for column, value in texts if _degrees(value) is None]
    found += [(column, "long", {"most": MAX_CELL}) for column, value in values.items() if len(value) > MAX_CELL]
    problems += [Problem(number, *one) for one in found]


def _device(
    number: int, values: dict[str, str], addressing: Addressing | None, problems: list[Problem]
) -> Device | None:
    """The record, or what is wrong with it: a record tells the first of its fields that is wrong, which is then taken for good."""
    known = {(one.row, one.column) for one in problems}
    fields: dict[str, object] = {name: values.get(name, "") for name in COLUMNS}
    fields |= {name: _degrees(values.get(name, "")) for name in DEGREES}
    wrong = False
    for _field in COLUMNS:
        try:
            place = Place(**{name: fields[name] for name in PLACE_FIELDS})  # type: ignore[arg-type]  # checked by itself
            name, serial, address = (str(fields[column]) for column in UNIQUE)
            device = Device(name, str(fields["kind"]), serial, place, address)
            if addressing is not None and device.address and (number, "kind") not in known:
                addressing.check(device.kind, device.address)
        except RecordError as error:
            wrong = True
            if (number, error.field) not in known:
                problems.append(Problem(number, error.field, error.key, error.facts, RecordError.table))
            if error.field in DEGREES:
                fields |= dict.fromkeys(DEGREES)
            else:
                fields[error.field] = GOOD.get(error.field, "")
        else:
            return None if wrong else device
    return None


def _degrees(value: str) -> float | None:
    """Degrees, with a point or a comma before the fraction."""
    try:
        return float(value.replace(",", ".")) if value else None
    except ValueError:
        return None
