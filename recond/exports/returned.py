"""The datasets of returned items: returns, charges that billing makes, return rates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, case, func, select

from recond.clearing import return_codes
from recond.exports.bank import batch_of, clearing, line_ids
from recond.exports.columns import AMOUNT, FileIds, fetch, int64s
from recond.exports.scope import Scope
from recond.money import decimal_from_cents
from recond.store import schema

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()

RETURNS = pa.schema(
    [("return_id", TEXT), ("file_id", TEXT), ("kind", TEXT), ("code", TEXT), ("amount", AMOUNT),
     ("reversed_amount", AMOUNT), ("return_date", DATE), ("receipt_id", TEXT),
     ("received_date", DATE), ("state", TEXT), ("bank_line_id", TEXT)]
)  # fmt: skip
CHARGES = pa.schema(
    [("charge_id", TEXT), ("account_number", TEXT), ("kind", TEXT), ("amount", AMOUNT),
     ("charge_date", DATE), ("receipt_id", TEXT), ("return_id", TEXT), ("reason", TEXT)]
)  # fmt: skip
PERCENT = pa.decimal128(9, 2)
RETURN_RATES = pa.schema(
    [("measure", TEXT), ("first_date", DATE), ("last_date", DATE), ("returned", INT64),
     ("debits", INT64), ("rate_percent", PERCENT), ("threshold_percent", PERCENT),
     ("state", TEXT)]
)  # fmt: skip
RATE_DAYS = 60  # Nacha looks at the last 60 days
# Measure, its codes (None: every), threshold in hundredths of a percent (Nacha 2.17.2).
MEASURES = (
    ("unauthorised", return_codes.UNAUTHORISED, 50),
    ("administrative", return_codes.ADMINISTRATIVE, 300),
    ("overall", None, 1500),
)


def returns(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a payment that came back, by arrival; dates limit the return date. `state`:
    debited when the bank's debit met it, netted in a card batch, else reversed; restored when it
    brought the money again (its `reversed_amount` is negative)."""
    item, receipt = schema.return_item, schema.receipt.c
    key = clearing.c.file_no * (1 << schema.ORDINAL_BITS) + clearing.c.ordinal
    mine = (clearing.c.deposit_no == item.c.deposit_no, scope.known(clearing.c.business_date))
    met = select(func.coalesce(func.sum(clearing.c.cents), 0)).where(*mine).scalar_subquery() != 0
    first = case((met, select(func.min(key)).where(*mine).scalar_subquery()))
    state = case(
        (item.c.reversed_cents < 0, "restored"),
        (item.c.deposit_no.is_(None), "netted"),
        (met, "debited"),
        else_="reversed",
    )
    statement = (
        select(
            item.c.ordinal, item.c.file_no, item.c.kind, item.c.code, item.c.amount_cents,
            item.c.reversed_cents, item.c.return_date, item.c.receipt_no, receipt.received_date,
            state, first,
        )
        .join(schema.receipt, receipt.receipt_no == item.c.receipt_no)
        .where(scope.known(item.c.taken_date), scope.of_month(item.c.return_date, item.c.period))
        .order_by(item.c.file_no, item.c.ordinal)
    )  # fmt: skip
    numbers = {"return_id", "file_id", "amount", "reversed_amount", "receipt_id", "bank_line_id"}
    raw = pa.schema([pa.field(f.name, INT64 if f.name in numbers else f.type) for f in RETURNS])
    files = FileIds.load(connection)
    for found in fetch(connection, statement, raw):
        file_no = int64s(found["file_id"])
        keys = pa.array((file_no << schema.ORDINAL_BITS) | int64s(found["return_id"]))
        made = {
            "return_id": pc.replace_substring_regex(line_ids(files, keys), "^L", "N"),
            "file_id": files.of_files(file_no),
            "amount": decimal_from_cents(found["amount"]),
            "reversed_amount": decimal_from_cents(found["reversed_amount"]),
            "receipt_id": files.receipts(int64s(found["receipt_id"])),
            "bank_line_id": line_ids(files, found["bank_line_id"]),
        }
        yield batch_of(found, made, RETURNS)


