"""Audits of the registers, weekly, monthly and yearly: what was looked at, what was found, by whom
and when, written down for ever (domain 2.10, people who check people).

The report is in the archive under its hash before its row is committed; `exports/audits/` holds a
copy. What was found has to be explained: an audit with findings is refused without a note.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from recond import durable, periods
from recond.calendar import day_of_year
from recond.errors import RefusedError, UsageError
from recond.exceptions.decisions.approvals import has_role
from recond.ledger import instant
from recond.money import format_cents
from recond.pipeline.register_checks import CHECKS, Check, Registers
from recond.pipeline.retention import fiscal_end
from recond.pipeline.run import Run
from recond.store import schema

done = schema.register_audit
COLUMNS = ("check", "says", "looked_at", "found", "amount", "kind", "what")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at: the kind, the days, the checks."""

    kind: str
    first: dt.date
    last: dt.date
    checks: Sequence[Check]

    @property
    def looked(self) -> int:
        """How much was looked at."""
        return sum(one.looked for one in self.checks)

    @property
    def found(self) -> int:
        """How much has to be explained."""
        return sum(len(one.found) for one in self.checks)

    def report(self) -> bytes:
        """One row a check, then one for each thing that it found or lists."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in self.checks:
            amount = "" if one.cents is None else format_cents(one.cents)
            writer.writerow((one.name, one.says, one.looked, len(one.found), amount, "", ""))
            for kind, lines in (("found", one.found), ("listed", one.listed)):
                writer.writerows((one.name, "", "", "", "", kind, line) for line in lines)
        return out.getvalue().encode()


def days_of(kind: str, through: dt.date, year_end: str) -> tuple[dt.date, dt.date]:
    """The last whole week (Monday to Sunday), month or fiscal year that ended by a day. Raises
    UsageError for another kind."""
    if kind == "weekly":
        last = through - dt.timedelta(days=(through.weekday() + 1) % 7)
        return last - 6 * DAY, last
    if kind == "monthly":
        month = (through + DAY).isoformat()[:7]
        month = periods.month_before(month)
        return periods.first_day(month), periods.last_day(month)
    if kind == "yearly":
        end = fiscal_end(through, year_end)
        last = end if end == through else day_of_year(end.year - 1, year_end)
        return day_of_year(last.year - 1, year_end) + DAY, last
    raise UsageError(f"there is no {kind} audit; there are {', '.join(CHECKS)}")


def look(
    connection: Connection, run: Run, kind: str, through: dt.date, seed: str | None = None
) -> Audit:
    """Look at the registers of a week, a month or a year; nothing is written."""
    first, last = days_of(kind, through, run.home.settings.calendar.fiscal_year_end)
    books = Registers(connection, run, first, last, seed or f"{kind} {last}")
    return Audit(kind, first, last, [check(books) for check in CHECKS[kind]])


def record(connection: Connection, run: Run, audit: Audit, note: str | None) -> str:
    """Write down that an audit was done, inside the caller's transaction; its report's name.

    Raises RefusedError for somebody who is neither supervisor nor auditor, and for findings
    without a note.
    """
    settings = run.home.settings
    if not any(has_role(settings, run.actor, one, run.today) for one in ("supervisor", "auditor")):
        raise RefusedError(f"{run.actor} is neither supervisor nor auditor of this home")
    if audit.found and not note:
        raise RefusedError(
            f"{audit.found} things were found: --note says what was made of them; nothing was"
            " recorded"
        )
    number = int(connection.scalar(select(func.max(done.c.audit_no))) or 0) + 1
    data = audit.report()
    digest = sha256(data).hexdigest()
    folder = run.home.archive / digest[:2]
    folder.mkdir(parents=True, exist_ok=True)
    durable.publish(folder / digest, data, 0o440)
    row = {
        "audit_no": number, "kind": audit.kind, "first_date": audit.first.isoformat(),
        "last_date": audit.last.isoformat(), "business_date": run.today.isoformat(),
        "done_by": run.actor, "done_at": instant(run.clock()), "looked": audit.looked,
        "found": audit.found, "note": note, "sha256": digest,
    }  # fmt: skip
    connection.execute(insert(done), [row])
    return f"RA{number:06d}-{audit.kind}-{audit.last}.csv"


def publish(run: Run, name: str, audit: Audit) -> Path:
    """The copy of a recorded report in `exports/audits/`."""
    path = run.home.path / "exports" / "audits" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.publish(path, audit.report())
    return path


def recorded(connection: Connection) -> Sequence[Row[Any]]:
    """Every audit that was recorded, in order."""
    return connection.execute(select(done).order_by(done.c.audit_no)).all()


def due(connection: Connection, run: Run) -> list[tuple[str, dt.date, dt.date]]:
    """The weeks, months and years with money that ended before today, of which no audit is
    recorded: kind, first and last day, by kind."""
    start = connection.scalar(select(func.min(schema.file.c.business_date)))
    if start is None:
        return []
    year_end = run.home.settings.calendar.fiscal_year_end
    known = {(row.kind, row.last_date) for row in recorded(connection)}
    found: list[tuple[str, dt.date, dt.date]] = []
    for kind in CHECKS:
        waiting = []
        first, last = days_of(kind, run.today - DAY, year_end)
        while last.isoformat() >= start:
            if (kind, last.isoformat()) not in known:
                waiting.append((kind, first, last))
            first, last = days_of(kind, first - DAY, year_end)
        found += reversed(waiting)
    return found
