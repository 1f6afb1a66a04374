"""A dataset as one worksheet, for sets of a size that people read: amounts are numbers, ids are
text, and nothing of clock or machine is in the file."""

from __future__ import annotations

import datetime as dt
from typing import Any, BinaryIO

import pyarrow as pa
import xlsxwriter

from recond.errors import RefusedError
from recond.exports.columns import AMOUNT
from recond.exports.workbook import CREATED, MONEY

MAX_ROWS = 1_048_575  # of a worksheet, below its header


def write_xlsx(batches: pa.RecordBatchReader, out: BinaryIO) -> int:
    """Write a header and every row; returns the number of rows. Raises RefusedError for more
    rows than a worksheet has."""
    options = {"constant_memory": True, "strings_to_numbers": False,
               "strings_to_formulas": False, "strings_to_urls": False}  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"created": CREATED})
    sheet = book.add_worksheet("data")
    styles = {
        "head": book.add_format({"bold": True, "bottom": 1}),
        "money": book.add_format({"num_format": MONEY}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "text": book.add_format({"num_format": "@"}),
    }
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    for number, name in enumerate(batches.schema.names):
        sheet.set_column(number, number, 18)
        sheet.write_string(0, number, name, styles["head"])
    rows = 0
    for batch in batches:
        # a worksheet is written cell by cell; there is no other way in
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            rows += 1
            if rows > MAX_ROWS:
                raise RefusedError(
                    f"a worksheet has {MAX_ROWS} rows at the most; narrow it with --from and"
                    " --to, or take csv or parquet"
                )
            for number, value in enumerate(values):
                _cell(sheet, rows, number, value, batch.schema.field(number).type, styles)
    book.close()
    return rows


def _cell(
    sheet: Any, row: int, column: int, value: Any, kind: pa.DataType, styles: dict[str, Any]
) -> None:
    if value is None:
        return
    if kind == AMOUNT:
        sheet.write_number(row, column, value, styles["money"])
    elif pa.types.is_integer(kind):
        sheet.write_number(row, column, value)
    elif pa.types.is_date(kind):
        at = dt.datetime.combine(value, dt.time())
        sheet.write_datetime(row, column, at, styles["date"])
    else:
        sheet.write_string(row, column, str(value), styles["text"])
