"""Credit that nobody claims (domain example E52): its clock, the letter that the law wants before
it is reported, and the file of such letters.

Credit is dormant `years` after it was received, or after its owner last answered. What is dormant
by `dormant_by` is reported before `report_by` of that year, and its owner gets a letter in the days
before. One letter a receipt, account and report; an answer (ACCEPTED through `inbox/acks/`) starts
the clock anew, REJECTED says that the letter came back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, and_, func, insert, select

from recond import ids
from recond.calendar import day_of_year
from recond.exports.outbox import Head, Sums, few_lines
from recond.model import CREDIT
from recond.store import schema
from recond.store.sql import total

if TYPE_CHECKING:
    from recond.sections import Unclaimed

COLUMNS = ("letter_id", "customer_name", "mailing_address", "account_number", "receipt_id",
           "received_date", "amount", "dormant_date", "report_date")  # fmt: skip
ANSWERED, CAME_BACK = ("ACCEPTED", "DUPLICATE"), ("REJECTED",)
placement, decision, entry = schema.placement, schema.decision, schema.entry
receipt, account, sent = schema.receipt, schema.account, schema.letter_line
outbox, answer, file = schema.outbox, schema.file_answer, schema.file
Key = tuple[int, int]  # receipt and account


@dataclass(frozen=True, slots=True)
class Clock:
    """When credit becomes dormant, and when its owner is written to and it is reported."""

    dormant: dt.date
    report: dt.date
    letter_from: dt.date
    letter_by: dt.date


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was written, and what came of it."""

    report: dt.date
    written: dt.date
    status: str | None  # of the last answer
    answered: dt.date | None


def clock(since: dt.date, rules: Unclaimed) -> Clock:
    """The clock of credit that its owner was last heard of on a day."""
    try:
        dormant = since.replace(year=since.year + rules.years)
    except ValueError:  # 29 February
        dormant = dt.date(since.year + rules.years, 3, 1)
    year = dormant.year + (dormant > day_of_year(dormant.year, rules.dormant_by))
    return _windowed(dormant, day_of_year(year, rules.report_by), rules)


def _windowed(dormant: dt.date, report: dt.date, rules: Unclaimed) -> Clock:
    most, least = dt.timedelta(rules.letter_days_most), dt.timedelta(rules.letter_days_least)
    return Clock(dormant, report, report - most, report - least)


def letters(connection: Connection, until: dt.date) -> dict[Key, list[Letter]]:
    """The letters about each credit that were written and answered up to a day, oldest first."""
    day = until.isoformat()
    rows = connection.execute(
        select(sent, outbox.c.business_date)
        .join(outbox, outbox.c.outbox_no == sent.c.outbox_no)
        .where(outbox.c.business_date <= day)
        .order_by(sent.c.report_date)
    ).all()
    said = connection.execute(
        select(answer.c.subject, answer.c.status, file.c.business_date)
        .join(outbox, outbox.c.outbox_no == answer.c.outbox_no)
        .join(file, file.c.file_no == answer.c.file_no)
        .where(outbox.c.kind == "letters", file.c.business_date <= day)
        .order_by(answer.c.answer_no)
    )
    answers = {row.subject: (row.status, dt.date.fromisoformat(row.business_date)) for row in said}
    found: dict[Key, list[Letter]] = {}
    for row in rows:
        status, on = answers.get(row.letter_id, (None, None))
        found.setdefault((row.receipt_no, row.account_key), []).append(
            Letter(dt.date.fromisoformat(row.report_date),
                   dt.date.fromisoformat(row.business_date), status, on)
        )  # fmt: skip
    return found


