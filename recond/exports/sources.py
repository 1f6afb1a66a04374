"""The dataset `sources`: what each journal line is made of, down to the bytes.

One row a source of an entry, fund and GL account: a receipt that was placed or moved, a bank line
that brought a deposit, a deposit whose fees or differences were booked, an item that a snapshot
changed or that recond adjusted (written off, recovered, given back). The rows of an entry, fund
and account add up to its journal line, and file, line and bytes say where each was read; `files`
has the hash of the file. So a line of the ledger leads to the bytes, and back, by ids in the
exports alone (domain section 1, rows 7 and 12).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, and_, case, func, literal, select

from recond.exports.columns import AMOUNT, FileIds, fetch_table, int64s
from recond.exports.scope import Scope
from recond.money import decimal_from_cents
from recond.posting import (
    ARRIVAL,
    MOVEMENTS,
    Chart,
    clearing_account,
    movement_legs,
    receivable_account,
)
from recond.store import schema

TEXT, INT64 = pa.string(), pa.int64()
SOURCES = pa.schema(
    [("entry_id", TEXT), ("kind", TEXT), ("source_id", TEXT), ("file_id", TEXT), ("line", INT64),
     ("byte_offset", INT64), ("byte_length", INT64), ("fund", TEXT), ("gl_account", TEXT),
     ("debit", AMOUNT), ("credit", AMOUNT)]
)  # fmt: skip
ENTRIES = 256  # looked at together
entry, decision, placement = schema.entry, schema.decision, schema.placement
receipt, clearing, deposit = schema.receipt, schema.clearing, schema.deposit

# One row a source, fund and account; `file_no` and `place` name the source where it is numbered.
_LEGS = pa.schema(
    [("entry_no", INT64), ("kind", TEXT), ("source_id", TEXT), ("file_no", INT64),
     ("line", INT64), ("byte_offset", INT64), ("byte_length", INT64), ("fund", TEXT),
     ("gl_account", TEXT), ("cents", INT64)]
)  # fmt: skip
_KEYS = [name for name in _LEGS.names if name != "cents"]


def sources(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """The rows by entry, kind and source; dates limit the effective date of the entry."""
    files = FileIds.load(connection)
    shown = pa.schema([("entry_no", INT64), ("entry_id", TEXT)])
    entries = fetch_table(
        connection,
        select(entry.c.entry_no, entry.c.entry_id)
        .where(scope.known(entry.c.business_date), scope.within(entry.c.effective_date))
        .order_by(entry.c.entry_no),
        shown,
    )
    for start in range(0, entries.num_rows, ENTRIES):
        part = entries.slice(start, ENTRIES).combine_chunks()
        numbers = part["entry_no"].combine_chunks()
        inside = (numbers[0].as_py(), numbers[-1].as_py())
        found = pa.concat_tables(
            made(connection, inside, files, scope.chart)
            for made in (_receipts, _bank_lines, _deposits, _items, _adjustments)
        )
        found = found.filter(pc.is_in(found["entry_no"], value_set=numbers))
        yield _batch(found, part, files)


def _batch(found: pa.Table, entries: pa.Table, files: FileIds) -> pa.RecordBatch:
    found = found.group_by(_KEYS, use_threads=False).aggregate([("cents", "sum")])
    found = found.filter(pc.not_equal(found["cents_sum"], 0))
    order = ("entry_no", "kind", "file_no", "line", "source_id", "fund", "gl_account")
    found = found.sort_by([(name, "ascending") for name in order]).combine_chunks()
    rows = pc.index_in(found["entry_no"], value_set=entries["entry_no"].combine_chunks())
    owner = int64s(pc.fill_null(found["file_no"], -1))
    known = files.of_files(np.maximum(owner, 0)) if len(files.numbers) else pa.nulls(len(owner))
    cents = found["cents_sum"].combine_chunks()
    made = {
        "entry_id": entries["entry_id"].combine_chunks().take(rows.combine_chunks()),
        "file_id": pc.if_else(pa.array(owner >= 0), known, None).cast(TEXT),
        "debit": decimal_from_cents(pc.max_element_wise(cents, 0)),
        "credit": decimal_from_cents(pc.max_element_wise(pc.negate(cents), 0)),
    }
    return pa.record_batch(
        [made[n] if n in made else found[n].combine_chunks() for n in SOURCES.names],
        schema=SOURCES,
    )


_PLACED = pa.schema(
    [("entry_no", INT64), ("receipt_no", INT64), ("version", INT64), ("bucket", pa.int32()),
     ("charge_type", TEXT), ("fund", TEXT), ("cents", INT64), ("channel", TEXT),
     ("amount_cents", INT64), ("line", INT64), ("byte_offset", INT64), ("byte_length", INT64)]
)  # fmt: skip


def _receipts(
    connection: Connection, inside: tuple[int, int], files: FileIds, chart: Chart
) -> pa.Table:
    """Legs of each placement as posting makes them, and of each arrival, by receipt."""
    query = (
        select(
            decision.c.entry_no, decision.c.receipt_no, decision.c.version, placement.c.bucket,
            placement.c.charge_type, placement.c.fund, placement.c.cents, receipt.c.channel,
            receipt.c.amount_cents, receipt.c.line, receipt.c.byte_offset, receipt.c.byte_length,
        )
        .join(placement, and_(placement.c.receipt_no == decision.c.receipt_no,
                              placement.c.version == decision.c.version))
        .join(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(decision.c.entry_no.between(*inside))
        .order_by(decision.c.entry_no, decision.c.receipt_no, placement.c.line)
    )  # fmt: skip
    placed = fetch_table(connection, query, _PLACED)
    if not placed.num_rows:
        return _LEGS.empty_table()
    numbers, versions = int64s(placed["receipt_no"]), int64s(placed["version"])
    first = np.r_[True, numbers[1:] != numbers[:-1]] & (versions == 1)
    came = placed.filter(pa.array(first))
    count = came.num_rows
    arrived = came.set_column(
        placed.schema.get_field_index("bucket"),
        "bucket",
        pa.repeat(pa.scalar(ARRIVAL, pa.int32()), count),
    ).set_column(placed.schema.get_field_index("cents"), "cents", came["amount_cents"])
    every = pa.concat_tables([placed, arrived]).combine_chunks()
    row = pa.array(np.arange(every.num_rows))
    moved = pa.table(
        [row, *(every[n].combine_chunks() for n in MOVEMENTS.names[1:])], schema=MOVEMENTS
    )
    legs = movement_legs(moved, chart)
    own = every.take(legs["entry_no"].combine_chunks())
    numbers = int64s(own["receipt_no"])
    return _legs(
        own, legs, kind="receipt", source_id=files.receipts(numbers),
        file_no=pa.array(numbers >> schema.ORDINAL_BITS),
    )  # fmt: skip


def _legs(
    own: pa.Table, legs: pa.Table, *, kind: str, source_id: pa.Array, file_no: pa.Array
) -> pa.Table:
    count = own.num_rows
    made = {"kind": pa.repeat(pa.scalar(kind), count), "source_id": source_id, "file_no": file_no}
    told = {name: legs[name] for name in ("fund", "gl_account", "cents")}
    empty = pa.nulls(count, INT64)
    columns = [
        made[name] if name in made else told[name] if name in told
        else own[name] if name in own.column_names else empty
        for name in _LEGS.names
    ]  # fmt: skip
    return pa.table(columns, schema=_LEGS)


def _both(fund: Any, one: Any, other: Any, cents: pa.Array) -> pa.Table:
    """Two legs a row: `cents` to one account and from the other, in a fund."""
    debit = pa.table({"fund": fund, "gl_account": one, "cents": cents})
    credit = pa.table({"fund": fund, "gl_account": other, "cents": pc.negate(cents)})
    return pa.concat_tables([debit, credit])


def _bank_lines(
    connection: Connection, inside: tuple[int, int], files: FileIds, chart: Chart
) -> pa.Table:
    """A line that brought a deposit moves it out of the channel's clearing account; one without a
    deposit is a fee."""
    line = schema.bank_line
    query = (
        select(clearing.c.entry_no, clearing.c.file_no, clearing.c.ordinal, clearing.c.cents,
               deposit.c.channel, line.c.line, line.c.byte_offset, line.c.byte_length)
        .outerjoin(deposit, deposit.c.deposit_no == clearing.c.deposit_no)
        .join(line, and_(line.c.file_no == clearing.c.file_no,
                         line.c.ordinal == clearing.c.ordinal))
        .where(clearing.c.entry_no.between(*inside))
        .order_by(clearing.c.clearing_no)
    )  # fmt: skip
    shape = pa.schema(
        [("entry_no", INT64), ("file_no", INT64), ("ordinal", INT64), ("cents", INT64),
         ("channel", TEXT), ("line", INT64), ("byte_offset", INT64), ("byte_length", INT64)]
    )  # fmt: skip
    own = fetch_table(connection, query, shape)
    if not own.num_rows:
        return _LEGS.empty_table()
    count = own.num_rows
    fee = pc.is_null(own["channel"]).combine_chunks()
    channels = pc.fill_null(own["channel"].combine_chunks(), "BANK")
    other = pc.if_else(fee, chart.fees, clearing_account(channels, chart))
    pool, bank = (pa.repeat(pa.scalar(name), count) for name in (chart.pool_fund, chart.bank))
    legs = _both(pool, bank, other, own["cents"].combine_chunks())
    own = pa.concat_tables([own, own])
    keys = (int64s(own["file_no"]) << schema.ORDINAL_BITS) | int64s(own["ordinal"])
    named = pc.replace_substring_regex(files.receipts(keys), "^R", "L")
    return _legs(own, legs, kind="bank_line", source_id=named, file_no=own["file_no"])


def _deposits(
    connection: Connection, inside: tuple[int, int], _files: FileIds, _chart: Chart
) -> pa.Table:
    """What was booked about one deposit: fees, over and short; its drawer's close is the place."""
    lines, close = schema.journal_line, schema.drawer_close
    one = deposit.alias()
    first = (
        select(func.min(one.c.deposit_id))
        .where(one.c.entry_no == entry.c.entry_no)
        .correlate(entry)
        .scalar_subquery()
    )
    query = (
        select(entry.c.entry_no, literal("deposit"), func.coalesce(first, ""), entry.c.file_no,
               close.c.line, close.c.byte_offset, close.c.byte_length, lines.c.fund,
               lines.c.gl_account, lines.c.debit_cents - lines.c.credit_cents)
        .join(lines, lines.c.entry_no == entry.c.entry_no)
        .outerjoin(deposit, and_(deposit.c.deposit_id == first, deposit.c.kind == "drawer"))
        .outerjoin(close, and_(close.c.file_no == deposit.c.file_no,
                               close.c.ordinal == deposit.c.batch_ord))
        .where(entry.c.entry_no.between(*inside), entry.c.source == "deposit")
        .order_by(entry.c.entry_no, lines.c.line)
    )  # fmt: skip
    return fetch_table(connection, query, _LEGS)


