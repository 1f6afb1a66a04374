"""SQL about what a corrected statement took the place of (table `withdrawn`)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from recond.store import schema

gone = schema.withdrawn


def is_withdrawn(*when: ColumnElement[bool]) -> ColumnElement[bool]:
    """A line of the query's `bank_line` that a corrected statement does not repeat. `when`:
    further conditions on `withdrawn`."""
    line = schema.bank_line.c
    same = (gone.c.file_no == line.file_no) & (gone.c.ordinal == line.ordinal)
    return select(gone.c.withdrawn_no).where(same, *when).correlate(schema.bank_line).exists()


def is_replaced(file_no: ColumnElement[int], *when: ColumnElement[bool]) -> ColumnElement[bool]:
    """A file whose balances a corrected statement took the place of."""
    same = (gone.c.file_no == file_no) & gone.c.ordinal.is_(None)
    return select(gone.c.withdrawn_no).where(same, *when).correlate_except(gone).exists()


def replaced_by(connection: Connection, file_no: int) -> list[int]:
    """The earlier statements that this one took the place of: some of their lines may stand."""
    found: list[int] = []
    wanted = [file_no]
    while wanted:
        of = gone.c.by_file_no.in_(wanted) & gone.c.ordinal.is_(None)
        wanted = list(connection.scalars(select(gone.c.file_no).where(of).order_by(gone.c.file_no)))
        found += wanted
    return found
