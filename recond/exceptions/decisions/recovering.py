"""What an agency brings of a debt that was written off (domain example E45).

The agency pays what it collected less its commission. The payment is applied to the items that
were written off; the commission is an expense of their funds; the debt is paid by both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import select

from recond import adjusting
from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.exceptions.decisions.placing import Pool, evidence_of, pool_of, rules_of, target_of
from recond.exceptions.decisions.writeoffs import booking
from recond.model import ITEM, SUSPENSE
from recond.money import format_cents, split
from recond.pipeline.moves import Move, Stand
from recond.store import schema


@dataclass(frozen=True, slots=True)
class _Part:
    """What of one item is paid: by the payment, and by what the agency keeps."""

    debt: Any
    paid: int
    kept: int


def plan_recover(case: Case) -> Plan:
    """The waiting money of a payment pays written-off debt; `amount_to_apply` is the commission
    that the agency kept. Refused when that is more than was written off."""
    target, pool = target_of(case, case.answer.target), pool_of(case)
    if pool is None:
        raise refuse("no money of it waits any more; recond transfer moves what is applied")
    kept, paid = case.answer.cents or 0, pool.cents
    only = rules_of(case).pays_only
    debts = [
        debt
        for debt in adjusting.debts_of(case.connection, [target.account_key])
        if target.item_key in {None, debt.item_key} and (not only or debt.charge_type in only)
    ]
    owed = sum(debt.cents for debt in debts)
    if paid + kept > owed:
        raise refuse(
            f"{format_cents(paid)} and {format_cents(kept)} are more than the"
            f" {format_cents(owed)} that were written off {target.words}"
        )
    parts = _parts(debts, paid, kept)
    words = f"{format_cents(paid)} recovered of {target.words}"
    if kept:
        words += f", {format_cents(kept)} kept by the agency"
    placed = [_stand(part) for part in parts if part.paid]
    move = Move(
        case.question.receipt_no or 0, "recovered", evidence_of(case, words), pool.stands, placed,
        target.account_key,
    )  # fmt: skip
    effects = (booking(_kept(case, parts), "commission of an agency"),) if kept else ()
    return Plan(
        words, paid, move, target.account_key, effects=effects, resolved=_answered(case, pool)
    )


def _answered(case: Case, pool: Pool) -> tuple[int, ...]:
    """Where the money waited in suspense, its other questions are answered too."""
    if pool.bucket != SUSPENSE:
        return ()
    asked = schema.exception.c
    return tuple(
        case.connection.scalars(
            select(asked.exception_no).where(
                asked.receipt_no == case.question.receipt_no,
                asked.exception_no != case.question.exception_no,
                asked.status.in_(["open", "assigned", "on_hold"]),
            )
        )
    )


def _parts(debts: Sequence[Any], paid: int, kept: int) -> list[_Part]:
    """The oldest debt first; the commission in proportion, by largest remainder."""
    left, gross = paid + kept, []
    for debt in debts:
        gross.append(min(left, debt.cents))
        left -= gross[-1]
    shares = split(kept, gross)
    return [
        _Part(debt, cents - share, share)
        for debt, cents, share in zip(debts, gross, shares, strict=True)
    ]


def _stand(part: _Part) -> Stand:
    debt = part.debt
    return Stand(
        ITEM, part.paid, debt.account_key, debt.item_key, debt.charge_type, debt.fund,
        adjusts=part.paid,
    )  # fmt: skip


def _kept(case: Case, parts: Sequence[_Part]) -> pa.Table:
    """CHANGED: the debt that the commission pays comes back, and is paid by the expense."""
    fees = case.run.chart.collection_fees
    rows = [
        {"item_key": part.debt.item_key, "charge_type": part.debt.charge_type,
         "fund": part.debt.fund, "kind": kind, "gl_account": account, "cents": sign * part.kept}
        for part in parts
        if part.kept
        for kind, account, sign in ((adjusting.RECOVERED, part.debt.gl_account, 1),
                                    (adjusting.COMMISSION, fees, -1))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=adjusting.CHANGED)
