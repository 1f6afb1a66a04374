"""Months: open until somebody closes them, and closed with every month before them.

A month is future, open, soft-closed, closed or reopened. Into a soft-closed month files and rules
date nothing any more, while people still correct it. What is closed never opens in between: only
the last closed month can be reopened, by two persons. The database refuses entries into closed
months (`store.triggers`); `Ledger` dates them on the business date instead (contract section 5).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select

from recond.errors import RefusedError, UsageError
from recond.ledger import closed_through, instant, shut_through, soft_through
from recond.store import schema

change = schema.period_change


@dataclass(frozen=True, slots=True)
class Who:
    """Who changes a month, when, on which business date, and why."""

    actor: str
    now: dt.datetime
    today: dt.date
    reason: str | None = None


def parse_month(text: str) -> str:
    """`YYYY-MM`. Raises UsageError for anything else."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise UsageError(f"{text!r} is no month; write it as 2026-03")
    return text


def first_day(month: str) -> dt.date:
    """The first day of a month."""
    return dt.date(int(month[:4]), int(month[5:]), 1)


def last_day(month: str) -> dt.date:
    """The last day of a month."""
    year, number = int(month[:4]), int(month[5:])
    return dt.date(year, number, calendar.monthrange(year, number)[1])


def month_before(month: str) -> str:
    """The month before."""
    return (first_day(month) - dt.timedelta(days=1)).isoformat()[:7]


def month_after(month: str) -> str:
    """The month after."""
    return (last_day(month) + dt.timedelta(days=1)).isoformat()[:7]


@dataclass(frozen=True, slots=True)
class Cutoff:
    """In which month a record stands, as the ledger dates entries: in that of its own date, and
    where that is `through` or earlier, or there is no date, in `late`, the month of the run (the
    first open one where the run's is closed too). It never moves, so each record stands in the
    pack of one month."""

    through: str  # the last month that nothing comes into; empty: none
    late: str

    def month(self, date: str | None) -> str:
        """The month of a record with this date of its own (an ISO date or month)."""
        own = (date or "")[:7]
        return own if own > self.through else self.late

    def months(self, dates: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        """The same for ISO dates."""
        own = pc.utf8_slice_codeunits(dates.cast(pa.string()), 0, 7)
        still = pc.fill_null(pc.greater(own, self.through), fill_value=False)
        return pc.if_else(still, own, self.late)


def cutoff(connection: Connection, actor: str, today: dt.date) -> Cutoff:
    """The cut-off of what an actor records on a business date."""
    through, late = shut_through(connection, actor, today), today.isoformat()[:7]
    return Cutoff(through, late if late > through else month_after(through))


def state(connection: Connection, month: str, today: dt.date) -> str:
    """future, open, soft-closed, closed or reopened."""
    if month <= closed_through(connection):
        return "closed"
    if month <= soft_through(connection):
        return "soft-closed"
    last = connection.scalar(
        select(change.c.action)
        .where(change.c.month == month, change.c.action != "ask_reopen")
        .order_by(change.c.change_no.desc())
        .limit(1)
    )
    if last == "reopen":
        return "reopened"
    return "future" if month > today.isoformat()[:7] else "open"


def close(connection: Connection, month: str, who: Who, pack_sha256: str | None) -> None:
    """Lock a month and every month before it. Raises RefusedError when it is closed or future."""
    found = state(connection, month, who.today)
    if found in {"closed", "future"}:
        raise RefusedError(f"{month} is {found}; nothing was written")
    soft = max(month, soft_through(connection))
    _add(connection, month, "close", (month, soft), who, pack_sha256)


def soft_close(connection: Connection, month: str, who: Who) -> None:
    """Let files and rules date nothing into a month and those before it any more. Raises
    RefusedError when it is soft-closed, closed or future."""
    found = state(connection, month, who.today)
    if found in {"closed", "soft-closed", "future"}:
        raise RefusedError(f"{month} is {found}; nothing was written")
    _add(connection, month, "soft_close", (closed_through(connection), month), who, None)


def reopen(connection: Connection, month: str, who: Who) -> bool:
    """Ask to reopen the last closed month, or do it when another person asked before.

    Returns whether it is open now. Raises RefusedError when the month is not the last closed one
    or the same person asks twice.
    """
    through = closed_through(connection)
    if month > through and month == soft_through(connection):
        _add(connection, month, "end_soft", (through, through), who, None)
        return True
    if month != through:
        which = f"the last closed month is {through}" if through else "no month is closed"
        raise RefusedError(f"{month} cannot be reopened: {which}")
    last = connection.execute(select(change).order_by(change.c.change_no.desc()).limit(1)).one()
    if last.action != "ask_reopen":
        _add(connection, month, "ask_reopen", (through, soft_through(connection)), who, None)
        return False
    if last.changed_by == who.actor:
        raise RefusedError(f"{who.actor} asked to reopen {month}; another person must agree")
    before = _closed_before(connection, month)
    _add(connection, month, "reopen", (before, before), who, None)
    return True


def _closed_before(connection: Connection, month: str) -> str:
    """What was closed before this month was."""
    closed = connection.execute(
        select(change.c.change_no)
        .where(change.c.month == month, change.c.action == "close")
        .order_by(change.c.change_no.desc())
        .limit(1)
    ).one()
    before = connection.scalar(
        select(change.c.closed_through)
        .where(change.c.change_no < closed.change_no)
        .order_by(change.c.change_no.desc())
        .limit(1)
    )
    return before or ""


def _add(
    connection: Connection,
    month: str,
    action: str,
    through: tuple[str, str],
    who: Who,
    pack: str | None,
) -> None:
    """`through`: the months up to which it is closed and soft-closed from now on."""
    last = connection.scalar(select(func.max(change.c.change_no))) or 0
    entry = connection.scalar(select(func.max(schema.entry.c.entry_no))) or 0
    row = {
        "change_no": last + 1,
        "month": month,
        "action": action,
        "closed_through": through[0],
        "soft_through": through[1],
        "last_entry": entry,
        "business_date": who.today.isoformat(),
        "changed_at": instant(who.now),
        "changed_by": who.actor,
        "reason": who.reason,
        "pack_sha256": pack,
    }
    connection.execute(insert(change), [row])
