"""What a payment that comes back costs its payer: lines of the list of charges that billing makes,
and the days on which an account takes cash only (domain E20-E26, E24)."""

from __future__ import annotations

import datetime as dt
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, func, select

from recond.pipeline.comeback import BOUNCED, Back
from recond.pipeline.moves import Standing
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import insert_table

item = schema.return_item
FEE, RECOVERY, CANCELLED = "RETURN_FEE", "REFUND_RECOVERY", "_CANCELLED"


def fee(
    connection: Connection, run: Run, one: Back, owner: Standing, account_key: int | None
) -> None:
    """The fee that recond.toml names for the reason, once a payment however often it returns."""
    if account_key is None or owed_charges(connection, owner.receipt_no, FEE):
        return
    for rule in run.home.settings.return_fee:
        if any(fnmatchcase(one.code, pattern) for pattern in rule.codes):
            if rule.amount:
                charge(connection, run, one, owner, account_key, FEE, rule.amount)
            return


def owed_charges(connection: Connection, receipt_no: int, kind: str) -> list[Any]:
    """The charges of a kind that a payment cost its payer, and that were not cancelled."""
    made = schema.charge.c
    rows = connection.execute(
        select(schema.charge)
        .where(made.receipt_no == receipt_no, made.kind.in_([kind, kind + CANCELLED]))
        .order_by(made.file_no, made.ordinal, made.number)
    ).all()
    gone = {(row.file_no, row.ordinal, row.number) for row in rows if row.kind != kind}
    return [
        row
        for row in rows
        if row.kind == kind and (row.file_no, row.ordinal, row.number) not in gone
    ]


def cancel(connection: Connection, run: Run, receipt_no: int, kind: str) -> None:
    """Say of a payment's charges of a kind that billing shall not make them after all: the money
    came again."""
    for row in owed_charges(connection, receipt_no, kind):
        cancel_one(connection, run, row)


def cancel_one(connection: Connection, run: Run, row: Any) -> None:
    """Write the line that cancels one charge."""
    told = dict(row._mapping) | {
        "kind": row.kind + CANCELLED, "made_date": run.today.isoformat(),
        "period": run.cutoff(connection).month(row.charge_date),
    }  # fmt: skip
    insert_table(connection, schema.charge, told)


def charge(
    connection: Connection, run: Run, one: Back, owner: Standing, account_key: int | None,
    kind: str, cents: int,
) -> None:  # fmt: skip
    """A line of the list of charges that billing makes; the next snapshot brings the item."""
    made = schema.charge.c
    last = connection.scalar(
        select(func.max(made.number)).where(
            made.file_no == one.file_no, made.ordinal == one.ordinal, made.kind == kind
        )
    )
    row = {
        "file_no": one.file_no,
        "ordinal": one.ordinal,
        "kind": kind,
        "number": (last or 0) + 1,
        "receipt_no": owner.receipt_no,
        "account_key": account_key,
        "cents": cents,
        "charge_date": one.day,
        "made_date": run.today.isoformat(),
        "period": run.cutoff(connection).month(one.day),
        "reason": one.words,
    }
    insert_table(connection, schema.charge, row)


def cash_only(connection: Connection, run: Run, one: Back, account_key: int | None) -> None:
    """From so many returns within so many days on the account takes cash only (domain E24)."""
    if account_key is None:
        return
    day = dt.date.fromisoformat(one.day)
    ends = []
    for rule in run.home.settings.cash_only:
        first = day - dt.timedelta(days=rule.within_days)
        count = connection.scalar(
            select(func.count())
            .select_from(item)
            .where(
                item.c.account_key == account_key,
                item.c.kind.in_(BOUNCED),
                item.c.reversed_cents > 0,
                item.c.return_date >= first.isoformat(),
                item.c.return_date <= one.day,
            )
        )
        if (count or 0) >= rule.returns:
            ends.append(day + dt.timedelta(days=rule.for_days))
    if ends:
        row = {
            "account_key": account_key,
            "file_no": one.file_no,
            "ordinal": one.ordinal,
            "until_date": max(ends).isoformat(),
            "made_date": run.today.isoformat(),
        }
        insert_table(connection, schema.cash_only, row)