def _owed(connection: Connection, query: Any, kind: str, chart: Chart) -> pa.Table:
    """Changes of receivables (`entry_no`, `file_no`, `account`, `item`, `charge_type`, `fund`,
    `cents`) against another account (`other`) of their funds."""
    shape = pa.schema(
        [("entry_no", INT64), ("file_no", INT64), ("account", TEXT), ("item", TEXT),
         ("charge_type", TEXT), ("fund", TEXT), ("cents", INT64), ("other", TEXT)]
    )  # fmt: skip
    own = fetch_table(connection, query, shape)
    if not own.num_rows:
        return _LEGS.empty_table()
    owed = receivable_account(own["charge_type"].combine_chunks(), chart)
    cents, other = (own[name].combine_chunks() for name in ("cents", "other"))
    legs = _both(own["fund"].combine_chunks(), owed, other, cents)
    own = pa.concat_tables([own, own]).combine_chunks()
    named = pc.binary_join_element_wise(own["account"], own["item"], "/")
    return _legs(own, legs, kind=kind, source_id=named, file_no=own["file_no"])


def _items(
    connection: Connection, inside: tuple[int, int], _files: FileIds, chart: Chart
) -> pa.Table:
    """Items that a snapshot changed: named by account and item number, as the file names them."""
    past, item, account = schema.item_version, schema.item, schema.account
    query = (
        select(past.c.entry_no, entry.c.file_no, account.c.account_number, item.c.item_number,
               past.c.charge_type, past.c.fund, past.c.change_cents,
               case((past.c.charge_type.in_(chart.deposits), chart.customer_deposits),
                    else_=chart.billing_contra))
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .join(item, item.c.item_key == past.c.item_key)
        .join(account, account.c.account_key == item.c.account_key)
        .where(past.c.entry_no.between(*inside), past.c.change_cents != 0)
        .order_by(past.c.entry_no, past.c.item_key)
    )  # fmt: skip
    return _owed(connection, query, "item", chart)


def _adjustments(
    connection: Connection, inside: tuple[int, int], _files: FileIds, chart: Chart
) -> pa.Table:
    """What recond itself changed of what items owe: written off, recovered, given back."""
    adjusted, item, account = schema.adjustment, schema.item, schema.account
    query = (
        select(adjusted.c.entry_no, entry.c.file_no, account.c.account_number, item.c.item_number,
               adjusted.c.charge_type, adjusted.c.fund, adjusted.c.cents, adjusted.c.gl_account)
        .join(entry, entry.c.entry_no == adjusted.c.entry_no)
        .join(item, item.c.item_key == adjusted.c.item_key)
        .join(account, account.c.account_key == item.c.account_key)
        .where(adjusted.c.entry_no.between(*inside))
        .order_by(adjusted.c.entry_no, adjusted.c.line)
    )  # fmt: skip
    return _owed(connection, query, "adjustment", chart)
