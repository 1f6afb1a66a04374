"""Whose turn it is among receipts that are looked at together although they came at different
times: credit on account, and money that waited in suspense.

The oldest received date comes first; of one day the smallest amount, then what tells a receipt from
others by its own content. So the same files in any order of arrival give the same applications.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond import ids
from recond.arrays import ints
from recond.matching.cascade import Payments
from recond.model import TEXT
from recond.store import schema
from recond.store.engine import fetch_arrow, stage

_TOLD = pa.schema([pa.field("receipt_no", pa.int64()), pa.field("check_number", TEXT),
                   pa.field("trace_number", TEXT)])  # fmt: skip
_ORDINAL = (1 << schema.ORDINAL_BITS) - 1


def identities(connection: Connection, receipts: pa.Array) -> pa.Array:
    """What tells each receipt (by key) from others: its check and trace number, then its id, which
    is its file's content and its place there."""
    if not len(receipts):
        return pa.array([], TEXT)
    wanted = pc.unique(receipts).sort()
    staged = stage(connection, "turned", pa.table({"receipt_no": wanted}))
    receipt = schema.receipt.c
    found = fetch_arrow(
        connection,
        select(receipt.receipt_no, receipt.check_number, receipt.trace_number)
        .join(staged, staged.c.receipt_no == receipt.receipt_no)
        .order_by(receipt.receipt_no),
        _TOLD,
    )
    number = ints(found["receipt_no"])
    files, place = np.unique(number >> schema.ORDINAL_BITS, return_inverse=True)
    names = ids.files_of(connection, set(files.tolist()))
    name = pa.array([names[one] for one in files.tolist()], TEXT).take(pa.array(place))
    ordinal = pc.utf8_lpad(pa.array(number & _ORDINAL).cast(TEXT), 10, "0")
    told = [pc.fill_null(found[column], "").combine_chunks() for column in _TOLD.names[1:]]
    text = pc.binary_join_element_wise(*told, name, ordinal, "\n")
    return text.take(pc.index_in(receipts, value_set=found["receipt_no"].combine_chunks()))


def in_turn(connection: Connection, receipts: pa.Table, today: dt.date) -> pa.Table:
    """RECEIPTS (`ordinal` is the key) in their turn; tenders of one payment stay together."""
    if receipts.num_rows < 2:
        return receipts
    payments = Payments.of(receipts, today)
    first = receipts["ordinal"].combine_chunks().take(pa.array(payments.first))
    who = ints(pc.rank(identities(connection, first), tiebreaker="dense").cast(pa.int64()))
    turn = np.lexsort((who, payments.totals, payments.day))
    rank = np.empty(len(turn), dtype=np.int64)
    rank[turn] = np.arange(len(turn))
    return receipts.take(pa.array(np.argsort(rank[payments.of_row], kind="stable")))
