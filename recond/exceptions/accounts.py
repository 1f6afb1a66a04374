"""Accounts that an open question could mean: what is open on each, and what was paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

import pyarrow as pa
from sqlalchemy import Connection, Table, func, or_, select

from recond.model import CREDIT, ITEM
from recond.store import schema
from recond.store.engine import stage


@dataclass(slots=True)
class Account:
    """An account that could be meant, with what is open and what was paid."""

    account_key: int
    number: str
    name: str
    name_key: str | None
    status: str
    due_cents: int = 0
    open_parts: dict[int, str] = field(default_factory=dict)  # cents → an item, bill, what is due
    paid: dict[int, str] = field(default_factory=dict)  # cents → last received date
    paid_by: dict[int, int] = field(default_factory=dict)  # cents → the receipt, where just one

    def paid_before(self, cents: int, receipt_no: int) -> str | None:
        """The last day on which a payment of these cents, other than the receipt, reached it."""
        return None if self.paid_by.get(cents) == receipt_no else self.paid.get(cents)


def accounts_of(connection: Connection, wanted: set[int], amounts: set[int]) -> dict[int, Account]:
    """Accounts by their keys (`wanted`), with what is open, and the payments over one of `amounts`
    (cents) that reached them."""
    if not wanted:
        return {}
    account, item, balance = schema.account.c, schema.item.c, schema.item_balance.c
    mine = staged(connection, "asked_accounts", "account_key", sorted(wanted)).c.account_key
    statement = select(
        account.account_key, account.account_number, account.customer_name, account.name_key,
        account.status,
    ).where(account.account_key == mine)  # fmt: skip
    found = {
        key: Account(key, number, name or "", name_key, status)
        for key, number, name, name_key, status in connection.execute(statement)
    }
    owed = (
        select(item.account_key, balance.open_cents, item.item_number, item.bill_number,
               item.due_date)
        .select_from(schema.item_and_balance)
        .where(item.account_key == mine, balance.open_cents > 0)
        .order_by(item.account_key, item.item_number)
    )  # fmt: skip
    for key, rows in groupby(connection.execute(owed), key=lambda row: row.account_key):
        items = [_Owed(*row[1:]) for row in rows]
        found[key].due_cents = sum(one.cents for one in items)
        found[key].open_parts = _parts(items)
    _paid(connection, found, sorted(amounts))
    return found


@dataclass(frozen=True, slots=True)
class _Owed:
    cents: int
    item: str
    bill: str | None
    due_date: str | None


def _parts(owed: Sequence[_Owed]) -> dict[int, str]:
    """What people pay of an account by itself: an item, a bill, what was due by a day; by cents,
    the smallest part that has them."""
    parts: dict[int, str] = {}
    for one in owed:
        parts.setdefault(one.cents, f"item {one.item}")
    bills: dict[str, int] = {}
    for one in owed:
        if one.bill is not None:
            bills[one.bill] = bills.get(one.bill, 0) + one.cents
    for bill, cents in bills.items():
        parts.setdefault(cents, f"bill {bill}")
    so_far = 0
    dated = sorted((one for one in owed if one.due_date), key=attrgetter("due_date"))
    for day, due in groupby(dated, key=attrgetter("due_date")):
        so_far += sum(one.cents for one in due)
        parts.setdefault(so_far, f"what was due by {day}")
    return parts


def _paid(connection: Connection, accounts: dict[int, Account], cents: list[int]) -> None:
    """Of each account the last day on which a payment of the same amount reached it."""
    decision, receipt, placed = schema.decision.c, schema.receipt.c, schema.placement.c
    mine = staged(connection, "asked_accounts", "account_key", sorted(accounts)).c.account_key
    amounts = staged(connection, "asked_cents", "cents", cents).c.cents
    statement = (
        select(
            decision.account_key,
            receipt.amount_cents,
            func.max(receipt.received_date),
            func.min(receipt.receipt_no),
            func.max(receipt.receipt_no),
        )
        .join(schema.receipt, receipt.receipt_no == decision.receipt_no)
        .where(
            decision.account_key == mine,
            receipt.amount_cents == amounts,
            select(func.sum(placed.cents))
            .where(
                placed.receipt_no == decision.receipt_no,
                or_(placed.bucket == ITEM, placed.bucket == CREDIT),
                placed.account_key == decision.account_key,
            )
            .scalar_subquery()
            > 0,
        )
        .group_by(decision.account_key, receipt.amount_cents)
    )
    for key, amount, date, first, last in connection.execute(statement):
        accounts[key].paid[amount] = date
        if first == last:
            accounts[key].paid_by[amount] = first


def staged(connection: Connection, name: str, column: str, values: list[int]) -> Table:
    """Whole numbers in a temporary table of one column, each once."""
    table = pa.table({column: pa.array(sorted(set(values)), pa.int64())})
    return stage(connection, name, table, key=(column,))
