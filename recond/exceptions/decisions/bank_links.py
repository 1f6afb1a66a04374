"""What `link` ties of the bank: a credit to its deposit, a deposit to its line, a return to its
payment. The cents are those of the line or the return; a difference stays asked about."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import select

from recond import ids
from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.exceptions.questions import exception_id
from recond.money import format_cents
from recond.pipeline import clear, returns, takeback
from recond.store import schema

deposit, line = schema.deposit, schema.bank_line
CREDITS = (
    "BANK_CREDIT_UNMATCHED", "BANK_CREDIT_REPEATED", "CLEARING_AMBIGUOUS", "CREDIT_ELSEWHERE",
)  # fmt: skip
DEPOSITS = ("DEPOSIT_NOT_CREDITED", "DEPOSIT_AMOUNT_DIFFERS")


def deposit_of_credit(case: Case, target: str) -> Plan | None:
    """A bank credit in suspense is the money of that deposit."""
    if case.question.code not in CREDITS:
        return None
    found = case.connection.execute(
        select(deposit.c.deposit_no, deposit.c.amount_cents).where(
            deposit.c.deposit_id == target[:1] + target[1:].lower()
        )
    ).first()
    if found is None or case.question.receipt_no is None:
        return None
    return _pair(case, found.deposit_no, case.question.receipt_no, target)


def line_of_deposit(case: Case, target: str) -> Plan | None:
    """A deposit was brought by that statement line."""
    match = re.fullmatch(r"L([0-9a-f]{12,64}(?:-[0-9]+)?)-([0-9]{1,10})", "L" + target[1:].lower())
    if case.question.code not in DEPOSITS or match is None or target[:1] not in "Ll":
        return None
    file_no = case.connection.scalar(
        select(schema.file.c.file_no).where(schema.file.c.file_id == f"F{match[1]}")
    )
    if file_no is None:
        return None
    rows = case.connection.execute(
        select(deposit.c.deposit_no, deposit.c.deposit_id).where(
            deposit.c.file_no == case.question.file_no
        )
    )
    for row in rows:
        if exception_id(case.question.code, row.deposit_id) == case.question.exception_id:
            key = schema.receipt_key(file_no, int(match[2]))
            return _pair(case, row.deposit_no, key, target)
    return None


def _pair(case: Case, deposit_no: int, line_key: int, target: str) -> Plan:
    cents = clear.open_cents(case.connection, case.run, deposit_no, line_key)
    if cents is None:
        raise refuse(f"{target}: the deposit or the bank line is reconciled already")

    def pair(done: Case, _identity: str) -> None:
        clear.pair(done.connection, done.run, deposit_no, line_key, done.actor)

    return Plan(f"{format_cents(cents)} linked to {target}", cents, effects=(pair,))


def receipt_of_return(case: Case, target: str) -> Plan | None:
    """A returned item takes back that payment."""
    if case.question.code != takeback.NOT_FOUND:
        return None
    number = ids.find_receipt(case.connection, target[:1] + target[1:].lower())
    if number is None:
        return None
    one = returns.waiting_of(case.connection, case.question.exception_id)
    if one is None or not returns.can_return(case.connection, one, number):
        raise refuse(f"{target} is not of that amount, or came back before")
    return take_back(one, number)


def returns_of(case: Case) -> list[takeback.Back]:
    """Returned items that wait for their payment and could be the case's."""
    owner, table = case.standing, schema.exception.c
    if owner is None:
        return []
    asked = case.connection.scalars(
        select(table.exception_id)
        .where(
            table.code == takeback.NOT_FOUND,
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


def take_back(one: takeback.Back, receipt_no: int) -> Plan:
    """The plan that reverses a payment because a returned item takes it back."""

    def reverse(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        returns.reverse(done.connection, run, one, receipt_no)

    return Plan(f"{format_cents(one.cents)} returned: {one.words}", one.cents, effects=(reverse,))
