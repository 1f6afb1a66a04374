"""Drift: items that a snapshot shows with more open than the postings that it contains leave
(domain E65). One snapshot is waited for, since billing may post a day later than it answers; what
the next one still shows is a question.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Table,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)

from recond.model import ITEM
from recond.store import schema

item, balance, kept = schema.item, schema.item_balance, schema.drift
placement = schema.placement


@dataclass(frozen=True, slots=True)
class Drifted:
    """An item that billing shows with `excess_cents` more open than its postings leave."""

    account_key: int
    account_number: str
    item_number: str
    expected_cents: int
    excess_cents: int


@dataclass(frozen=True, slots=True)
class Rebilled:
    """An item that billing made anew for `excess_cents` less than what is paid on it."""

    item_key: int
    item_number: str
    original_cents: int
    excess_cents: int


def rebilled(connection: Connection, before: Table) -> tuple[Rebilled, ...]:
    """Items of the loaded snapshot that have a smaller original amount than before and nothing
    open, on which more is paid than the new amount and not more than the old one."""
    lowered = (
        select(item.c.item_key, item.c.item_number, item.c.original_cents,
               before.c.original_cents.label("was_cents"))
        .select_from(schema.item_and_balance)
        .join(before, before.c.item_key == item.c.item_key)
        .where(before.c.original_cents > item.c.original_cents, balance.c.open_cents == 0)
    )  # fmt: skip
    found = {row.item_key: row for row in connection.execute(lowered)}
    if not found:
        return ()
    # no index leads from an item to its payments: so only where a bill became smaller
    paid = placement.c
    total = cast(func.sum(paid.cents), schema.INT).label("cents")
    sums = connection.execute(
        select(paid.item_key, total)
        .where(paid.bucket == ITEM, paid.item_key.in_(sorted(found)))
        .group_by(paid.item_key)
        .order_by(paid.item_key)
    )
    return tuple(
        Rebilled(key, found[key].item_number, found[key].original_cents,
                 cents - found[key].original_cents)
        for key, cents in sums
        if found[key].original_cents < cents <= found[key].was_cents
    )  # fmt: skip


def judge(
    connection: Connection, before: Table, staged: Table, file_no: int, *, full: bool
) -> tuple[Drifted, ...]:
    """Compare the loaded snapshot with what the one before left open less the postings that it
    contains now; returns the items that drift for the second time. `before`: the items as they
    stood (`history.stage_before`)."""
    named = select(staged.c.item_key).where(staged.c.item_key.is_not(None))
    seen = kept.c.item_key.in_(named) if not full else literal(value=True)
    again = connection.execute(
        select(
            item.c.account_key, schema.account.c.account_number, item.c.item_number,
            kept.c.expected_cents, balance.c.snapshot_cents - kept.c.expected_cents,
        )
        .select_from(schema.item_and_balance)
        .join(kept, kept.c.item_key == item.c.item_key)
        .join(schema.account, schema.account.c.account_key == item.c.account_key)
        .where(balance.c.snapshot_cents > kept.c.expected_cents, seen)
        .order_by(schema.account.c.account_number, item.c.item_number)
    ).all()  # fmt: skip
    connection.execute(delete(kept).where(seen))
    contained = before.c.pending_cents - balance.c.pending_cents
    left = before.c.snapshot_cents - contained
    expected = case((left > 0, left), else_=0)
    fresh = (
        select(balance.c.item_key, expected, literal(file_no))
        .join(before, before.c.item_key == balance.c.item_key)
        .where(
            and_(contained > 0, balance.c.snapshot_cents > expected, balance.c.item_key.in_(named))
        )
    )
    connection.execute(
        insert(kept).from_select(["item_key", "expected_cents", "since_file"], fresh)
    )
    return tuple(Drifted(*row) for row in again)
