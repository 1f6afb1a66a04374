"""A month's pack: made from the books while the month is open, frozen when it is closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from recond import periods
from recond.closing import Gate, checklist
from recond.errors import RefusedError
from recond.exports import monthend
from recond.exports.monthend import Pack, Packed
from recond.exports.statements import Month
from recond.ledger import closed_through
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.pastbooks import books_at


def month_of(
    connection: Connection,
    run: Run,
    month: str,
    gates: Sequence[Gate],
    as_of: dt.date | None = None,
) -> Month:
    """What the statements of a month are made from."""
    return Month(
        connection, month, periods.first_day(month), periods.last_day(month), run.chart,
        run.rules, gates, run.home.settings.unclaimed, run.home.settings.filing, run.calendar,
        as_of,
    )  # fmt: skip


def make(
    connection: Connection,
    run: Run,
    month: str,
    gates: Sequence[Gate],
    as_of: dt.date | None = None,
) -> Pack:
    """The pack of a month as the books stand."""
    return monthend.pack(month_of(connection, run, month, gates, as_of), run.home.settings.digest())


def export_month_end(run: Run, month: str, as_of: dt.date | None = None) -> tuple[Path, bool]:
    """Write the pack of a month into `exports/MONTH/`; returns the folder and whether the month
    is frozen. A closed month's pack is the one that was made when it was closed. `as_of`: as the
    books stood at the end of that day.

    Raises RefusedError for a month that has not begun, or that was closed with a later one and
    has no pack of its own.
    """
    folder = run.home.path / "exports" / month
    with run.store.read() as connection, books_at(connection, as_of):
        if periods.state(connection, month, run.today) == "future":
            raise RefusedError(f"{month} has not begun; nothing was written")
        closed = month <= closed_through(connection)
        if closed:
            files: tuple[Packed, ...] = frozen(connection, run, month)
        else:
            gates = checklist(connection, run, month, past=as_of is not None)
            files = make(connection, run, month, gates, as_of).files
    monthend.publish(files, folder)
    return folder, closed


def frozen(connection: Connection, run: Run, month: str) -> tuple[Packed, ...]:
    """The pack that a closed month was closed with."""
    change = schema.period_change.c
    digest = connection.scalar(
        select(change.pack_sha256)
        .where(change.month == month, change.action == "close")
        .order_by(change.change_no.desc())
        .limit(1)
    )
    if digest is None:
        raise RefusedError(
            f"{month} was closed together with a later month and has no pack of its own"
        )
    return monthend.frozen(digest, run.home.archive)


def close_month(
    connection: Connection, run: Run, month: str, gates: Sequence[Gate], who: periods.Who
) -> Pack:
    """Freeze the pack and lock the month, inside the caller's transaction: the pack stands in
    the archive before the lock is committed."""
    found = periods.state(connection, month, run.today)
    if found in {"closed", "future"}:
        raise RefusedError(f"{month} is {found}; nothing was written")
    made = make(connection, run, month, gates)
    wrong = [
        f"{statement.title}: {tie.says}"
        for statement in made.statements.values()
        for tie in statement.ties
        if tie.difference_cents
    ]
    if wrong:
        raise RefusedError(f"{month} cannot be closed, statements do not tie: {'; '.join(wrong)}")
    digest = monthend.freeze(made.files, run.home.archive)
    periods.close(connection, month, who, digest)
    return made
