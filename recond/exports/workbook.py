"""The workbook of a month: a front sheet with every tie-out, then one sheet a statement.

Amounts are real numbers (negative in parentheses), ids are text, each sheet prints in landscape
to one page's width under its header row. Nothing of clock or machine is in the file.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import xlsxwriter

from recond.exports import charts
from recond.exports.columns import AMOUNT
from recond.exports.statements import Month, Statement

MONEY = "#,##0.00;[Red](#,##0.00);0.00"
MAX_ROWS = 100_000  # a longer statement is in its CSV and Parquet
CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - fixed: the same books, the same bytes


def workbook(month: Month, statements: Mapping[str, Statement]) -> bytes:
    """The bytes of the workbook."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False,
              "strings_to_urls": False}
    )  # fmt: skip
    book.set_properties({"title": f"Month end {month.month}", "created": CREATED})
    styles = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "figures": book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"}
        ),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "money": book.add_format({"num_format": MONEY}),
        "count": book.add_format({"num_format": "#,##0"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "text": book.add_format({"num_format": "@"}),
        "good": book.add_format({"font_color": "#006100"}),
        "bad": book.add_format({"bold": True, "font_color": "#9C0006", "bg_color": "#FFC7CE"}),
    }
    _front(book, styles, month, statements)
    charts.add_sheet(book, styles, statements)
    for name, statement in statements.items():
        _sheet(book, styles, name, statement)
    book.close()
    return out.getvalue()


def _page(sheet: Any) -> None:
    sheet.set_landscape()
    sheet.set_paper(1)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&A&RPage &P of &N")


def _front(
    book: Any, styles: dict[str, Any], month: Month, statements: Mapping[str, Statement]
) -> None:
    sheet = book.add_worksheet("Summary")
    _page(sheet)
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 70)
    sheet.set_column(2, 4, 18)
    sheet.write_string(0, 0, f"Month end {month.month}", styles["title"])
    heads = ("Statement", "Tie-out", "Statement says", "Tied to", "Difference")
    for column, head in enumerate(heads):
        sheet.write_string(2, column, head, styles["figures" if column > 1 else "head"])
    row = 3
    for statement in statements.values():
        for tie in statement.ties:
            sheet.write_string(row, 0, statement.title)
            sheet.write_string(row, 1, tie.says)
            style = styles["count"] if tie.counts else styles["money"]
            figures = (tie.left_cents, tie.right_cents, tie.difference_cents)
            left, right, value = figures if tie.counts else map(_figure, figures)
            sheet.write_number(row, 2, left, style)
            sheet.write_number(row, 3, right, style)
            sheet.write_formula(row, 4, f"=C{row + 1}-D{row + 1}", style, value)
            row += 1
    ok = {"type": "cell", "criteria": "==", "value": 0, "format": styles["good"]}
    wrong = {"type": "cell", "criteria": "!=", "value": 0, "format": styles["bad"]}
    if row > 3:
        sheet.conditional_format(3, 4, row - 1, 4, ok)
        sheet.conditional_format(3, 4, row - 1, 4, wrong)
    sheet.freeze_panes(3, 0)
    sheet.repeat_rows(2)


def _figure(cents: int) -> Decimal:
    """A number cell's value, with its two decimals."""
    return Decimal(cents).scaleb(-2)


def _money(sheet: Any, row: int, column: int, cents: int, style: Any) -> None:
    sheet.write_number(row, column, _figure(cents), style)


def _sheet(book: Any, styles: dict[str, Any], name: str, statement: Statement) -> None:
    sheet = book.add_worksheet(name[:31])
    _page(sheet)
    table = statement.table
    sheet.write_string(0, 0, statement.title, styles["title"])
    for number, column in enumerate(table.column_names):
        figures = table.schema.field(number).type == AMOUNT
        sheet.write_string(2, number, column, styles["figures" if figures else "head"])
        sheet.set_column(number, number, 16 if len(column) < 15 else 22)
    sheet.freeze_panes(3, 0)
    sheet.repeat_rows(2)
    if table.num_rows > MAX_ROWS:
        words = f"{table.num_rows} rows: they stand in {name}.csv and {name}.parquet"
        sheet.write_string(3, 0, words)
        return
    for number, column in enumerate(table.columns):
        _column(sheet, styles, number, column)
    last = 3 + table.num_rows
    if table.num_rows:
        sheet.autofilter(2, 0, last - 1, table.num_columns - 1)
    for number, field in enumerate(table.schema):
        if field.type == AMOUNT and table.num_rows:
            letter = xlsxwriter.utility.xl_col_to_name(number)
            known = [value for value in table.column(number).to_pylist() if value is not None]
            whole = sum(int(value.scaleb(2)) for value in known)
            formula = f"=SUM({letter}4:{letter}{last})"
            sheet.write_formula(last, number, formula, styles["money"], _figure(whole))


def _column(sheet: Any, styles: dict[str, Any], number: int, column: pa.ChunkedArray) -> None:
    for row, value in enumerate(column.to_pylist(), 3):
        if value is None:
            continue
        if column.type == AMOUNT:
            _money(sheet, row, number, int(value.scaleb(2)), styles["money"])
        elif pa.types.is_integer(column.type):
            sheet.write_number(row, number, value)
        elif pa.types.is_date(column.type):
            at = dt.datetime.combine(value, dt.time())
            sheet.write_datetime(row, number, at, styles["date"])
        else:
            sheet.write_string(row, number, str(value), styles["text"])
