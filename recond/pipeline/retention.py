"""How long the bytes of files are kept (domain E59).

A schedule says for a series of files how many years after the end of the fiscal year they are kept
at least, and at most; a legal hold stops disposal whatever the schedule says. What is disposed of
leaves the archive; its rows stay in the books, and a certificate names each file with its hash.
The certificate is committed first, then the bytes go: what a crash leaves goes with the next
disposal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, func, insert, select

from recond import durable
from recond.calendar import day_of_year
from recond.errors import RefusedError, UsageError
from recond.exports.outbox import Head, Kind, Sums
from recond.exports.writers import cells, csv_lines
from recond.ledger import closed_through, instant
from recond.pipeline import handover
from recond.pipeline.run import Run
from recond.sections import Retention
from recond.store import schema

file, hold, disposal = schema.file, schema.legal_hold, schema.disposal
KEPT, DISPOSABLE, OVERDUE, HELD, DISPOSED = "kept", "disposable", "overdue", "on hold", "disposed"
SETTLED = ("accepted", "rejected", "duplicate")
COLUMNS = ("file_id", "name", "inbox", "sha256", "size", "arrived", "series", "cite",
           "fiscal_year_end", "disposable_from", "reason")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """One file with its series (None: no schedule names it), the days between which it may and
    must go, and its state."""

    file_no: int
    file_id: str
    name: str
    inbox: str
    sha256: str
    size: int
    arrived: dt.date
    state: str
    series: str | None = None
    cite: str = ""
    fiscal_year_end: dt.date | None = None
    disposable_from: dt.date | None = None
    dispose_by: dt.date | None = None
    holds: tuple[str, ...] = field(default=())


def fiscal_end(day: dt.date, year_end: str) -> dt.date:
    """The last day of the fiscal year of a day; `year_end` is `MM-DD`."""
    end = day_of_year(day.year, year_end)
    return end if day <= end else day_of_year(day.year + 1, year_end)


def spans(day: dt.date, rule: Retention, year_end: str) -> tuple[dt.date, dt.date, dt.date | None]:
    """The end of a record's fiscal year, the day from which it may go, and the day by which it
    must be gone: the day after so many years."""
    end = fiscal_end(day, year_end)
    one = dt.timedelta(days=1)
    first = day_of_year(end.year + rule.years, year_end) + one
    if rule.most_years is None:
        return end, first, None
    return end, first, day_of_year(end.year + rule.most_years, year_end) + one


def schedule(connection: Connection, run: Run) -> list[Kept]:
    """Every file with what the schedule says of it, by arrival. Equal bytes are kept as long as
    the last arrival of them."""
    settings = run.home.settings
    held = holds(connection)
    gone = set(connection.scalars(select(disposal.c.file_no)))
    through = closed_through(connection)
    rows = connection.execute(
        select(file.c.file_no, file.c.file_id, file.c.name, file.c.inbox, file.c.sha256,
               file.c.size, file.c.business_date, file.c.state)
        .order_by(file.c.file_no)
    ).all()  # fmt: skip
    last: dict[str, dt.date] = {}
    for row in rows:
        day = dt.date.fromisoformat(row.business_date)
        last[row.sha256] = max(last.get(row.sha256, day), day)
    found = []
    for row in rows:
        rule = next(
            (r for r in settings.retention if not r.inboxes or row.inbox in r.inboxes), None
        )
        arrived = dt.date.fromisoformat(row.business_date)
        known = (row.file_no, row.file_id, row.name, row.inbox, row.sha256, row.size, arrived)
        if rule is None:
            found.append(Kept(*known, DISPOSED if row.file_no in gone else KEPT))
            continue
        end, first, by = spans(last[row.sha256], rule, settings.calendar.fiscal_year_end)
        why = tuple(h.reason for h in held if h.series == rule.series or h.file_no == row.file_no)
        settled = row.state in SETTLED and row.business_date[:7] <= through
        state = _state(run.today, row.file_no in gone, bool(why), settled, first, by)
        found.append(Kept(*known, state, rule.series, rule.cite, end, first, by, why))
    return found


def _state(
    today: dt.date, gone: bool, held: bool, settled: bool, first: dt.date, by: dt.date | None
) -> str:
    if gone:
        return DISPOSED
    if held:
        return HELD
    if today < first or not settled:
        return KEPT
    return OVERDUE if by is not None and today >= by else DISPOSABLE


# --- legal holds ----------------------------------------------------------------------------------


def holds(connection: Connection) -> Sequence[Row[Any]]:
    """The holds that are in force."""
    ended = select(hold.c.releases_no).where(hold.c.releases_no.is_not(None))
    query = select(hold).where(hold.c.releases_no.is_(None), hold.c.hold_no.not_in(ended))
    return connection.execute(query.order_by(hold.c.hold_no)).all()


def place_hold(
    connection: Connection, run: Run, series: str | None, file_id: str | None, reason: str
) -> int:
    """Stop the disposal of a series or of a file; the hold's number. Raises UsageError."""
    if (series is None) == (file_id is None):
        raise UsageError("a hold needs --series or --file, one of them")
    file_no = None
    if file_id is not None:
        file_no = connection.scalar(select(file.c.file_no).where(file.c.file_id == file_id))
        if file_no is None:
            raise UsageError(f"there is no file {file_id}")
    elif series not in {one.series for one in run.home.settings.retention}:
        raise UsageError(f"no [[retention]] is of the series {series!r}")
    return _add(connection, run, series=series, file_no=file_no, reason=reason)


