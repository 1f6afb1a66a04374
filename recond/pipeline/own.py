"""The office's own ACH debits: an origination file of its own company id is payments.

Autopay leaves the office as a file of debits. Dropped into `ach/` it becomes receipts of channel
ACH_DEBIT, received on the effective date, for what the entry names; returns find them by trace.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from recond.model import RECEIPTS, REMITTANCES, Parsed
from recond.pipeline.reading import Reading

# Kinds of records that a room takes; others of a batch are kept with NOT_YET_HANDLED.
HANDLED = frozenset(("RETURN", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL", "NOC", "FEE",
                     "CONVENIENCE_FEE"))  # fmt: skip
OWN_ORDINALS = 1 << 30


def waits(reading: Reading, own: Iterable[str]) -> frozenset[int]:
    """Batches of a file that hold records which nothing here takes."""
    mine = _own_batches(reading, own)
    found: set[int] = set()
    for chunk in reading.chunks():
        rows = chunk.table("set_aside").select(["batch_ord", "kind"])
        for row in rows.group_by(["batch_ord", "kind"]).aggregate([]).to_pylist():
            ours = row["kind"] == "DEBIT" and row["batch_ord"] in mine
            if row["kind"] not in HANDLED and not ours:
                found.add(row["batch_ord"])
    return frozenset(found)


def _own_batches(reading: Reading, own: Iterable[str]) -> frozenset[int]:
    wanted = set(own)
    batches = reading.batches
    return frozenset(
        number
        for number, source in zip(
            batches["batch_ord"].to_pylist(), batches["source"].to_pylist(), strict=True
        )
        if source in wanted
    )


def own_debits(
    set_aside: pa.Table, reading: Reading, own: Iterable[str]
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """What of a chunk's records are debits that the office itself sent: they are payments.

    Returns RECEIPTS (channel ACH_DEBIT, received on the effective date) and REMITTANCES (the
    entry's individual id), and the records that are none.
    """
    mine = pa.array(sorted(_own_batches(reading, own)), pa.int32())
    debit = pc.and_(
        pc.fill_null(pc.equal(set_aside["kind"], "DEBIT"), False),
        pc.fill_null(pc.is_in(set_aside["batch_ord"], value_set=mine), False),
    )
    rows = set_aside.filter(debit)
    count = rows.num_rows
    if not count:
        return RECEIPTS.empty_table(), REMITTANCES.empty_table(), set_aside
    # a file may hold credits too, numbered from 1: debits are numbered behind them
    base = OWN_ORDINALS if reading.receipts else 0
    ordinal = pc.add(rows["ordinal"], base)
    made = {
        "ordinal": ordinal,
        "channel": pa.repeat(pa.scalar("ACH_DEBIT"), count),
        "tender": pa.repeat(pa.scalar("ACH"), count),
        "received_date": rows["effective_date"],
        "deposit_date": rows["effective_date"],
        "reference": rows["reference"],
    }
    for name in ("line", "byte_offset", "byte_length", "batch_ord", "amount_cents",
                 "trace_number", "payer_name"):  # fmt: skip
        made[name] = rows[name]
    receipts = pa.table(
        [made[f.name] if f.name in made else pa.nulls(count, f.type) for f in RECEIPTS],
        schema=RECEIPTS,
    )
    named = rows.filter(pc.is_valid(rows["reference"]))
    told = {
        "ordinal": ordinal.filter(pc.is_valid(rows["reference"])),
        "sequence": pa.repeat(pa.scalar(1, pa.int32()), named.num_rows),
        "kind": pa.repeat(pa.scalar("REFERENCE"), named.num_rows),
        "reference": named["reference"],
        "amount_cents": pa.nulls(named.num_rows, pa.int64()),
    }
    for name in ("line", "byte_offset", "byte_length"):
        told[name] = named[name]
    remittances = pa.table([told[f.name] for f in REMITTANCES], schema=REMITTANCES)
    return receipts, remittances, set_aside.filter(pc.invert(debit))


def with_own_debits(chunk: Parsed, reading: Reading, own: Iterable[str]) -> Parsed:
    """The chunk with the office's own debits among its receipts."""
    if not own or not chunk.table("set_aside").num_rows:
        return chunk
    receipts, remittances, rest = own_debits(chunk.table("set_aside"), reading, own)
    if not receipts.num_rows:
        return chunk
    tables = dict(chunk.tables)
    for name, more in (("receipts", receipts), ("remittances", remittances)):
        # reading has added keys to the receipts (a payer's hash): these debits have none
        both = pa.concat_tables([chunk.table(name), more], promote_options="default")
        tables[name] = both.combine_chunks()
    tables["set_aside"] = rest
    return Parsed(tables, chunk.problems, chunk.transmission)
