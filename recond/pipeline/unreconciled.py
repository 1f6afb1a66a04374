"""What clearing has to look at: statement lines that nothing explains, deposits not brought yet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, case, func, select

from recond.arrays import Ints, ints
from recond.clearing.kinds import OF_CHANNEL, kinds_of
from recond.clearing.tables import OPEN_DEPOSITS, OPEN_LINES, RETURN, SOURCES
from recond.model import SUSPENSE
from recond.pipeline import bankbook
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import fetch_arrow, stage

deposit, line = schema.deposit, schema.bank_line

_LINES = pa.schema(
    [
        pa.field("line_no", pa.int64()),
        pa.field("file_no", pa.int64()),
        pa.field("ordinal", pa.int64()),
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("byte_length", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("value_date", pa.date32()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
        pa.field("reference", pa.string()),
        pa.field("customer_reference", pa.string()),
        pa.field("text", pa.string()),
        pa.field("suspended", pa.bool_()),  # it is a receipt in suspense
    ]
)


def open_lines(connection: Connection, run: Run) -> pa.Table:
    """Lines that nothing explains yet, up to today; with those that stand in suspense. Money in
    suspense that somebody has placed since is explained."""
    opened = schema.open_line
    names = [f.name for f in _LINES if f.name not in {"line_no", "suspended"}]
    rows = fetch_arrow(
        connection,
        select(*(line.c[name] for name in names))
        .join(opened, (opened.c.file_no == line.c.file_no) & (opened.c.ordinal == line.c.ordinal))
        .where(line.c.value_date <= run.today.isoformat())
        .order_by(line.c.file_no, line.c.ordinal),
        pa.schema([_LINES.field(name) for name in names]),
    )
    key = pc.add(pc.shift_left(rows["file_no"], schema.ORDINAL_BITS), rows["ordinal"])
    rows = rows.add_column(0, "line_no", key)
    standing, whole = _receipts_of(connection, rows)
    placed = np.setdiff1d(standing, whole)
    if len(placed):
        bankbook.close_lines(connection, placed)
        rows = rows.filter(pc.invert(pc.is_in(rows["line_no"], value_set=pa.array(placed))))
    suspended = pc.is_in(rows["line_no"], value_set=pa.array(whole, pa.int64()))
    return rows.append_column("suspended", suspended).cast(_LINES)


def _receipts_of(connection: Connection, lines: pa.Table) -> tuple[Ints, Ints]:
    """Lines that are receipts (their keys are the receipts'), and those wholly in suspense."""
    placement, receipt = schema.placement.c, schema.receipt.c
    staged = stage(connection, "open_lines", lines.select(["line_no"]), key=("line_no",))
    rows = connection.execute(
        select(
            receipt.receipt_no,
            receipt.amount_cents,
            func.sum(placement.cents).filter(placement.bucket == SUSPENSE),
        )
        .join(staged, staged.c.line_no == receipt.receipt_no)
        .join(schema.placement, placement.receipt_no == receipt.receipt_no)
        .group_by(receipt.receipt_no, receipt.amount_cents)
        .order_by(receipt.receipt_no)
    ).all()
    every = np.array([row[0] for row in rows], np.int64)
    whole = np.array([row[0] for row in rows if row[1] == (row[2] or 0)], np.int64)
    return every, whole


def for_cascade(lines: pa.Table, run: Run) -> pa.Table:
    """Lines as OPEN_LINES."""
    day = run.calendar.bank_day_numbers(ints(lines["value_date"].cast(pa.int32())))
    cents = ints(lines["amount_cents"])
    texts = [pc.fill_null(lines[n], "") for n in ("reference", "customer_reference", "text")]
    return pa.table(
        {
            "line_no": lines["line_no"],
            "kinds": kinds_of(lines["type_code"], cents),
            "day": day,
            "cents": cents,
            "words": pc.binary_join_element_wise(*texts, " "),
        },
        schema=OPEN_LINES,
    )


def open_deposits(connection: Connection, run: Run) -> pa.Table:
    """Deposits of which something is left, as OPEN_DEPOSITS."""
    opened, batch = schema.open_deposit.c, schema.batch.c
    held = (
        select(batch.file_no)
        .where(batch.file_no == deposit.c.file_no, batch.state == "held")
        .exists()
    )
    rows = fetch_arrow(
        connection,
        select(
            opened.deposit_no, deposit.c.channel, deposit.c.kind, deposit.c.expected_date,
            opened.left_cents, deposit.c.own, deposit.c.streams,
            # what comes back is over one payment, and no other amount is that
            case(
                (opened.left_cents != deposit.c.amount_cents, 1),
                (deposit.c.kind.in_(("return", "redeposit")), 1),
                else_=0,
            ).label("touched"),
            case((held, 1), else_=0).label("held"),
        )
        .join(deposit, deposit.c.deposit_no == opened.deposit_no)
        .order_by(opened.deposit_no),
        _DEPOSITS,
    )  # fmt: skip
    coded = rows["channel"].combine_chunks().dictionary_encode()
    bits = np.array([OF_CHANNEL[name] for name in coded.dictionary.to_pylist()], np.int64)
    kinds = bits[coded.indices.to_numpy(zero_copy_only=False)] if rows.num_rows else bits
    back = pc.equal(rows["kind"], "return").to_numpy(zero_copy_only=False)
    kinds = np.where(back, RETURN, kinds)
    return pa.table(
        {
            "deposit_no": rows["deposit_no"],
            "kinds": kinds,
            "day": run.calendar.bank_day_numbers(ints(rows["expected_date"].cast(pa.int32()))),
            "cents": rows["left_cents"],
            "own": pc.fill_null(rows["own"], ""),
            "streams": pc.fill_null(rows["streams"], ""),
            "touched": rows["touched"].cast(pa.bool_()),
            "held": rows["held"].cast(pa.bool_()),
        },
        schema=OPEN_DEPOSITS,
    )


def sources(connection: Connection) -> pa.Table:
    """Where deposits came from so far, as SOURCES."""
    rows = connection.execute(
        select(deposit.c.channel, deposit.c.streams)
        .where(deposit.c.streams != "")
        .distinct()
        .order_by(deposit.c.channel, deposit.c.streams)
    )
    made = [{"kinds": OF_CHANNEL[row.channel], "streams": row.streams} for row in rows]
    return pa.Table.from_pylist(made, schema=SOURCES)


_DEPOSITS = pa.schema(
    [
        pa.field("deposit_no", pa.int64()),
        pa.field("channel", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("expected_date", pa.date32()),
        pa.field("left_cents", pa.int64()),
        pa.field("own", pa.string()),
        pa.field("streams", pa.string()),
        pa.field("touched", pa.int64()),
        pa.field("held", pa.int64()),
    ]
)
