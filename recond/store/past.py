"""Rows whose state changes: what they were before, and what they were at the end of a past day.

Money is only ever added, so its past is its rows; questions and files change their state, and
each change keeps the row as it was with the business date on which it ended.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, literal, select

from recond.store import schema


def keep_questions(connection: Connection, which: ColumnElement[bool], today: dt.date) -> None:
    """Keep the questions that are about to change (`which`: a condition on `exception`)."""
    _keep(connection, schema.exception, schema.exception_past, "exception_no", which, today)


def keep_file(connection: Connection, file_no: int, today: dt.date) -> None:
    """Keep a file whose state is about to change."""
    _keep(
        connection, schema.file, schema.file_past, "file_no", schema.file.c.file_no == file_no,
        today,
    )  # fmt: skip


def _keep(
    connection: Connection,
    table: Table,
    past: Table,
    key: str,
    which: ColumnElement[bool],
    today: dt.date,
) -> None:
    last = select(func.coalesce(func.max(past.c.change_no), 0)).where(past.c[key] == table.c[key])
    columns = [name for name in past.c.keys() if name not in {key, "change_no", "until_date"}]  # noqa: SIM118
    rows = select(
        table.c[key],
        last.scalar_subquery() + 1,
        literal(today.isoformat()),
        *(table.c[name] for name in columns),
    ).where(which)
    connection.execute(insert(past).from_select([key, "change_no", "until_date", *columns], rows))


def questions_at(day: dt.date | None) -> Any:
    """The table of questions, or what it was at the end of a day (None: now)."""
    if day is None:
        return schema.exception
    names = list(schema.exception.c.keys())
    return _at(schema.exception, schema.exception_past, "exception_no", names, day)


def files_at(day: dt.date | None) -> Any:
    """Number, state and message of every file, or what they were at the end of a day."""
    if day is None:
        return schema.file
    return _at(schema.file, schema.file_past, "file_no", ["file_no", "state", "message"], day)


def _at(table: Table, past: Table, key: str, names: list[str], day: dt.date) -> Any:
    later = past.c.until_date > day.isoformat()
    first = (
        select(past.c[key], func.min(past.c.change_no).label("change_no"))
        .where(later)
        .group_by(past.c[key])
        .subquery()
    )
    changed = select(*(past.c[name] for name in names)).join(
        first, (first.c[key] == past.c[key]) & (first.c.change_no == past.c.change_no)
    )
    same = select(*(table.c[name] for name in names)).where(
        table.c[key].not_in(select(past.c[key]).where(later))
    )
    return changed.union_all(same).subquery()
