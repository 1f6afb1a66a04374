"""Lines of bank statements with an identity of their own are kept once, on both databases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from sqlalchemy import insert, select

from recond.model import BANK_LINES
from recond.periods import Cutoff
from recond.pipeline.statement_lines import Kept, keep_lines
from recond.store import schema
from recond.store.engine import Store

LINE = schema.bank_line
OPEN = Cutoff("", "2026-03")


def line(ordinal: int, cents: int, line_id: str | None, **more: Any) -> dict[str, Any]:
    return {
        "ordinal": ordinal, "line": ordinal, "byte_offset": 0, "byte_length": 1,
        "bank_account": "4711", "value_date": dt.date(2026, 3, 16), "type_code": "CREDIT",
        "amount_cents": cents, "reference": line_id, "same_day": False, "line_id": line_id, **more,
    }  # fmt: skip


def keep(store: Store, file_no: int, *rows: dict[str, Any]) -> Kept:
    with store.write() as connection:
        known = connection.scalar(select(schema.file.c.file_no).where(
            schema.file.c.file_no == file_no))  # fmt: skip
        if known is None:
            connection.execute(
                insert(schema.file).values(
                    file_no=file_no,
                    file_id=f"F{file_no}",
                    inbox="bank",
                    name="x",
                    sha256=str(file_no),
                    size=1,
                    arrived_at="",
                    business_date="",
                    period="2026-03",
                    posted_by="recond",
                    state="accepted",
                    message="",
                )
            )
        table = pa.Table.from_pylist(list(rows), schema=BANK_LINES)
        return keep_lines(connection, OPEN, file_no, f"F{file_no}", table)


def kept(store: Store) -> list[tuple[int, int, int, int]]:
    with store.read() as connection:
        columns = (LINE.c.file_no, LINE.c.ordinal, LINE.c.amount_cents, LINE.c.same_day)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns[:2]))]


def test_an_overlapping_download_brings_only_what_is_new(store: Store) -> None:
    assert keep(store, 1, line(1, 10400, "A"), line(2, 8365, "B")) == Kept(2, 0, ())
    again = keep(store, 2, line(1, 8365, "B"), line(2, 188, "C"))
    assert again == Kept(1, 1, ())
    assert kept(store) == [(1, 1, 10400, 0), (1, 2, 8365, 0), (2, 2, 188, 0)]


def test_another_content_is_shown_and_asked_about_and_then_known(store: Store) -> None:
    keep(store, 1, line(1, 10400, "A"))
    changed = keep(store, 2, line(1, 10500, "A"))
    (question,) = changed.questions
    assert (question.code, question.amount_cents) == ("BANK_LINE_CONFLICT", 10500)
    assert "105.00" in question.message
    assert kept(store) == [(1, 1, 10400, 0), (2, 1, 10500, 1)]
    assert keep(store, 3, line(1, 10500, "A")) == Kept(0, 1, ())


def test_a_missing_text_is_content_too(store: Store) -> None:
    keep(store, 1, line(1, 10400, "A", text=None))
    assert keep(store, 2, line(1, 10400, "A", text=None)).skipped == 1
    assert len(keep(store, 3, line(1, 10400, "A", text="WATER")).questions) == 1


def test_lines_without_identity_and_of_other_accounts_are_their_own(store: Store) -> None:
    keep(store, 1, line(1, 10400, None), line(2, 10400, "A"))
    other = keep(store, 2, line(1, 10400, None), line(2, 10400, "A", bank_account="4712"))
    assert other == Kept(2, 0, ())


def test_lines_of_one_file_never_hide_each_other(store: Store) -> None:
    """A file may come in chunks; what repeats inside one is told by its grammar."""
    keep(store, 1, line(1, 10400, "A"))
    assert keep(store, 1, line(2, 10400, "A")) == Kept(1, 0, ())
