"""The sheet of charts in the month's workbook: what people would rather look at than read. Each
chart is drawn from a small table beside it, and each table's figures are those of a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from recond.exports.statements import Statement

AGES = ("not_due", "days_0_30", "days_31_60", "days_61_90", "days_91_120", "over_120")
HIGH = 17  # rows that a chart takes


def add_sheet(book: Any, styles: Mapping[str, Any], statements: Mapping[str, Statement]) -> None:
    """Ageing of receivables, receipts by channel, open questions by code."""
    sheet = book.add_worksheet("Charts")
    sheet.set_landscape()
    sheet.set_paper(1)
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 16)
    ageing, cash = statements["ar_ageing"].table, statements["daily_cash"].table
    asked = statements["exception_ageing"].table
    owed = [(name.replace("_", " "), _sum(ageing[name].to_pylist())) for name in AGES]
    channels = _by(cash["channel"].to_pylist(), cash["amount"].to_pylist())
    codes = list(zip(asked["code"].to_pylist(), asked["questions"].to_pylist(), strict=True))
    row = 0
    for title, kind, style, pairs in (
        ("Receivables by days since due", "column", "money", owed),
        ("Receipts by channel", "column", "money", channels),
        ("Open questions by code", "bar", "count", codes),
    ):
        row = _chart(book, sheet, styles, (title, kind, style), pairs, row)


def _sum(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal("0.00"))


def _by(names: Sequence[str], amounts: Sequence[Decimal]) -> list[tuple[str, Decimal]]:
    sums: dict[str, Decimal] = {}
    for name, amount in zip(names, amounts, strict=True):
        sums[name] = sums.get(name, Decimal("0.00")) + amount
    return sorted(sums.items())


def _chart(
    book: Any,
    sheet: Any,
    styles: Mapping[str, Any],
    what: tuple[str, str, str],
    pairs: Sequence[tuple[str, Any]],
    row: int,
) -> int:
    """A table with its chart beside it, from a row on; the row below both."""
    title, kind, style = what
    sheet.write_string(row, 0, title, styles["head"])
    for number, (name, value) in enumerate(pairs, row + 1):
        sheet.write_string(number, 0, name)
        sheet.write_number(number, 1, value, styles[style])
    last = row + len(pairs)
    if pairs:
        drawn = book.add_chart({"type": kind})
        drawn.add_series({
            "name": title,
            "categories": ["Charts", row + 1, 0, last, 0],
            "values": ["Charts", row + 1, 1, last, 1],
            "fill": {"color": "#1F4E79"},
        })  # fmt: skip
        drawn.set_title({"name": title, "name_font": {"size": 12}})
        drawn.set_legend({"none": True})
        drawn.set_size({"width": 640, "height": 300})
        sheet.insert_chart(row, 3, drawn)
    return row + max(HIGH, len(pairs) + 2)
