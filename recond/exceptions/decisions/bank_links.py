"""What `link` ties of the bank: a credit to its deposit, a deposit to its line, a debit to what it
takes back, a returned item to its payment. The cents are those of the line or the item; a
difference stays asked about."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from recond import ids
from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.exceptions.questions import exception_id
from recond.money import format_cents
from recond.pipeline import bankbook, clear, debits, deposits, misread, moves, returns, takeback
from recond.pipeline.comeback import NOT_FOUND, Back
from recond.pipeline.deposit_questions import DIFFERS, LATE
from recond.pipeline.suspense import DEBITS
from recond.store import schema

deposit, line = schema.deposit, schema.bank_line
CREDITS = (
    "BANK_CREDIT_UNMATCHED", "BANK_CREDIT_REPEATED", "CLEARING_AMBIGUOUS", "CREDIT_ELSEWHERE",
)  # fmt: skip
DEPOSITS = (LATE, DIFFERS)
FEE = "FEE"  # what a debit may be linked to beside ids


def deposit_of_credit(case: Case, target: str) -> Plan | None:
    """A bank credit in suspense is the money of that deposit."""
    if case.question.code not in CREDITS:
        return None
    return _pair(case, target)


def line_of_deposit(case: Case, target: str) -> Plan | None:
    """A deposit was brought by that statement line."""
    if case.question.code not in DEPOSITS:
        return None
    return _pair(case, target)


def deposit_of_debit(case: Case, target: str) -> Plan | None:
    """A debit is the one that a returned item lets expect."""
    if case.question.code not in DEBITS:
        return None
    return _pair(case, target)


def pair_of(case: Case, target: str) -> tuple[int, int] | None:
    """The deposit and the line that a link ties: one from the question, one from its id."""
    code, lower = case.question.code, target[:1].upper() + target[1:].lower()
    if code in DEPOSITS:
        number, key = _deposit_asked(case), _line_key(case, lower)
    else:
        number = case.connection.scalar(
            select(deposit.c.deposit_no).where(deposit.c.deposit_id == lower)
        )
        key = case.question.receipt_no if code in CREDITS else debits.asked_about(
            case.connection, case.question.exception_id, case.question.file_no
        )  # fmt: skip
    return None if number is None or key is None else (number, key)


def _deposit_asked(case: Case) -> int | None:
    """The deposit that the question is about."""
    rows = case.connection.execute(
        select(deposit.c.deposit_no, deposit.c.deposit_id).where(
            deposit.c.file_no == case.question.file_no
        )
    )
    for row in rows:
        if exception_id(case.question.code, row.deposit_id) == case.question.exception_id:
            return int(row.deposit_no)
    return None


def _line_key(case: Case, line_id: str) -> int | None:
    match = re.fullmatch(r"L([0-9a-f]{12,64}(?:-[0-9]+)?)-([0-9]{1,10})", line_id)
    if match is None:
        return None
    file_no = case.connection.scalar(
        select(schema.file.c.file_no).where(schema.file.c.file_id == f"F{match[1]}")
    )
    return None if file_no is None else schema.receipt_key(file_no, int(match[2]))


def _pair(case: Case, target: str) -> Plan | None:
    found = pair_of(case, target)
    if found is None:
        return None
    deposit_no, line_key = found
    why_not = clear.cannot_pair(case.connection, case.run, deposit_no, line_key)
    if why_not is not None:
        raise refuse(f"{target}: {why_not}")
    cents = clear.cents_of(case.connection, case.run, line_key)
    if case.question.code in DEBITS and cents != _left(case, deposit_no):
        raise refuse(f"{target} is of another amount than the debit of {format_cents(-cents)}")

    def pair(done: Case, _identity: str) -> None:
        clear.pair(done.connection, done.run, deposit_no, line_key, done.actor)

    return Plan(f"{format_cents(cents)} linked to {target}", cents, effects=(pair,))


def _left(case: Case, deposit_no: int) -> int:
    return deposits.left_of(case.connection, deposit_no)


def _not_yet(case: Case, line_key: int, target: str) -> None:
    """Before its value date a line is not in the books. Raises RefusedAnswerError."""
    day = case.connection.scalar(
        select(line.c.value_date).where(
            line.c.file_no == line_key >> schema.ORDINAL_BITS,
            line.c.ordinal == line_key & bankbook.LOW,
        )
    )
    if day is not None and day > case.run.today.isoformat():
        raise refuse(
            f"{target}: the bank's line has the value date {day} and is in the books from that day"
            " on; answer then"
        )


# --- what the bank takes back ---------------------------------------------------------------------


def receipt_of_return(case: Case, target: str) -> Plan | None:
    """A returned item, or a debit, takes back that payment."""
    if case.question.code not in {NOT_FOUND, *DEBITS}:
        return None
    number = ids.find_receipt(case.connection, target[:1] + target[1:].lower())
    if number is None:
        return None
    one = returns.waiting_of(case.connection, case.question.exception_id)
    row = None if one else _debit(case, target)
    if row is not None:
        one = returns.of_debit(case.connection, case.run, row, number)
    if one is None or not returns.can_return(case.connection, one, number):
        raise refuse(f"{target} is not of that amount, or came back before")
    if row is None:
        return take_back(one, number)
    return _take_back_by(one, number, row["line_no"])


def check_of_deposit(case: Case, target: str) -> Plan | None:
    """What the bank credited of a deposit is right, and that check of it was read over too much."""
    if case.question.code != DIFFERS:
        return None
    number = ids.find_receipt(case.connection, target[:1] + target[1:].lower())
    deposit_no = _deposit_asked(case)
    if number is None or deposit_no is None:
        return None
    one = misread.of_deposit(case.connection, case.run, deposit_no)
    if one is None:
        raise refuse("the bank brought no less of it; link the line that brought it")
    why_not = misread.cannot_correct(case.connection, deposit_no, one, number)
    if why_not is not None:
        raise refuse(f"{target}: {why_not}")

    def correct(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        misread.correct(done.connection, run, deposit_no, one, number)

    words = f"{format_cents(one.cents)} less of {target}: {one.words}"
    return Plan(words, one.cents, effects=(correct,), moved=number)


def fee_of_debit(case: Case, target: str) -> Plan | None:
    """A debit is a fee of the bank: an expense."""
    if case.question.code not in DEBITS or target != FEE:
        return None
    row = _debit(case, target)
    if row is None:
        raise refuse("this question is about no debit of the bank that waits")
    cents, line_no = -row["amount_cents"], row["line_no"]

    def book(done: Case, _identity: str) -> None:
        debits.book_fee(done.connection, replace(done.run, actor=done.actor), line_no)

    return Plan(f"{format_cents(cents)} is a fee of the bank", cents, effects=(book,))


def _debit(case: Case, target: str) -> dict[str, Any] | None:
    """The open line of the debit that a question is about."""
    key = debits.asked_about(
        case.connection, case.question.exception_id, case.question.file_no
    )  # fmt: skip
    if key is None:
        return None
    row = debits.open_debit(case.connection, case.run, key)
    if row is None:
        _not_yet(case, key, target)
    return row


def returns_of(case: Case) -> list[Back]:
    """Returned items that wait for their payment and could be the case's."""
    owner, table = case.standing, schema.exception.c
    if owner is None:
        return []
    asked = case.connection.scalars(
        select(table.exception_id)
        .where(
            table.code == NOT_FOUND,
            table.status != "resolved",
            table.amount_cents == owner.amount_cents,
        )
        .order_by(table.exception_no)
    ).all()
    waiting = [returns.waiting_of(case.connection, identity) for identity in asked]
    return [
        one
        for one in waiting
        if one is not None and returns.can_return(case.connection, one, owner.receipt_no)
    ]


def take_back(one: Back, receipt_no: int) -> Plan:
    """The plan that reverses a payment because a returned item takes it back."""

    def reverse(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        returns.reverse(done.connection, run, one, receipt_no)

    words = f"{format_cents(one.cents)} returned: {one.words}"
    return Plan(words, one.cents, effects=(reverse,), moved=receipt_no)


def _take_back_by(one: Back, receipt_no: int, line_no: int) -> Plan:
    """As `take_back`, and the debit is the one that this lets expect."""

    def reverse(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        (owner,) = moves.standing(done.connection, [receipt_no]).values()
        number = takeback.reverse(done.connection, run, one, owner)
        if number is not None:
            clear.pair(done.connection, run, number, line_no, done.actor)

    words = f"{format_cents(one.cents)} returned: {one.words}"
    return Plan(words, one.cents, effects=(reverse,), moved=receipt_no)
