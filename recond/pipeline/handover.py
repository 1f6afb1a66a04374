"""Files that recond hands on: written complete, committed, named, read back; and asked about when
nobody answers them in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, and_, func, select

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.exports import collections, journals, outbox, postings, refunds, unclaimed
from recond.exports.postings import POSTINGS
from recond.money import format_cents
from recond.pipeline.expected import past
from recond.pipeline.run import Run
from recond.store import schema

SETTLED = ("ACCEPTED", "DUPLICATE", "REJECTED")
ANSWER_BY = dt.time(9)  # of the next business day (domain E64)

files, ack, posted = schema.outbox, schema.acknowledgement, schema.posted_entry


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
) -> outbox.Written | None:
    """Write what no posting file holds yet; None when there is nothing new.

    `as_of`: only entries that were in the books at the end of that day. A dry run says what
    would be written.
    """
    return hand_on(run, POSTINGS, postings.fresh, as_of, dry_run=dry_run)


def export_refunds(
    run: Run, as_of: dt.date | None = None, *, dry_run: bool = False
) -> outbox.Written | None:
    """Write the refunds that accounts payable was not asked for yet; as `export_postings`."""

    def fresh(connection: Connection, day: dt.date) -> outbox.Content | None:
        return refunds.fresh(connection, day, run.chart)

    kind = outbox.Kind("refunds", "RF", lambda c, row: refunds.again(c, row, run.chart))
    return hand_on(run, kind, fresh, as_of, dry_run=dry_run)


def export_letters(
    run: Run, as_of: dt.date | None = None, *, dry_run: bool = False
) -> outbox.Written | None:
    """Write the letters to owners of unclaimed credit that are due; as `export_postings`."""
    rules = run.home.settings.unclaimed

    def fresh(connection: Connection, day: dt.date) -> outbox.Content | None:
        return unclaimed.fresh(connection, day, rules)

    kind = outbox.Kind("letters", "LT", lambda c, row: unclaimed.again(c, row, rules))
    return hand_on(run, kind, fresh, as_of, dry_run=dry_run)


COLLECTIONS = outbox.Kind("collections", "CA", collections.again)


def export_collections(
    run: Run, as_of: dt.date | None = None, *, dry_run: bool = False
) -> outbox.Written | None:
    """Write what the collection agency was not told of yet; as `export_postings`."""
    return hand_on(run, COLLECTIONS, collections.fresh, as_of, dry_run=dry_run)


def export_journals(
    run: Run, layout: str, as_of: dt.date | None = None, *, dry_run: bool = False
) -> outbox.Written | None:
    """Write the entries that no journal file holds yet, as `export_postings`. `layout`: one of
    `journals.BY`, with " detailed" behind it or not."""

    def fresh(connection: Connection, day: dt.date) -> outbox.Content | None:
        return journals.fresh(connection, day, layout)

    return hand_on(run, journals.JOURNALS, fresh, as_of, layout=layout, dry_run=dry_run)


def hand_on(
    run: Run,
    kind: outbox.Kind,
    fresh: Callable[[Connection, dt.date], outbox.Content | None],
    as_of: dt.date | None,
    *,
    layout: str | None = None,
    dry_run: bool,
) -> outbox.Written | None:
    """Write a new file of a kind. A file that a crash left unfinished is finished first."""
    day = as_of or run.today
    folder = run.home.path / "exports" / kind.name
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        finish(run, kind, folder)
    with run.store.read() as connection:
        content = fresh(connection, day)
        if content is None:
            return None
        number = outbox.next_number(connection)
        head = outbox.Head(number, kind.file_id(number, content), day)
        path = folder / f"{head.file_id}.csv"
        if dry_run:
            sums = outbox.totals(connection, content, head)
            return outbox.Written(head.file_id, path, sums.rows, sums.cents)
        sums, digest = outbox.write(connection, outbox.partial(path), content, head)
    written = outbox.Written(head.file_id, path, sums.rows, sums.cents)
    with run.store.write() as connection:
        outbox.record(connection, kind, head, written, digest, run.clock(), run.actor, layout)
        content.remember(connection, number)
    finish(run, kind, folder)
    return written


def finish(run: Run, kind: outbox.Kind, folder: Path) -> None:
    """Give committed files their names and read them back; see `outbox.deliver`."""
    with run.store.write() as connection:
        outbox.deliver(connection, kind, folder)


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
            files.c.outbox_no, files.c.file_id, files.c.business_date, files.c.rows, settled,
            files.c.total_cents,
        )
        .outerjoin(answers, answers.c.outbox_no == files.c.outbox_no)
        .where(files.c.kind == "postings", files.c.rows > settled)
        .order_by(files.c.outbox_no)
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
