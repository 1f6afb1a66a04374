"""What items were: one row an item and entry that changed it other than by placements.

A row keeps the billing system's figures as they stood after the entry, recond's pending cents,
and by how much the effective open amount changed. So the balance of an item over any set of
entries is the sum of its changes less the placements on it: what the journal's receivables are
made of, item by item; and the mirror of any past day is the last row before it, with the
placements since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
)

from recond.model import ITEM
from recond.store import schema
from recond.store.engine import stage

item, balance = schema.item, schema.item_balance
past, entry = schema.item_version, schema.entry
decision, placement = schema.decision, schema.placement
KEPT = ("charge_type", "fund", "bill_number", "due_date", "original_cents", "snapshot_cents",
        "pending_cents")  # fmt: skip
_COPIED = (*KEPT, "open_cents")
_NUMBERS = {"item_key", "original_cents", "snapshot_cents", "pending_cents", "open_cents"}


def stage_before(connection: Connection) -> Table:
    """A copy of the items as they stand before a snapshot changes them."""
    shape = pa.schema(
        [(n, pa.int64() if n in _NUMBERS else pa.string()) for n in ("item_key", *_COPIED)]
    )
    copy = stage(connection, "items_before", shape.empty_table(), ["item_key"])
    columns = select(item.c.item_key, *_now(_COPIED)).select_from(schema.item_and_balance)
    connection.execute(insert(copy).from_select(shape.names, columns))
    return copy


def _now(names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [balance.c[name] if name in balance.c else item.c[name] for name in names]


def record(connection: Connection, before: Table, entry_no: int) -> None:
    """Keep every item that differs from its copy, as changed by this entry."""
    differs = or_(
        before.c.item_key.is_(None),
        *(
            column.is_distinct_from(before.c[name])
            for name, column in zip(_COPIED, _now(_COPIED), strict=True)
        ),
    )
    changed = (
        select(
            item.c.item_key,
            literal(entry_no),
            *_now(KEPT),
            balance.c.open_cents - func.coalesce(before.c.open_cents, 0),
        )
        .select_from(schema.item_and_balance)
        .outerjoin(before, before.c.item_key == item.c.item_key)
        .where(differs)
        .order_by(item.c.item_key)
    )
    names = ["item_key", "entry_no", *KEPT, "change_cents"]
    connection.execute(insert(past).from_select(names, changed))


ACCOUNT = tuple(
    name
    for name in schema.account_version.c.keys()  # noqa: SIM118
    if name not in {"account_key", "version", "since_date", "file_no"}
)


def record_accounts(connection: Connection, day: str, file_no: int | None, *, every: bool) -> None:
    """Keep every account that differs from its last version; without `every` only those that the
    file made, whose keys are above all known ones."""
    account, version = schema.account, schema.account_version
    newest = select(version.c.account_key, func.max(version.c.version).label("version"))
    known = newest.group_by(version.c.account_key).subquery()
    numbers = {"version": literal(1), "since_date": literal(day), "file_no": literal(file_no)}
    made = select(account.c.account_key, *numbers.values(), *(account.c[n] for n in ACCOUNT))
    if every:
        differs = or_(*(account.c[n].is_distinct_from(version.c[n]) for n in ACCOUNT))
        numbers["version"] = func.coalesce(known.c.version, 0) + 1
        made = (
            select(account.c.account_key, *numbers.values(), *(account.c[n] for n in ACCOUNT))
            .outerjoin(known, known.c.account_key == account.c.account_key)
            .outerjoin(version, and_(version.c.account_key == known.c.account_key,
                                     version.c.version == known.c.version))
            .where(or_(known.c.account_key.is_(None), differs))
        )  # fmt: skip
    else:
        last = connection.scalar(select(func.max(version.c.account_key))) or 0
        made = made.where(account.c.account_key > last)
    made = made.order_by(account.c.account_key)
    names = ["account_key", *numbers, *ACCOUNT]
    connection.execute(insert(version).from_select(names, made))


def as_of(day: str) -> Select[Any]:
    """A query of every item known at the end of a day: `item_key`, the columns of KEPT, and
    `pending` (cents that were in no snapshot then)."""
    last = (
        select(past.c.item_key, func.max(past.c.entry_no).label("entry_no"))
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .where(entry.c.business_date <= day)
        .group_by(past.c.item_key)
        .subquery()
    )
    posted = (
        select(placement.c.item_key, cast(func.sum(placement.c.cents), schema.INT).label("cents"))
        .join(
            decision,
            and_(
                decision.c.receipt_no == placement.c.receipt_no,
                decision.c.version == placement.c.version,
            ),
        )
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(last, last.c.item_key == placement.c.item_key)
        .where(
            placement.c.bucket == ITEM,
            entry.c.business_date <= day,
            decision.c.entry_no > last.c.entry_no,
        )
        .group_by(placement.c.item_key)
        .subquery()
    )
    adjusted = _adjusted(last, day)
    return (
        select(
            past.c.item_key,
            *(past.c[name] for name in KEPT),
            (
                past.c.pending_cents
                + func.coalesce(posted.c.cents, 0)
                - func.coalesce(adjusted.c.cents, 0)
            ).label("pending"),
        )
        .join(last, and_(last.c.item_key == past.c.item_key, last.c.entry_no == past.c.entry_no))
        .outerjoin(posted, posted.c.item_key == past.c.item_key)
        .outerjoin(adjusted, adjusted.c.item_key == past.c.item_key)
    )


def _adjusted(last: Any, day: str) -> Any:
    """A subquery of what recond itself changed of what items owe after their last row."""
    changed = schema.adjustment
    return (
        select(changed.c.item_key, cast(func.sum(changed.c.cents), schema.INT).label("cents"))
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .join(last, last.c.item_key == changed.c.item_key)
        .where(entry.c.business_date <= day, changed.c.entry_no > last.c.entry_no)
        .group_by(changed.c.item_key)
        .subquery()
    )


def effective(snapshot: Any, pending: Any) -> Any:
    """SQL: what is open, never below zero."""
    return case((snapshot > pending, snapshot - pending), else_=0)
