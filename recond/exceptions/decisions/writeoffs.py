"""Writing off what is owed (domain example E45): planned like any answer, always approved by
another person, booked against the allowance of each fund."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlalchemy import func, select

from recond import adjusting
from recond.exceptions.decisions.case import Case, Effect, Plan, refuse
from recond.exceptions.decisions.placing import Share, place, target_of
from recond.exceptions.decisions.targets import Target
from recond.ledger import Source
from recond.model import ITEM
from recond.money import format_cents
from recond.pipeline.moves import Stand
from recond.store import schema


def open_cents(case: Case, target: Target) -> int:
    """What the account, or the one item, owes."""
    item = schema.item.c
    wanted = (
        item.account_key == target.account_key
        if target.item_key is None
        else item.item_key == target.item_key
    )
    owed = select(func.sum(schema.item_balance.c.open_cents)).select_from(schema.item_and_balance)
    return int(case.connection.scalar(owed.where(wanted)) or 0)


def plan_write_off(case: Case) -> Plan:
    """Forgive `amount_to_apply`, or all that the account or item owes, in the order in which the
    items would be paid."""
    target = target_of(case, case.answer.target)
    owed = open_cents(case, target)
    cents = owed if case.answer.cents is None else case.answer.cents
    if owed == 0:
        raise refuse(f"{target.words} owes nothing")
    if cents > owed:
        raise refuse(f"{format_cents(cents)} is more than the {format_cents(owed)} that is owed")
    # a closed account owes what it owes
    share = Share(replace(target, status="active"), cents)
    stands = place(case, [share], case.run.today.isoformat())
    if any(stand.bucket != ITEM for stand in stands):
        raise refuse(f"{format_cents(cents)} cannot be written off {target.words}")
    words = f"{format_cents(cents)} of {target.words} written off"
    return Plan(words, cents, account_key=target.account_key, effects=(_book(stands),))


def _book(stands: list[Stand]) -> Effect:
    rows = [
        {"item_key": s.item_key, "charge_type": s.charge_type, "fund": s.fund, "cents": s.cents}
        for s in sorted(stands, key=lambda stand: stand.item_key or 0)
    ]
    items = pa.Table.from_pylist(rows, schema=adjusting.WRITTEN_OFF)

    def book(case: Case, identity: str) -> None:
        ledger = replace(case.run, actor=case.actor).ledger(case.connection)
        adjusting.write_off(ledger, items, Source(adjusting.WRITE_OFF, identity, "written off"))

    return book


def booking(changes: pa.Table, words: str) -> Effect:
    """The effect that books CHANGED rows under the id of its decision."""

    def book(case: Case, identity: str) -> None:
        ledger = replace(case.run, actor=case.actor).ledger(case.connection)
        adjusting.book(ledger, changes, Source(adjusting.WRITE_OFF, identity, words))

    return book
