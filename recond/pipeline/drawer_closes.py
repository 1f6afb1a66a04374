"""Which drawer closes are compared with their receipts, and closes that came before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, select

from recond.clearing.drawers import Count
from recond.money import format_cents
from recond.store import schema

close, session, file = schema.drawer_close, schema.drawer_session, schema.file.c


def to_compare(connection: Connection, days: set[str]) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Closes that were never compared, and those with receipts of `days` that came after.

    Of several for one drawer, cashier, day and bag the one that was compared first counts. Returns
    the closes that count, in the order in which they came, and those that do not with theirs.
    """
    done = and_(session.c.file_no == close.c.file_no, session.c.ordinal == close.c.ordinal)
    done &= session.c.version == 1
    rows = (
        select(close, file.file_id, file.name, session.c.version.is_not(None).label("done"))
        .join(schema.file, file.file_no == close.c.file_no)
        .outerjoin(session, done)
        .where(file.state.in_(("accepted", "partly_held")))
        .order_by(close.c.file_no, close.c.ordinal)
    )
    waiting = session.c.version.is_(None) | close.c.business_date.in_(days)
    chosen = connection.execute(rows.where(waiting)).all()
    of_days = close.c.business_date.in_({one.business_date for one in chosen})
    firsts: dict[tuple[str, ...], Any] = {}
    for row in sorted(connection.execute(rows.where(of_days)).all(), key=lambda row: not row.done):
        firsts.setdefault(_identity(row), row)
    pairs = [(one, firsts[_identity(one)]) for one in chosen]
    counting = [one for one, first in pairs if _key(one) == _key(first)]
    return counting, [pair for pair in pairs if _key(pair[0]) != _key(pair[1])]


def _identity(one: Any) -> tuple[str, ...]:
    return one.drawer, one.business_date, one.cashier or "", one.deposit_bag or ""


def _key(one: Any) -> tuple[int, int]:
    return one.file_no, one.ordinal


def conflict(one: Any, first: Any) -> tuple[str, int] | None:
    """What a close says otherwise than the one that came first, in words behind its name, and by
    how many cents its bag is larger; None where both say the same money."""
    count, before = (
        Count(row.opening_float_cents, row.counted_cash_cents, row.counted_checks_cents)
        for row in (one, first)
    )
    if count == before:
        return None
    words = (
        f"says {_said(count)}; it came before in {first.name}, line {first.line}, and said"
        f" {_said(before)}. The earlier close stands, this one moves nothing"
    )
    return words, count.deposit_cents - before.deposit_cents


def _said(count: Count) -> str:
    return (
        f"float {format_cents(count.float_cents)}, cash {format_cents(count.cash_cents)} and"
        f" checks {format_cents(count.checks_cents)}"
    )