def last_heard(received: dt.date, written: Sequence[Letter]) -> dt.date:
    """When the owner of credit was last heard of: it paid, or answered a letter."""
    return max([received, *(one.answered for one in written
                            if one.answered and one.status in ANSWERED)])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One letter to be written."""

    letter_id: str
    receipt_no: int
    account_key: int
    cents: int
    clock: Clock


@dataclass(frozen=True, slots=True)
class Letters:
    """The lines of a file, in order."""

    found: Sequence[Line]
    columns: tuple[str, ...] = COLUMNS

    def names(self) -> list[str]:
        """The ids of the letters with their cents."""
        return [f"{line.letter_id} {line.cents}" for line in self.found]

    def lines(self, connection: Connection, _head: Head, sums: Sums) -> Iterator[bytes]:
        """A line a letter: a few hundred once a year."""
        rows = [_row(connection, line) for line in self.found]
        yield from few_lines(rows, COLUMNS, sums)

    def remember(self, connection: Connection, number: int) -> None:
        """One row a letter."""
        rows = [
            {"receipt_no": line.receipt_no, "account_key": line.account_key,
             "report_date": line.clock.report.isoformat(), "letter_id": line.letter_id,
             "outbox_no": number, "cents": line.cents,
             "dormant_date": line.clock.dormant.isoformat()}
            for line in self.found
        ]  # fmt: skip
        connection.execute(insert(sent), rows)


def fresh(connection: Connection, as_of: dt.date, rules: Unclaimed) -> Letters | None:
    """The letters that are due on a day and were not written; None where there are none."""
    known, found = letters(connection, as_of), []
    for row in connection.execute(_credit(as_of)):
        key = (row.receipt_no, row.account_key)
        written = known.get(key, [])
        own = clock(last_heard(dt.date.fromisoformat(row.received_date), written), rules)
        told = any(one.report == own.report for one in written)
        if own.letter_from <= as_of <= own.report and not told:
            found.append((*key, row.account_number, int(row.cents), own))
    files = ids.files_of(connection, {number >> schema.ORDINAL_BITS for number, *_ in found})
    made = [
        Line(_letter_id(files, number, name, own), number, key, cents, own)
        for number, key, name, cents, own in found
    ]
    return Letters(made) if made else None


def again(connection: Connection, row: Row[Any], rules: Unclaimed) -> Letters:
    """The letters of a file that is written already."""
    found = connection.execute(
        select(sent)
        .where(sent.c.outbox_no == row.outbox_no)
        .order_by(sent.c.receipt_no, sent.c.account_key)
    )
    made = []
    for one in found:
        dormant = dt.date.fromisoformat(one.dormant_date)
        own = _windowed(dormant, dt.date.fromisoformat(one.report_date), rules)
        made.append(Line(one.letter_id, one.receipt_no, one.account_key, one.cents, own))
    return Letters(made)


def _credit(as_of: dt.date) -> Any:
    """What stood on account at the end of a day, by receipt and account."""
    return (
        select(placement.c.receipt_no, placement.c.account_key, account.c.account_number,
               receipt.c.received_date, total(placement.c.cents).label("cents"))
        .select_from(placement)
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .join(account, account.c.account_key == placement.c.account_key)
        .where(placement.c.bucket == CREDIT, entry.c.business_date <= as_of.isoformat())
        .group_by(placement.c.receipt_no, placement.c.account_key, account.c.account_number,
                  receipt.c.received_date)
        .having(func.sum(placement.c.cents) > 0)
        .order_by(placement.c.receipt_no, placement.c.account_key)
    )  # fmt: skip


def _letter_id(files: dict[int, str], receipt_no: int, number: str, own: Clock) -> str:
    """`L`, the receipt's id without its letter, the account and the year of the report."""
    ordinal = receipt_no & ((1 << schema.ORDINAL_BITS) - 1)
    stem = ids.receipt_id(files[receipt_no >> schema.ORDINAL_BITS], ordinal)[1:]
    return f"L{stem}-{number}-{own.report.year}"


def _row(connection: Connection, line: Line) -> dict[str, Any]:
    one = connection.execute(
        select(receipt.c.received_date, account.c.account_number, account.c.customer_name,
               account.c.mailing_address)
        .join(account, account.c.account_key == line.account_key)
        .where(receipt.c.receipt_no == line.receipt_no)
    ).one()  # fmt: skip
    number, own = one.account_number, line.clock
    stem = line.letter_id[1:].removesuffix(f"-{number}-{own.report.year}")
    return {
        "letter_id": line.letter_id, "customer_name": one.customer_name,
        "mailing_address": one.mailing_address, "account_number": number,
        "receipt_id": f"R{stem}", "received_date": one.received_date, "amount": line.cents,
        "dormant_date": own.dormant.isoformat(), "report_date": own.report.isoformat(),
    }  # fmt: skip
