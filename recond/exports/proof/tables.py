"""The datasets of the proof of cash: by day and bank account, by channel, and item by item."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from recond.exports.bank import line_ids
from recond.exports.columns import AMOUNT, FileIds
from recond.exports.proof.gather import gather
from recond.exports.proof.items import items
from recond.exports.proof.rows import CENTS, COUNTS, Proof, by_account, by_channel
from recond.exports.scope import Scope
from recond.money import decimal_from_cents

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()
_SUMS = [("files", INT64), *((name, INT64) for name in COUNTS),
         *((name, AMOUNT) for name in CENTS), ("difference", AMOUNT), ("age_days", INT64),
         ("state", TEXT)]  # fmt: skip
PROOF = pa.schema([("date", DATE), ("bank_account", TEXT), *_SUMS])
CHANNELS = pa.schema([("date", DATE), ("bank_account", TEXT), ("channel", TEXT), *_SUMS])
ITEMS = pa.schema(
    [("date", DATE), ("bank_account", TEXT), ("channel", TEXT), ("type", TEXT),
     ("amount", AMOUNT), ("age_days", INT64), ("deposit_id", TEXT), ("bank_line_id", TEXT),
     ("file_id", TEXT), ("text", TEXT)]
)  # fmt: skip


def proof_of_cash(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a day and bank account, in order; dates limit the day of the deposit."""
    yield _table(by_account(gather(connection, scope)), PROOF)


def proof_by_channel(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """The same, one row a day, bank account and channel."""
    yield _table(by_channel(gather(connection, scope)), CHANNELS)


def proof_items(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """What the sums of `proof_by_channel` that are no plain receipts are made of (`type` is the
    column), with the ids of deposit, bank line or file."""
    rows = items(connection, scope)
    files = FileIds.load(connection)
    has_file = pa.array([row.file_no is not None for row in rows], pa.bool_())
    numbers = np.array([row.file_no for row in rows if row.file_no is not None], np.int64)
    place = np.cumsum(np.array(has_file.to_pylist(), np.int64)) - 1
    named = files.of_files(numbers).take(
        pa.array(place, INT64, mask=~np.array(has_file.to_pylist(), np.bool_))
    )
    columns = {
        "date": pa.array([dt.date.fromisoformat(row.date) for row in rows], DATE),
        "amount": decimal_from_cents(pa.array([row.cents for row in rows], INT64)),
        "bank_line_id": line_ids(files, pa.array([row.line_key for row in rows], INT64)),
        "file_id": named,
        "text": pa.array([row.words for row in rows], TEXT),
    }
    for name, kind in (("bank_account", TEXT), ("channel", TEXT), ("type", TEXT),
                       ("age_days", INT64), ("deposit_id", TEXT)):  # fmt: skip
        columns[name] = pa.array([getattr(row, name) for row in rows], kind)
    yield pa.record_batch([columns[name] for name in ITEMS.names], schema=ITEMS)


def _table(rows: Sequence[Proof], shape: pa.Schema) -> pa.RecordBatch:
    columns = {
        "date": pa.array([dt.date.fromisoformat(row.date) for row in rows], DATE),
        "files": pa.array([len(row.files) for row in rows], INT64),
    }
    for name in ("bank_account", "channel", "state"):
        columns[name] = pa.array([getattr(row, name) for row in rows], TEXT)
    for name in (*COUNTS, "age_days"):
        columns[name] = pa.array([getattr(row, name) for row in rows], INT64)
    for name in (*CENTS, "difference"):
        cents = pa.array([getattr(row, name) for row in rows], INT64)
        columns[name] = decimal_from_cents(cents)
    return pa.record_batch([columns[name] for name in shape.names], schema=shape)
