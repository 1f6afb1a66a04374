"""Files that have to come: which days of them are received, expected, late, missing or waived.

`[[expect]]` names a file of an inbox and its days. A file is of the days that its contents speak
of (statements, deposits, closes of drawers); one without such days is of the day it arrived. A
day that is not met by its time is asked about; who acknowledges the question, with a reason,
waives the day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import Connection, select, union_all

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.pipeline.run import Run
from recond.sections import Expectation
from recond.store import schema

CODE = "FILE_MISSING"
RECEIVED, EXPECTED, LATE, MISSING, WAIVED = "received", "expected", "late", "missing", "waived"
file = schema.file


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an expected file, and the day by whose time it is due."""

    name: str
    inbox: str
    day: dt.date
    due: dt.date
    by: dt.time
    state: str

    @property
    def words(self) -> str:
        """What a person reads."""
        return f"{self.name} of {self.day} is {self.state} (due {self.due} {self.by:%H:%M})"

    @property
    def subject(self) -> str:
        """What its question is about."""
        return f"{self.name}/{self.day}"


def days(connection: Connection, run: Run, last: dt.date | None = None) -> list[Day]:
    """Every expected day up to `last` (today), oldest first."""
    wanted = run.home.settings.expect
    until = last or run.today
    if not wanted:
        return []
    known = _questions(connection)
    found: list[Day] = []
    for one in wanted:  # days of a few files, never payments
        came = _came(connection, one)
        for day in _days(run, one, until):
            due = run.calendar.bank_day(day, one.after_days)
            if day in came:
                state = RECEIVED
            elif known.get(exception_id(CODE, f"{one.name}/{day}")) == "resolved":
                state = WAIVED
            else:
                state = _state(run, due, one.by)
            found.append(Day(one.name, one.inbox, day, due, one.by, state))
    return sorted(found, key=lambda one: (one.day, one.name))


def _days(run: Run, one: Expectation, until: dt.date) -> Iterator[dt.date]:
    day = one.begin
    while day <= until:
        works = one.days == "every" or day == (
            run.calendar.office_day(day) if one.days == "office" else run.calendar.bank_day(day)
        )
        if works:
            yield day
        day += dt.timedelta(days=1)


def _state(run: Run, due: dt.date, by: dt.time) -> str:
    if not past(run, due, by):
        return EXPECTED
    return MISSING if past(run, run.calendar.bank_day(due + dt.timedelta(days=1)), by) else LATE


def past(run: Run, day: dt.date, time: dt.time) -> bool:
    """Whether a time of a business date has passed. Of today by the office's clock, where today is
    the clock's own day; of another day (`--as-of`) the clock says nothing: its times pass when it
    is over, so that the same files give the same questions at whatever hour they are processed."""
    now = run.clock().astimezone(run.home.settings.zone)
    if run.today != day or now.date() != day:
        return run.today > day
    return now.time() >= time


def _came(connection: Connection, one: Expectation) -> set[dt.date]:
    """The days of the files that came; of one that is held, the day it arrived."""
    rows = connection.execute(
        select(file.c.file_no, file.c.name, file.c.business_date)
        .where(file.c.inbox == one.inbox, file.c.state != "rejected",
               file.c.business_date >= one.begin.isoformat())
        .order_by(file.c.file_no)
    ).all()  # fmt: skip
    arrived = {
        row.file_no: row.business_date
        for row in rows
        if fnmatchcase(row.name.casefold(), one.files.casefold())
    }
    statement, deposit, close = schema.statement.c, schema.deposit.c, schema.drawer_close.c
    spoken = union_all(
        select(statement.file_no, statement.as_of_date.label("day")),
        select(deposit.file_no, deposit.business_date).where(deposit.kind != "return"),
        select(close.file_no, close.business_date),
    ).subquery()
    own = connection.execute(
        select(spoken.c.file_no, spoken.c.day)
        .join(file, file.c.file_no == spoken.c.file_no)
        .where(file.c.inbox == one.inbox, file.c.business_date >= one.begin.isoformat())
    )
    told: dict[int, set[str]] = {}
    for file_no, day in own:
        told.setdefault(file_no, set()).add(day)
    made = (told.get(number, {day}) for number, day in arrived.items())
    return {dt.date.fromisoformat(day) for each in made for day in each}


def _questions(connection: Connection) -> dict[str, str]:
    asked = schema.exception.c
    rows = connection.execute(select(asked.exception_id, asked.status).where(asked.code == CODE))
    return {row.exception_id: row.status for row in rows}


def ask(connection: Connection, run: Run) -> None:
    """Ask about days whose time has passed, and close the questions about those that came."""
    found = days(connection, run)
    if not found:
        return
    known, desk = _questions(connection), run.desk(connection)
    late = [one for one in found if one.state in {LATE, MISSING}]
    desk.open(
        [
            Question(
                CODE, one.subject,
                f"{one.name} of {one.day} was due in inbox/{one.inbox} by {one.due}"
                f" {one.by:%H:%M} and did not come; ask its sender, or acknowledge that there is"
                " none",
            )
            for one in late
            if exception_id(CODE, one.subject) not in known
        ]
    )  # fmt: skip
    came = {exception_id(CODE, one.subject) for one in found if one.state == RECEIVED}
    asked = schema.exception.c
    rows = connection.execute(
        select(asked.exception_no, asked.exception_id).where(
            asked.code == CODE, asked.status != "resolved"
        )
    )
    desk.resolve([row.exception_no for row in rows if row.exception_id in came], "the file came")
