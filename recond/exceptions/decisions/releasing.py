"""Giving back a deposit that is held for a customer (domain example E48).

What the account owes is paid out of the deposit first, in the office's order; the rest is the
customer's and becomes a refund, or credit where it is less than the smallest refund. The deposit's
item owes nothing before and after: the liability that was booked when it was billed is used up.
"""

from __future__ import annotations

from dataclasses import replace

from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.exceptions.decisions.placing import Share, evidence_of, place, standing_of
from recond.exceptions.decisions.targets import Target
from recond.model import CREDIT, ITEM, REFUNDED
from recond.money import format_cents
from recond.pipeline.moves import Move, Stand
from recond.store import schema


def plan_release(case: Case) -> Plan:
    """Everything of a payment that stands on deposits. Refused when none of it does."""
    owner, held = standing_of(case), case.run.chart.deposits
    taken = [
        replace(stand, adjusts=stand.cents)
        for stand in owner.stands
        if stand.bucket == ITEM and stand.charge_type in held
    ]
    cents = sum(stand.cents for stand in taken)
    accounts = {stand.account_key for stand in taken}
    if cents <= 0:
        raise refuse("nothing of this payment is a deposit that is held for a customer")
    if len(accounts) > 1:
        raise refuse("it paid deposits of several accounts; recond reverse takes one out first")
    (key,) = accounts
    target = _account(case, key)
    placed = [
        stand
        for stand in place(case, [Share(target, cents)], owner.received_date)
        if stand.bucket == ITEM
    ]
    left = cents - sum(stand.cents for stand in placed)
    small = left < case.run.home.settings.limits.refund_minimum
    rest = Stand(CREDIT if small else REFUNDED, left, key)
    words = f"deposit of {format_cents(cents)} released: {format_cents(cents - left)} to charges"
    words += f", {format_cents(left)} {'on account' if small else 'to be refunded'}"
    move = Move(owner.receipt_no, "released", evidence_of(case, words), taken, [*placed, rest], key)
    return Plan(words, cents, move, key)


def _account(case: Case, key: int | None) -> Target:
    account = schema.account
    row = case.connection.execute(account.select().where(account.c.account_key == key)).one()
    # a closed account's charges are paid out of its deposit too
    return Target(row.account_key, row.account_number, "active")
