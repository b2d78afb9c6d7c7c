"""Rows of a table, whether it was saved as CSV or as XLSX: text by column, with the row's number as a person sees it."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from provisioning.errors import Cause, InputError, SetupError

MAX_BYTES = 16 * 1024 * 1024
MAX_ROWS = 100_000
MAX_COLUMNS = 100
MAX_CELL = 1000
DELIMITERS = ",;\t"

Row = tuple[int, list[str]]


def rows(file: Path) -> Iterator[Row]:
    """The rows that are not empty, the one with the columns' names first.

    Raises:
        InputError: it cannot be read, is too large, no table, or not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError("table-read", file=file, reason=Cause.of(error)) from None
    if len(content) > MAX_BYTES:
        raise InputError("table-read", file=file, reason=Cause("table-long"))
    zipped = content.startswith(b"PK\x03\x04")
    if file.suffix.lower() == ".xlsx" and not zipped:
        raise InputError("table-read", file=file, reason=Cause("no-xlsx"))
    found = _xlsx(content, file) if zipped else _csv(content, file)
    for number, cells in found:
        if number > MAX_ROWS:
            raise InputError("table-read", file=file, reason=Cause("table-rows"))
        if any(cells):
            yield number, cells[:MAX_COLUMNS]


def _csv(content: bytes, file: Path) -> Iterator[Row]:
    """Commas, semicolons or tabs, whichever the first line has most of; with or without a byte order mark."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("table-read", file=file, reason=Cause("not-utf8")) from None
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, [cell[: MAX_CELL + 1].strip() for cell in cells]
            before = reader.line_num
    except csv.Error as error:
        raise InputError("table-read", file=file, reason=f"line {reader.line_num}: {error}") from None


def _xlsx(content: bytes, file: Path) -> Iterator[Row]:
    """The first sheet. Numbers that a spreadsheet made of a room or a floor lose their ``.0``."""
    try:
        from openpyxl import load_workbook  # noqa: PLC0415  most tables are CSV
        from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415
    except ModuleNotFoundError:
        raise SetupError("needs", package="openpyxl") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > 20 * MAX_BYTES:
                raise InputError("table-read", file=file, reason=Cause("table-long"))
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True), 1):
            yield number, [_text(cell) for cell in cells]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError, SyntaxError):
        raise InputError("table-read", file=file, reason=Cause("no-xlsx")) from None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell)[: MAX_CELL + 1].strip()