def release(connection: Connection, run: Run, number: int, reason: str) -> int:
    """End a hold. Raises UsageError when it is not in force."""
    if number not in {row.hold_no for row in holds(connection)}:
        raise UsageError(f"there is no hold {number} in force")
    return _add(connection, run, releases_no=number, reason=reason)


def _add(connection: Connection, run: Run, **values: Any) -> int:
    number = int(connection.scalar(select(func.max(hold.c.hold_no))) or 0) + 1
    row = {
        "hold_no": number, "releases_no": None, "series": None, "file_no": None,
        "decided_by": run.actor, "decided_at": instant(run.clock()),
        "business_date": run.today.isoformat(), **values,
    }  # fmt: skip
    connection.execute(insert(hold), [row])
    return number


# --- disposal -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is disposed of, and why."""

    found: Sequence[Kept]
    reason: str
    columns: tuple[str, ...] = COLUMNS

    def names(self) -> list[str]:
        """The files and the reason."""
        return [self.reason, *(one.file_id for one in self.found)]

    def lines(self, _connection: Connection, _head: Head, sums: Sums) -> Iterator[bytes]:
        """A line a file."""
        told = {
            "size": [str(one.size) for one in self.found],
            "arrived": [one.arrived.isoformat() for one in self.found],
            "fiscal_year_end": [str(one.fiscal_year_end) for one in self.found],
            "disposable_from": [str(one.disposable_from) for one in self.found],
            "reason": [self.reason] * len(self.found),
        }
        columns = [told.get(name) or [getattr(one, name) for one in self.found] for name in COLUMNS]
        yield csv_lines([cells(pa.array(column, pa.string())) for column in columns], "\n")
        sums.rows += len(self.found)

    def remember(self, connection: Connection, number: int) -> None:
        """One row a file."""
        rows = [
            {"file_no": one.file_no, "outbox_no": number, "series": one.series,
             "sha256": one.sha256, "due_date": str(one.disposable_from)}
            for one in self.found
        ]  # fmt: skip
        connection.execute(insert(disposal), rows)


def dispose(run: Run, reason: str, *, dry_run: bool = False) -> tuple[Path | None, list[Kept]]:
    """Dispose of everything that may go: the certificate's path and the files.

    Raises RefusedError when the actor is no supervisor of this home.
    """
    from recond.exceptions.decisions.approvals import has_role  # noqa: PLC0415 - a cycle

    if not has_role(run.home.settings, run.actor, "supervisor", run.today):
        raise RefusedError(f"{run.actor} is no supervisor of this home; nothing was disposed of")
    with run.store.read() as connection:
        found = [k for k in schedule(connection, run) if k.state in {DISPOSABLE, OVERDUE}]
    content = Certificate(found, reason)

    def again(connection: Connection, row: Row[Any]) -> Certificate:
        mine = set(connection.scalars(
            select(disposal.c.file_no).where(disposal.c.outbox_no == row.outbox_no)
        ))  # fmt: skip
        kept = [one for one in schedule(connection, run) if one.file_no in mine]
        return Certificate(kept, row.layout)

    kind = Kind("disposals", "DC", again)
    written = handover.hand_on(
        run, kind, lambda *_: content if found else None, None, layout=reason, dry_run=dry_run
    )
    if not dry_run:
        _remove(run)
    return (written.path if written else None), found


def _remove(run: Run) -> None:
    """Take the bytes of what a certificate names out of the archive, unless another arrival of
    them is kept."""
    with run.store.read() as connection:
        gone = set(connection.scalars(select(disposal.c.sha256)))
        named = select(disposal.c.file_no)
        kept = set(connection.scalars(select(file.c.sha256).where(file.c.file_no.not_in(named))))
    for sha256 in sorted(gone - kept):
        path = run.archived(sha256)
        if path.exists():
            path.unlink()
            durable.fsync_folder(path.parent)
