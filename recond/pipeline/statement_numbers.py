"""Numbers of bank statements: whether those of an account follow each other, over all files.

The balances of two statements join although a statement between them was lost, when it had no
lines or its lines came to nothing; its number shows it (formats.md section 7: 28C continuous per
account). Nothing is held for a number: a person is asked, and the question closes by itself when
the missing statement comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.parsers.mt940_state import CLOSING, OPENING, follows, numbered
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.withdrawals import is_replaced

GAP, REPEATED = "STATEMENT_NUMBER_GAP", "STATEMENT_NUMBER_REPEATED"
_HABIT = (
    "If the bank numbers its statements otherwise, say so with statement_numbers in a format file"
    " of its own."
)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement that carries a number: `row` is that of its closing balance."""

    row: Any
    number: int
    page: int
    opened: str | None  # the day of its opening balance
    opening: int | None

    def order(self) -> tuple[Any, ...]:
        """By account, day and number; the same one again by its file."""
        row = self.row
        return row.bank_account, row.as_of_date, self.number, self.page, row.file_no, row.ordinal

    def same(self, other: Numbered) -> bool:
        """Whether another is this statement again."""
        return (self.opened, self.opening, self.row.as_of_date, self.row.amount_cents) == (
            other.opened, other.opening, other.row.as_of_date, other.row.amount_cents
        )  # fmt: skip


def ask_numbers(connection: Connection, run: Run) -> None:
    """Ask about numbers of an account that are missing or stand twice; close the questions whose
    statement came since. The first statement of an account says where its numbers begin."""
    wrong: dict[str, tuple[str, Numbered, Numbered]] = {}
    statements = sorted(_numbered(connection), key=Numbered.order)
    for before, this in pairwise(statements):  # one a statement, not one a line
        if before.row.bank_account != this.row.bank_account:
            continue
        code = _fault(before, this)
        if code is not None:
            wrong[exception_id(code, _subject(before, this))] = (code, before, this)
    asked = _asked(connection)
    desk = run.desk(connection)
    desk.open([_question(*wrong[one]) for one in wrong if one not in asked])
    gone = [number for one, (number, closed) in asked.items() if one not in wrong and not closed]
    if gone:
        desk.resolve(gone, "the statement that was missing came")


def _fault(before: Numbered, this: Numbered) -> str | None:
    """What is wrong between two neighbours. Where their balances do not join the chain is asked
    about, which says the same (`statements.ask_chain`)."""
    if follows((before.number, before.page), (this.number, this.page)):
        return None
    if (before.number, before.page) == (this.number, this.page):
        # In one file a bank that writes one number again and again has that habit.
        again = before.row.file_no == this.row.file_no or before.same(this)
        return None if again else REPEATED
    joined = this.opening is None or this.opening == before.row.amount_cents
    return GAP if joined else None


def _subject(before: Numbered, this: Numbered) -> str:
    """What a question is about: both ends, for when a part of the gap comes it is another one."""
    row, known = this.row, before.row
    return f"{row.file_id}/{row.bank_account}/{known.statement_number}-{row.statement_number}"


def _numbered(connection: Connection) -> Iterator[Numbered]:
    balance, file = schema.bank_balance, schema.file
    rows = connection.execute(
        select(
            balance.c.file_no, balance.c.ordinal, balance.c.bank_account, balance.c.as_of_date,
            balance.c.type_code, balance.c.amount_cents, balance.c.statement_number,
            file.c.file_id, file.c.name,
        )
        .join(file, file.c.file_no == balance.c.file_no)
        .where(
            balance.c.statement_number.is_not(None), balance.c.bank_account.is_not(None),
            balance.c.as_of_date.is_not(None), balance.c.type_code.in_((OPENING, CLOSING)),
            ~is_replaced(balance.c.file_no),
        )
        .order_by(balance.c.file_no, balance.c.ordinal)
    )  # fmt: skip
    opening: Any = None
    for row in rows:
        if row.type_code == OPENING:
            opening = row
            continue
        found = numbered(row.statement_number)
        if found is None:
            continue
        mine = opening is not None and (opening.file_no, opening.bank_account) == (
            row.file_no, row.bank_account
        )  # fmt: skip
        first = opening if mine else None
        yield Numbered(
            row, *found, first and first.as_of_date, None if first is None else first.amount_cents
        )
        opening = None


def _asked(connection: Connection) -> dict[str, tuple[int, bool]]:
    """Questions about numbers that were ever asked, and whether each is closed."""
    question = schema.exception.c
    rows = connection.execute(
        select(question.exception_id, question.exception_no, question.status).where(
            question.code.in_((GAP, REPEATED))
        )
    )
    return {row.exception_id: (row.exception_no, row.status == "resolved") for row in rows}


def _question(code: str, before: Numbered, this: Numbered) -> Question:
    row, known = this.row, before.row
    place = f"{row.name}: account {row.bank_account}: statement {row.statement_number}"
    if code == REPEATED:
        words = (
            f"{place} of {row.as_of_date} is another one than that of {known.as_of_date} in"
            f" {known.name}, which has the same number. Compare the two and ask the bank which"
            f" counts. {_HABIT}"
        )
    else:
        words = (
            f"{place} of {row.as_of_date} follows {known.statement_number} of"
            f" {known.as_of_date} in {known.name}; {_missing(before, this)} missing. Get what is"
            f" missing from the bank, also when the balances join. {_HABIT}"
        )
    return Question(code, _subject(before, this), words, file_no=row.file_no)


def _missing(before: Numbered, this: Numbered) -> str:
    if this.number == before.number:
        return "a page between them is"
    first = before.number + 1 if this.number > before.number else 1  # numbers began anew
    last = this.number - 1
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"
