"""Bills that billing made anew for less than what is paid on them (domain E65): what is too much
goes on account, by rule.

The last payment gives back first. Billing did the same, so nothing opens on the item; it is told
by a transfer of sum zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from recond.model import CREDIT, ITEM
from recond.money import format_cents
from recond.pipeline import moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.receivables.containment import REBILLED
from recond.receivables.drift import Rebilled
from recond.receivables.items import settle_rejected
from recond.store import schema

placement = schema.placement


def to_credit(connection: Connection, run: Run, found: Sequence[Rebilled], name: str) -> int:
    """Move what is too much on each item to its account's credit; the cents. Bills made anew are
    few, and each receipt is moved once an item."""
    for one in found:
        numbers = connection.scalars(
            select(placement.c.receipt_no)
            .where(placement.c.bucket == ITEM, placement.c.item_key == one.item_key)
            .distinct()
        ).all()
        owners = moves.standing(connection, numbers).values()
        left, made = one.excess_cents, []
        for owner in sorted(owners, key=lambda o: (o.received_date, o.receipt_no), reverse=True):
            mine = [stand for stand in owner.stands if stand.item_key == one.item_key]
            there = sum(stand.cents for stand in mine)
            taken = min(there, left)
            if taken <= 0:
                continue
            left -= taken
            stays = replace(mine[0], cents=there - taken, version=None, line=None)
            why = (
                f"{name}: item {one.item_number} was made anew over"
                f" {format_cents(one.original_cents)}; {format_cents(taken)} stand on account"
            )
            placed = [stays, Stand(CREDIT, taken, mine[0].account_key)]
            made.append(
                Move(owner.receipt_no, REBILLED, why, mine, placed, mine[0].account_key)
            )  # fmt: skip
        moves.write(connection, run, made, REBILLED, "a bill was made anew for less")
    settle_rejected(connection, run.ledger(connection), [one.item_key for one in found])
    return sum(one.excess_cents for one in found)
