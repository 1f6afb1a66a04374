"""What recond itself changed of what is owed, as a dataset: write-offs, and what of them was paid
after all. Its rows of kind `recovered` by a payment are what an agency has to be told of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.exports.columns import AMOUNT, FileIds, fetch, int64s
from recond.exports.scope import Scope
from recond.money import decimal_from_cents
from recond.store import schema

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()
ADJUSTMENTS = pa.schema(
    [("adjustment_id", TEXT), ("kind", TEXT), ("account_number", TEXT), ("item_number", TEXT),
     ("charge_type", TEXT), ("fund", TEXT), ("amount", AMOUNT), ("receipt_id", TEXT),
     ("effective_date", DATE), ("decided_by", TEXT), ("decision_id", TEXT)]
)  # fmt: skip


def adjustments(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a change of what an item owes, in the order of entries; `amount` is signed, owed
    more +. Dates limit the effective date."""
    changed, entry = schema.adjustment.c, schema.entry.c
    statement = (
        select(
            entry.entry_id, changed.kind, schema.account.c.account_number,
            schema.item.c.item_number, changed.charge_type, changed.fund, changed.cents,
            changed.receipt_no, entry.effective_date, entry.decided_by, changed.decision_id,
            changed.line,
        )
        .join(schema.entry, entry.entry_no == changed.entry_no)
        .join(schema.item, schema.item.c.item_key == changed.item_key)
        .join(schema.account, schema.account.c.account_key == schema.item.c.account_key)
        .where(scope.known(entry.business_date), scope.within(entry.effective_date))
        .order_by(changed.entry_no, changed.line)
    )  # fmt: skip
    raw = [pa.field(f.name, INT64 if f.name in {"amount", "receipt_id"} else f.type)
           for f in ADJUSTMENTS]  # fmt: skip
    files = FileIds.load(connection)
    for found in fetch(connection, statement, pa.schema([*raw, pa.field("line", INT64)])):
        made = {
            "adjustment_id": pc.binary_join_element_wise(
                found["adjustment_id"], found["line"].cast(TEXT), "-"
            ),
            "amount": decimal_from_cents(found["amount"]),
            "receipt_id": receipt_ids(files, found["receipt_id"]),
        }
        columns = [made.get(name, found[name]) for name in ADJUSTMENTS.names]
        yield pa.record_batch(columns, schema=ADJUSTMENTS)


def receipt_ids(files: FileIds, numbers: pa.Array) -> pa.Array:
    """Ids of receipts by their keys, null for null."""
    known = pc.is_valid(numbers).to_numpy(zero_copy_only=False)
    named = files.receipts(int64s(numbers.drop_null()))
    return named.take(pa.array(np.cumsum(known) - 1, mask=~known))
