"""Files that recond hands on: written complete, committed, named, read back; and asked about when
nobody answers them in time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, and_, func, select

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.exports import postings
from recond.money import format_cents
from recond.pipeline.expected import past
from recond.pipeline.run import Run
from recond.store import schema

FOLDER = "postings"
SETTLED = ("ACCEPTED", "DUPLICATE", "REJECTED")
ANSWER_BY = dt.time(9)  # of the next business day (domain E64)

outbox, ack, posted = schema.outbox, schema.acknowledgement, schema.posted_entry


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A posting file with postings that billing has not settled."""

    outbox_no: int
    file_id: str
    business_date: str
    rows: int
    settled: int
    total_cents: int


def export_postings(
    run: Run, as_of: dt.date | None = None, *, dry_run: bool = False
) -> postings.Written | None:
    """Write what no posting file holds yet; None when there is nothing new.

    A file that a crash left unfinished is finished first. `as_of`: only entries that were in the
    books at the end of that day. A dry run says what would be written.
    """
    day = as_of or run.today
    folder = run.home.path / "exports" / FOLDER
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        finish(run, folder)
    with run.store.read() as connection:
        entries = postings.fresh_entries(connection, day)
        if not entries:
            return None
        number = postings.next_number(connection)
        name = postings.file_id(number, [entry_id for _, entry_id in entries])
        path = folder / f"{name}.csv"
        numbers = [entry_no for entry_no, _ in entries]
        if dry_run:
            sums = postings.totals(connection, numbers, day)
            return postings.Written(name, path, sums.rows, sums.cents)
        waiting = postings.partial(path)
        sums, digest = postings.write(connection, waiting, name, numbers, day)
    written = postings.Written(name, path, sums.rows, sums.cents)
    with run.store.write() as connection:
        postings.record(
            connection, number, numbers, written, digest, day, run.clock(), run.actor
        )  # fmt: skip
    finish(run, folder)
    return written


def finish(run: Run, folder: Path) -> None:
    """Give committed files their names and read them back; see `postings.deliver`."""
    with run.store.write() as connection:
        postings.deliver(connection, folder)


def unanswered(connection: Connection) -> list[Unanswered]:
    """The posting files that billing has not answered in full, oldest first."""
    decision = schema.decision
    same = and_(decision.c.receipt_no == ack.c.receipt_no, decision.c.version == ack.c.version)
    answers = (
        select(posted.c.outbox_no, func.count().label("settled"))
        .select_from(ack)
        .join(decision, same)
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .where(ack.c.status.in_(SETTLED))
        .group_by(posted.c.outbox_no)
        .subquery()
    )
    settled = func.coalesce(answers.c.settled, 0)
    found = connection.execute(
        select(
            outbox.c.outbox_no, outbox.c.file_id, outbox.c.business_date, outbox.c.rows, settled,
            outbox.c.total_cents,
        )
        .outerjoin(answers, answers.c.outbox_no == outbox.c.outbox_no)
        .where(outbox.c.kind == "postings", outbox.c.rows > settled)
        .order_by(outbox.c.outbox_no)
    )  # fmt: skip
    return [Unanswered(*row) for row in found]


def ask_for_answers(connection: Connection, run: Run) -> None:
    """Ask about posting files that nobody answered in time, and close the questions about those
    that are answered by now."""
    if run.home.settings.acknowledgements == "none":
        return
    waiting = unanswered(connection)
    late = [one for one in waiting if _overdue(run, dt.date.fromisoformat(one.business_date))]
    questions = [
        Question(
            "ACK_MISSING",
            one.file_id,
            f"posting file {one.file_id} of {one.business_date} over"
            f" {format_cents(one.total_cents)}: {one.rows - one.settled} of {one.rows} postings"
            " are not answered by the billing system",
            one.total_cents,
        )
        for one in late
    ]
    desk = run.desk(connection)
    desk.open([question for question in questions if not _asked(connection, question)])
    open_ids = {exception_id("ACK_MISSING", one.file_id) for one in waiting}
    asked = schema.exception.c
    rows = connection.execute(
        select(asked.exception_no, asked.exception_id).where(
            asked.code == "ACK_MISSING", asked.status != "resolved"
        )
    )
    answered = [row.exception_no for row in rows if row.exception_id not in open_ids]
    desk.resolve(answered, "every posting of the file is answered")


def _asked(connection: Connection, question: Question) -> bool:
    """Whether it was asked before: somebody who acknowledged it is not asked again."""
    known = schema.exception.c
    wanted = exception_id(question.code, question.subject)
    found = select(known.exception_no).where(known.exception_id == wanted)
    return connection.scalar(found) is not None


def _overdue(run: Run, written: dt.date) -> bool:
    """Not answered by the morning of the next bank day."""
    return past(run, run.calendar.bank_day(written + dt.timedelta(days=1)), ANSWER_BY)
