"""The sheet of charts in the month's workbook, each drawn from a small table beside it, black and
white so that it prints as it looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recond.exports.pictures import Picture, pictures
from recond.exports.statements import Statement

HIGH = 17  # rows that a chart takes
INK = "#404040"


def add_sheet(book: Any, styles: Mapping[str, Any], statements: Mapping[str, Statement]) -> None:
    """Ageing of receivables, receipts by channel, open questions by code."""
    sheet = book.add_worksheet("Charts")
    sheet.set_landscape()
    sheet.set_paper(1)
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 16)
    row = 0
    for picture in pictures(statements):
        row = _chart(book, sheet, styles, picture, row)


def _chart(book: Any, sheet: Any, styles: Mapping[str, Any], picture: Picture, row: int) -> int:
    """A table with its chart beside it, from a row on; the row below both."""
    style = styles["count" if picture.counts else "money"]
    sheet.write_string(row, 0, picture.title, styles["head"])
    for number, (name, value) in enumerate(picture.bars, row + 1):
        sheet.write_string(number, 0, name)
        sheet.write_number(number, 1, picture.figure(value), style)
    last = row + len(picture.bars)
    high = max(HIGH, len(picture.bars) + 2)
    if picture.bars:
        drawn = book.add_chart({"type": "bar" if picture.counts else "column"})
        drawn.add_series({
            "name": picture.title,
            "categories": ["Charts", row + 1, 0, last, 0],
            "values": ["Charts", row + 1, 1, last, 1],
            "fill": {"color": INK},
            "gap": 60,
        })  # fmt: skip
        drawn.set_title({"name": picture.title, "name_font": {"size": 12}})
        drawn.set_legend({"none": True})
        if picture.counts:  # from above, as the table beside it
            drawn.set_y_axis({"reverse": True, "interval_unit": 1})
        drawn.set_size({"width": 640, "height": 18 * high})
        sheet.insert_chart(row, 3, drawn)
    return row + high + 1
