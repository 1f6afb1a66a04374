"""The certificate of a month: its tie-outs, the files of the pack with their hashes, and lines for
the preparer and the reviewer. The core fonts of PDF know Latin letters only; any other letter is
written as its nearest one, or as a question mark.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from recond.exports.statements import Month, Statement

if TYPE_CHECKING:
    from recond.exports.monthend import Packed

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # fixed: the same books, the same bytes
FONT, LINE = "Helvetica", 5


def latin(text: str) -> str:
    """Text as the core fonts can write it."""
    folded = unicodedata.normalize("NFKD", text)
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    return plain.encode("latin-1", "replace").decode("latin-1")


def certificate(
    month: Month, statements: Mapping[str, Statement], files: Sequence[Packed]
) -> bytes:
    """The bytes of the certificate."""
    page = FPDF(format="letter")
    page.set_creation_date(CREATED)
    page.set_title(f"Month-end certificate {month.month}")
    page.set_auto_page_break(True, margin=18)
    page.add_page()
    page.set_font(FONT, "B", 15)
    _line(page, f"Month-end certificate {month.month}")
    page.set_font(FONT, size=9)
    _line(page, f"Entries dated up to {month.last.isoformat()}, by period.")
    _heading(page, "Tie-outs")
    for statement in statements.values():
        for tie in statement.ties:
            difference = tie.figure(tie.difference_cents)
            mark = "" if tie.difference_cents == 0 else "   DOES NOT TIE"
            _line(page, f"{statement.title}: {tie.says}")
            figures = f"{tie.figure(tie.left_cents)} - {tie.figure(tie.right_cents)}"
            _line(page, f"      {figures} = {difference}{mark}")
    _heading(page, "Files of the pack")
    page.set_font("Courier", size=7)
    for one in files:
        _line(page, f"{one.sha256}  {one.name}")
    page.set_font(FONT, size=10)
    _heading(page, "Signatures")
    for role in ("Prepared by", "Reviewed by"):
        page.ln(8)
        _line(page, f"{role} ______________________________     Date ______________")
    return bytes(page.output())


def _heading(page: FPDF, text: str) -> None:
    page.ln(3)
    page.set_font(FONT, "B", 11)
    _line(page, text)
    page.set_font(FONT, size=9)


def _line(page: FPDF, text: str) -> None:
    page.multi_cell(0, LINE, latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
