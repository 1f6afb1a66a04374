"""The certificate of a month: what it came to, its pictures, and lines for the preparer and the
reviewer on the first page; then every tie-out, and the files of the pack with their hashes. It
reads in black and white. The core fonts of PDF know Latin letters only; any other letter is written
as its nearest one, or as a question mark.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from recond.exports.pictures import Picture, pictures
from recond.exports.statements import Month, Statement, Tie
from recond.money import format_grouped

if TYPE_CHECKING:
    from recond.exports.monthend import Packed

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # fixed: the same books, the same bytes
FONT, LINE, MARGIN = "Helvetica", 12, 43  # points, of which an inch has 72
WIDE = 612 - 2 * MARGIN  # of letter paper
INK, PALE = 60, 235  # greys
MOST_BARS = 12  # of one picture; what is more stands in its statement
# What a month comes to: the total of each statement, in words.
KEY = {
    "daily_cash": "Receipts dated in the month",
    "returned_items": "Payments that came back",
    "refunds": "Refunds",
    "deposits_in_transit": "On the way to the bank",
    "bank_reconciliation": "In the bank, adjusted",
    "ar_roll_forward": "Receivables at the month's end",
    "unapplied_credit": "Credit of customers",
    "unidentified": "Money whose owner is not known",
}


def latin(text: str) -> str:
    """Text as the core fonts can write it."""
    folded = unicodedata.normalize("NFKD", text)
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    return plain.encode("latin-1", "replace").decode("latin-1")


class _Paper(FPDF):
    """Letter paper with a foot that says which month and page it is."""

    def __init__(self, month: str) -> None:
        super().__init__(unit="pt", format="letter")
        self.month = month
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, margin=51)
        self.set_creation_date(CREATED)
        self.set_title(f"Month-end certificate {month}")

    def footer(self) -> None:
        """The foot of each page."""
        self.set_y(-37)
        self.set_font(FONT, size=7)
        self.cell(WIDE // 2, LINE, f"Month end {self.month}")
        self.cell(WIDE // 2, LINE, f"Page {self.page_no()} of {{nb}}", align="R")


def certificate(
    month: Month, statements: Mapping[str, Statement], files: Sequence[Packed]
) -> bytes:
    """The bytes of the certificate."""
    paper = _Paper(month.month)
    paper.add_page()
    _front(paper, month, statements)
    _heading(paper, "Pictures")
    for picture in pictures(statements):
        _draw(paper, picture)
    paper.add_page()
    _ties(paper, statements)
    paper.add_page()
    _files(paper, files)
    return bytes(paper.output())


# --- the first page -------------------------------------------------------------------------------


def _front(paper: FPDF, month: Month, statements: Mapping[str, Statement]) -> None:
    paper.set_font(FONT, "B", 16)
    _line(paper, f"Month-end certificate {month.month}", 24)
    paper.set_font(FONT, size=9)
    _line(paper, f"Entries dated up to {month.last.isoformat()}, by period.")
    ties = [tie for one in statements.values() for tie in one.ties]
    wrong = sum(tie.difference_cents != 0 for tie in ties)
    if wrong:
        words = f"{wrong} of {len(ties)} tie-outs DO NOT TIE."
    else:
        words = f"All {len(ties)} tie-outs tie with a difference of 0.00."
    _line(paper, words)
    blocking = [gate.name for gate in month.gates if gate.blocks]
    if blocking:
        _line(paper, f"NOT READY TO CLOSE: {', '.join(blocking)} (close_checklist says what).")
    elif month.gates:
        _line(paper, f"All {len(month.gates)} gates of the close checklist are clear.")
    _heading(paper, "What the month came to")
    for name, says in KEY.items():
        paper.cell(170, LINE, says)
        paper.cell(85, LINE, format_grouped(statements[name].cents), align="R")
        paper.cell(WIDE - 255, LINE, f"   {name}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _heading(paper, "Signatures")
    for role in ("Prepared by", "Reviewed by"):
        paper.ln(14)
        _row(paper, (role, "", "Date", ""), (70, 240, 44, 126))
        low = paper.get_y()
        paper.line(MARGIN + 70, low, MARGIN + 296, low)
        paper.line(MARGIN + 356, low, MARGIN + 480, low)


def _draw(paper: FPDF, picture: Picture) -> None:
    """Bars from above, each with its name before it and its figure behind it."""
    bars = picture.bars[:MOST_BARS]
    if picture.counts:  # the most first
        bars = tuple(sorted(picture.bars, key=lambda bar: (-bar[1], bar[0]))[:MOST_BARS])
    paper.ln(6)
    if paper.will_page_break(LINE * (len(bars) + 2)):
        paper.add_page()
    paper.set_font(FONT, "B", 9)
    _line(paper, picture.title)
    paper.set_font(FONT, size=8)
    if not bars:
        _line(paper, "none")
    longest = max((abs(value) for _, value in bars), default=0)
    start, room = MARGIN + 165, WIDE - 165 - 85
    paper.set_fill_color(INK)
    for name, value in bars:
        top = paper.get_y()
        paper.set_x(MARGIN)
        paper.cell(160, LINE, latin(name), align="R")
        width = room * abs(value) // longest if longest else 0
        if width:
            style = "F" if value > 0 else "D"  # what is negative is drawn hollow
            paper.rect(start, top + 2, width, LINE - 4, style=style)
        paper.set_x(start + width + 2)
        text = str(value) if picture.counts else format_grouped(value)
        paper.cell(80, LINE, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    if len(picture.bars) > len(bars):
        _line(paper, f"and {len(picture.bars) - len(bars)} more")


# --- the pages behind it --------------------------------------------------------------------------

_TIE = (WIDE - 237, 79, 79, 79)


def _ties(paper: FPDF, statements: Mapping[str, Statement]) -> None:
    _heading(paper, "Tie-outs")
    _head(
        paper, ("Statement, and what it ties to", "Statement says", "Tied to", "Difference"), _TIE
    )
    for statement in statements.values():
        if not statement.ties:
            continue
        if paper.will_page_break(LINE * (len(statement.ties) + 1)):
            paper.add_page()
        paper.set_font(FONT, "B", 8)
        _line(paper, statement.title)
        for tie in statement.ties:
            _tie(paper, tie)


def _tie(paper: FPDF, tie: Tie) -> None:
    paper.set_font(FONT, size=8)
    figures = (tie.left_cents, tie.right_cents, tie.difference_cents)
    says = f"  {tie.says}"
    if paper.get_string_width(latin(says)) > _TIE[0] - 6:  # over the figures' own line
        _line(paper, says)
        says = ""
    if tie.difference_cents:
        paper.set_font(FONT, "B", 8)
        says = says or "  DOES NOT TIE"
    _row(paper, (says, *(tie.figure(value) for value in figures)), _TIE)
    if tie.difference_cents and says.strip() != "DOES NOT TIE":
        _line(paper, "  DOES NOT TIE")


def _files(paper: FPDF, files: Sequence[Packed]) -> None:
    _heading(paper, "Files of the pack")
    widths = (WIDE - 340, 50, 290)
    _head(paper, ("File", "Rows", "SHA-256"), widths)
    for one in files:
        paper.set_font(FONT, size=7)
        counted = f"{one.rows:,}" if one.name.endswith((".csv", ".parquet")) else ""
        _row(paper, (one.name, counted), widths[:2], last=False)
        paper.set_font("Courier", size=7)
        paper.cell(widths[2], LINE, f" {one.sha256}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _heading(paper: FPDF, text: str) -> None:
    paper.ln(9)
    paper.set_font(FONT, "B", 11)
    _line(paper, text, 17)
    paper.set_font(FONT, size=9)


def _head(paper: FPDF, cells: Sequence[str], widths: Sequence[int]) -> None:
    paper.set_font(FONT, "B", 8)
    paper.set_fill_color(PALE)
    _row(paper, cells, widths, fill=True)


def _row(
    paper: FPDF,
    cells: Sequence[str],
    widths: Sequence[int],
    *,
    fill: bool = False,
    last: bool = True,
) -> None:
    """Cells of one line: text to the left, every other one (figures) to the right."""
    for number, (text, width) in enumerate(zip(cells, widths, strict=True)):
        align = "R" if number else "L"
        paper.cell(width, LINE, latin(text), align=align, fill=fill)
    if last:
        paper.ln(LINE)


def _line(paper: FPDF, text: str, high: int = LINE) -> None:
    paper.multi_cell(0, high, latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
