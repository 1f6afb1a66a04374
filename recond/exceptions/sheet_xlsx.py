"""The work list as a workbook: text cells, locked evidence, tinted columns for the clerk.

Protection without a password prevents accidents; what must not be changed is proved by `check`.
Everything that the library would take from the clock is fixed, so the same rows are the same
bytes.
"""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from recond.exceptions import sheet
from recond.exceptions.sheet_help import README

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
WIDTHS = {"reason_text": 60, "suggest_1_why": 50, "note": 40, "to_account": 32, "payer": 26}
WIDTH = 18
MOST_CHARACTERS = 32_767  # of one cell
LIST_SHEET = "Lists"


def workbook(rows: pa.Table, stem: str) -> bytes:
    """The rows of a work list (SHEET) as .xlsx; `stem` goes into the property `recond_batch`."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"created": CREATED, "title": stem, "author": "recond"})
    book.set_custom_property("recond_batch", stem)
    readme, page = book.add_worksheet("READ-ME"), book.add_worksheet("Work list")
    lists = book.add_worksheet(LIST_SHEET)
    _readme(book, readme)
    places = _lists(lists, sorted(set(rows["allowed_actions"].to_pylist())))
    _page(book, page, rows, places)
    page.activate()
    lists.hide()
    book.close()
    return out.getvalue()


def _readme(book: xlsxwriter.Workbook, page: Worksheet) -> None:
    wrap = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    page.set_column(0, 0, 110)
    for number, line in enumerate(README):
        page.write_string(number, 0, line, wrap)
    page.protect()


def _lists(page: Worksheet, kinds: list[str]) -> dict[str, str]:
    """Each set of allowed actions as a column of a hidden sheet; where each stands."""
    places = {}
    for column, kind in enumerate(kinds):
        actions = kind.split()
        for row, action in enumerate(actions):
            page.write_string(row, column, action)
        name = xlsxwriter.utility.xl_col_to_name(column, True)
        places[kind] = f"={LIST_SHEET}!{name}$1:{name}${len(actions)}"
    return places


def _page(
    book: xlsxwriter.Workbook, page: Worksheet, rows: pa.Table, places: dict[str, str]
) -> None:
    head = book.add_format({"bold": True, "num_format": "@", "bottom": 1})
    locked = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
    answer = book.add_format(
        {"num_format": "@", "locked": False, "bg_color": "#FFF7D6", "valign": "top",
         "text_wrap": True, "border": 1, "border_color": "#D9D2B0"}
    )  # fmt: skip
    names = rows.column_names
    for column, name in enumerate(names):
        page.set_column(column, column, WIDTHS.get(name, WIDTH))
        page.write_string(0, column, name, head)
        _column(page, column, sheet.guarded(name, rows[name].combine_chunks()),
                answer if name in sheet.ANSWER else locked)  # fmt: skip
    action = names.index("action")
    for row, kind in enumerate(rows["allowed_actions"].to_pylist(), 1):
        page.data_validation(
            row, action, row, action,
            {"validate": "list", "source": places[kind], "error_title": "recond",
             "error_message": "This question does not take that answer."},
        )  # fmt: skip
    page.freeze_panes(1, 2)
    page.autofilter(0, 0, rows.num_rows, len(names) - 1)
    page.protect(
        "", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True}
    )


def _column(page: Worksheet, column: int, cells: pa.Array, kind: Format) -> None:
    for row, cell in enumerate(cells.to_pylist(), 1):
        if cell:
            page.write_string(row, column, cell[:MOST_CHARACTERS], kind)
        else:
            page.write_blank(row, column, None, kind)
