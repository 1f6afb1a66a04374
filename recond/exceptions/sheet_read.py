"""A work list that comes back, whatever a spreadsheet saved it as (clerk-sheet section 3.2).

xlsx, ods and xls are read by calamine, values only. CSV is read as bytes say: a byte order mark,
else UTF-8, else cp1252; the separator is the most frequent of comma, semicolon, tab and bar in
the header; `sep=` lines, CR, LF and CRLF are all fine. Columns are found by name, in any order.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import python_calamine

from recond.exceptions.answers import plain
from recond.exceptions.sheet import ANSWER, COLUMNS

MAX_BYTES = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_ROWS = 200_000
HEADER_ROWS = 30  # a header stands in one of the first rows
NEEDED = ("row_key", "action")
_ZIP, _OLE = b"PK\x03\x04", bytes.fromhex("D0CF11E0A1B11AE1")
_SEPARATORS = ",;\t|"


class SheetError(ValueError):
    """The file is no work list; its text is the sentence for the clerk."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with the number that it has in the file, and its cells by column name."""

    number: int
    cells: dict[str, str]


Cell = object


def read_sheet(data: bytes) -> list[SheetRow]:
    """The rows of a work list, blank ones left out.

    Raises SheetError when it is no spreadsheet or text, or has lost its header.
    """
    if len(data) > MAX_BYTES:
        raise SheetError(f"the file has {len(data)} bytes; work lists are smaller")
    if data.startswith((_ZIP, _OLE)):
        return _from_workbook(data)
    return _rows(_csv_rows(_decoded(data)))


# --- workbooks ------------------------------------------------------------------------------------


def _from_workbook(data: bytes) -> list[SheetRow]:
    if data.startswith(_ZIP):
        _check_zip(data)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        sheets = [
            book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
        ]
    except SheetError:
        raise
    except Exception as error:  # calamine's own errors have no common parent
        raise SheetError(f"the spreadsheet cannot be read: {error}") from error
    failure = SheetError("the file has no sheet")
    for sheet in sheets:
        try:
            return _rows(enumerate(sheet, 1))
        except SheetError as error:
            failure = error
    raise failure


def _check_zip(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile as error:
        raise SheetError("the spreadsheet is damaged or only half written") from error
    if size > MAX_UNPACKED:
        raise SheetError(f"the spreadsheet unpacks to {size} bytes; work lists are smaller")


def text_of(value: Cell) -> str:
    """A cell as text: whole numbers without a point, dates as ISO."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ") if value.time() != dt.time() else value.date().isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    text = str(value)
    return text.removesuffix(".0") if re.fullmatch(r"-?[0-9]{1,15}\.0", text) else text


# --- text -----------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
    ):  # fmt: skip
        if data.startswith(mark):
            return _strictly(data, encoding)
    if b"\0" in data:
        return _without_mark(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SheetError(f"the text is no whole {encoding}: {error.reason}") from error


def _without_mark(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of a header is zero."""
    even, odd = data[0:200:2].count(0), data[1:200:2].count(0)
    if len(data) % 2 == 0 and min(even, odd) == 0 and max(even, odd) > 20:
        return _strictly(data, "utf-16-le" if odd else "utf-16-be")
    raise SheetError("the file holds NUL bytes; it is neither text nor a spreadsheet")


def _csv_rows(text: str) -> Iterable[tuple[int, list[str]]]:
    first = re.match(r"\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n)", text, re.IGNORECASE)
    skipped = 0
    if first is not None:
        text, skipped = text[first.end() :], 1
        separator = first[1]
    else:
        separator = _separator(text)
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise SheetError(f"the text cannot be read as a table: {error}") from error
    if not text.endswith(("\n", "\r")):
        _whole(rows, quoted=text.endswith('"'))
    return enumerate(rows, 1 + skipped)


def _whole(rows: Sequence[Sequence[str]], *, quoted: bool) -> None:
    """Raise SheetError when a text without an end of line was cut in its last row: a cell is
    missing, or the last one, without the quote that ends it, is of a column in which half a cell
    says something else. Spreadsheets that write no last end of line write every cell."""
    heads = [row for row in rows if "row_key" in (plain(cell).lower() for cell in row)]
    if not heads or rows[-1] is heads[0]:
        return
    last = re.sub(r"[\s\-]+", "_", plain(heads[0][-1]).lower())
    half = not quoted and (last in NEEDED or last in ANSWER[:-1])
    if half or len(rows[-1]) < len(heads[0]):
        raise SheetError("the file ends in the middle of its last row: save it again, whole")


def _separator(text: str) -> str:
    """The most frequent separator of the line that holds the header."""
    for line in re.split(r"\r\n|\r|\n", text[: 1 << 20])[:HEADER_ROWS]:
        if "row_key" in line.lower():
            return max(_SEPARATORS, key=line.count)
    return ","


# --- rows -----------------------------------------------------------------------------------------


def _rows(lines: Iterable[tuple[int, Sequence[Cell]]]) -> list[SheetRow]:
    header: list[str] | None = None
    rows: list[SheetRow] = []
    for number, line in lines:
        cells = [text_of(cell) for cell in line]
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells)
            if header is None and number > HEADER_ROWS:
                break
            continue
        if len(rows) >= MAX_ROWS:
            raise SheetError(f"the file has more than {MAX_ROWS} rows")
        named = {name: cell for name, cell in zip(header, cells, strict=False) if name in COLUMNS}
        rows.append(SheetRow(number, named))
    if header is None:
        raise SheetError(
            "there is no row_key column: the header row was deleted or renamed, or this is"
            " another file. Take the work list again from queue/out/."
        )
    return rows


def _header(cells: Sequence[str]) -> list[str] | None:
    """Column names where the row is a header. Raises SheetError for half a header."""
    names = [re.sub(r"[\s\-]+", "_", plain(cell).lower()) for cell in cells]
    if "row_key" not in names:
        return None
    missing = [name for name in NEEDED if name not in names]
    twice = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
    if missing:
        raise SheetError(f"the column {missing[0]} was deleted or renamed")
    if twice:
        raise SheetError(f"the column {twice[0]} stands there twice")
    return names
