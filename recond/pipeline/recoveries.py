"""Payments for debts that were written off (domain example E46).

What comes for an account that is with an agency, and pays nothing that is open, pays what was
written off before; a question says so, so that the agency is told. Runs after every pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, and_, cast, func, select

from recond import adjusting, ids
from recond.exceptions.desk import Question
from recond.model import CREDIT, ITEM
from recond.money import format_cents
from recond.pipeline import moves, sources
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.receivables.containment import adjusted
from recond.store import schema

placement, decision, account = schema.placement, schema.decision, schema.account
PAID, RULE, STATUS = "WRITTEN_OFF_PAID", "recovered_debt", "collections"


def recover(connection: Connection, run: Run) -> int:
    """Put credit of accounts that are with an agency on their written-off debts, as far as it
    came after those; how many payments that were."""
    if not adjusted(connection):  # most offices, most days
        return 0
    lots = _lots(connection)
    if not lots:
        return 0
    debts = adjusting.debts_of(connection, sorted({lot.account_key for lot in lots}))
    left = {debt.item_key: debt.cents for debt in debts}
    placed: dict[int, list[Stand]] = {}
    keys = pa.array(sorted({lot.receipt_no for lot in lots}), pa.int64())
    for allowed, mine in sources.by_restriction(connection, run, keys):
        only, some = allowed.rules.pays_only, set(mine.to_pylist())
        open_to = [debt for debt in debts if not only or debt.charge_type in only]
        for lot in lots:  # payments for accounts with an agency: a few a day
            if lot.receipt_no in some:
                placed.setdefault(lot.receipt_no, []).extend(_paid(lot, open_to, left))
    made = [_move(owner, placed[number]) for number, owner in
            moves.standing(connection, placed).items() if placed[number]]  # fmt: skip
    moves.write(connection, run, made, RULE, "written-off debt was paid")
    _tell(connection, run, made)
    return len(made)


def _lots(connection: Connection) -> Sequence[Any]:
    """Credit of accounts with an agency that came after a debt of theirs was written off: by
    receipt and account, oldest first."""
    every = adjusting.recoverable()
    cents = cast(func.sum(placement.c.cents), schema.INT)
    since = (
        select(schema.item.c.account_key, func.min(every.c.since_entry).label("since_entry"))
        .join(every, every.c.item_key == schema.item.c.item_key)
        .group_by(schema.item.c.account_key)
        .subquery()
    )
    same = and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )
    return connection.execute(
        select(
            placement.c.receipt_no, placement.c.account_key, cents.label("cents"),
            func.min(decision.c.entry_no).label("entry_no"),
        )
        .join(decision, same)
        .join(account, account.c.account_key == placement.c.account_key)
        .join(since, since.c.account_key == placement.c.account_key)
        .where(placement.c.bucket == CREDIT, account.c.status == STATUS)
        .group_by(placement.c.receipt_no, placement.c.account_key, since.c.since_entry)
        .having(cents > 0, func.min(decision.c.entry_no) > since.c.since_entry)
        .order_by(placement.c.receipt_no, placement.c.account_key)
    ).all()  # fmt: skip


def _paid(lot: Any, debts: Sequence[Any], left: dict[int, int]) -> list[Stand]:
    """What a credit pays of the debts of its account, the oldest first, as far as each was
    written off before it came."""
    cents, stands = lot.cents, []
    for debt in debts:
        if debt.account_key != lot.account_key or debt.since_entry > lot.entry_no:
            continue
        paid = min(cents, left[debt.item_key])
        if paid:
            cents -= paid
            left[debt.item_key] -= paid
            stands.append(
                Stand(ITEM, paid, debt.account_key, debt.item_key, debt.charge_type, debt.fund,
                      adjusts=paid)
            )  # fmt: skip
    return stands


def _move(owner: moves.Standing, placed: list[Stand]) -> Move:
    """The credit of the accounts that are paid goes to their debts; the rest stays."""
    accounts = {stand.account_key for stand in placed}
    taken = [s for s in owner.stands if s.bucket == CREDIT and s.account_key in accounts]
    rest = []
    for key in sorted(accounts, key=lambda one: one or 0):
        had = sum(stand.cents for stand in taken if stand.account_key == key)
        paid = sum(stand.cents for stand in placed if stand.account_key == key)
        rest.append(Stand(CREDIT, had - paid, key))
    return Move(
        owner.receipt_no, RULE, "the account is with an agency; its debt was written off before",
        taken, [*placed, *rest], next(iter(accounts)) if len(accounts) == 1 else None,
    )  # fmt: skip


def _tell(connection: Connection, run: Run, made: Sequence[Move]) -> None:
    """Ask about each payment: the agency has to be told of it."""
    files = ids.files_of(connection, {move.receipt_no >> schema.ORDINAL_BITS for move in made})
    low = (1 << schema.ORDINAL_BITS) - 1
    asked = []
    for move in made:
        paid = sum(stand.adjusts for stand in move.placed)
        name = files[move.receipt_no >> schema.ORDINAL_BITS]
        words = f"{format_cents(paid)} of it paid written-off debt; tell the agency that has it"
        asked.append(
            Question(
                PAID, ids.receipt_id(name, move.receipt_no & low), words, paid,
                file_no=move.receipt_no >> schema.ORDINAL_BITS, receipt_no=move.receipt_no,
                account_key=move.account_key,
            )
        )  # fmt: skip
    run.desk(connection).open(asked)