def charges(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a charge that billing shall make, or (kind `…_CANCELLED`) shall not after all, in
    order; dates limit the charge date."""
    charge, account = schema.charge.c, schema.account.c
    statement = (
        select(
            charge.ordinal, account.account_number, charge.kind, charge.cents,
            charge.charge_date, charge.receipt_no, charge.file_no, charge.reason, charge.number,
        )
        .outerjoin(schema.account, account.account_key == charge.account_key)
        .where(scope.known(charge.made_date), scope.of_month(charge.charge_date, charge.period))
        .order_by(charge.file_no, charge.ordinal, charge.made_date, charge.kind, charge.number)
    )  # fmt: skip
    numbers = {"charge_id", "amount", "receipt_id", "return_id"}
    raw = pa.schema([pa.field(f.name, INT64 if f.name in numbers else f.type) for f in CHARGES])
    raw = raw.append(pa.field("number", INT64))
    files = FileIds.load(connection)
    for found in fetch(connection, statement, raw):
        file_no = int64s(found["return_id"])
        keys = pa.array((file_no << schema.ORDINAL_BITS) | int64s(found["charge_id"]))
        returned = pc.replace_substring_regex(line_ids(files, keys), "^L", "N")
        named = pc.binary_join_element_wise(returned, found["kind"], "-")
        later = pc.binary_join_element_wise(named, found["number"].cast(TEXT), "-")
        named = pc.if_else(pc.greater(found["number"], 1), later, named)
        made = {
            "charge_id": named,
            "amount": decimal_from_cents(found["amount"]),
            "receipt_id": files.receipts(int64s(found["receipt_id"])),
            "return_id": returned,
        }
        yield batch_of(found, made, CHARGES)


def rates(connection: Connection, first: dt.date, last: dt.date) -> pa.Table:
    """RETURN_RATES: returned debits of the office against its debits, by Nacha's measures.

    Debits count by their effective date, returns by their return date, both within the days.
    `state`: above when the rate is over its threshold, else below; a refused return counts too.
    """
    receipt = schema.receipt.c
    debits = connection.scalar(
        select(func.count()).where(
            receipt.channel == "ACH_DEBIT",
            receipt.received_date >= first.isoformat(),
            receipt.received_date <= last.isoformat(),
        )
    )
    counts = by_code(connection, first, last)
    rows = []
    for measure, codes, threshold in MEASURES:
        returned = sum(n for code, n in counts.items() if codes is None or code in codes)
        rate = _hundredths(returned, debits or 0)
        rows.append(
            {
                "measure": measure,
                "first_date": first,
                "last_date": last,
                "returned": returned,
                "debits": debits or 0,
                "rate_percent": Decimal(rate).scaleb(-2),
                "threshold_percent": Decimal(threshold).scaleb(-2),
                # compared exactly, never by the rounded rate
                "state": "above" if returned * 10_000 > threshold * (debits or 0) else "below",
            }
        )
    return pa.Table.from_pylist(rows, schema=RETURN_RATES)


def by_code(connection: Connection, first: dt.date, last: dt.date) -> dict[str, int]:
    """Returned debits of the office by return code, by their return date."""
    receipt, item = schema.receipt.c, schema.return_item.c
    code = func.coalesce(item.code, "")
    rows = connection.execute(
        select(code, func.count())
        .join(schema.receipt, receipt.receipt_no == item.receipt_no)
        .where(
            receipt.channel == "ACH_DEBIT", item.kind == "RETURN", item.reversed_cents > 0,
            item.return_date >= first.isoformat(), item.return_date <= last.isoformat(),
        )
        .group_by(code)
        .order_by(code)
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


def _hundredths(part: int, whole: int) -> int:
    """`part` of `whole` in hundredths of a percent, rounded half up; nothing of nothing is 0."""
    return (part * 20_000 + whole) // (2 * whole) if whole else 0


def return_rates(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Three rows: the rates of the 60 days that end with the day, or of `--from` to `--to`."""
    last = min(scope.date_to or scope.day, scope.day)
    first = scope.date_from or last - dt.timedelta(days=RATE_DAYS - 1)
    yield from rates(connection, first, last).to_batches()
