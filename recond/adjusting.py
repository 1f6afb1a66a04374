"""What recond itself changes of what is owed, with what its items owe after it.

Four things, one table (`schema.adjustment`): a debt is written off (and reinstated when that is
undone); what was written off is paid after all, to the office or to an agency that keeps a
commission; a deposit that is held for a customer is given back or used up; what a payer owes by
its own word is owed because it is paid. The last three go along with a placement of the payment:
the item owes more, or less, by the very cents that are placed on it or taken off it, so what it
owes stays as it is (domain examples E45, E46, E48 and E49).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, case, cast, func, select
from sqlalchemy.exc import IntegrityError

from recond import posting
from recond.arrays import ints
from recond.errors import InvariantError
from recond.posting import Chart
from recond.store import schema
from recond.store.engine import insert_table, update_items

if TYPE_CHECKING:
    from recond.ledger import Ledger, Source

adjustment, past = schema.adjustment, schema.item_version
WRITE_OFF, REINSTATED, RECOVERED = "write_off", "reinstated", "recovered"
COMMISSION, RELEASED, ASSESSED = "commission", "released", "assessed"
FORGIVEN = (WRITE_OFF, REINSTATED, RECOVERED)  # their sum is what may still be recovered

ADJUSTED = pa.schema(
    [
        pa.field("entry_no", pa.int64()),
        pa.field("item_key", pa.int64()),
        pa.field("charge_type", pa.string()),
        pa.field("fund", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("gl_account", pa.string()),
        pa.field("cents", pa.int64()),
        pa.field("receipt_no", pa.int64()),
        pa.field("version", pa.int64()),
        pa.field("placement_line", pa.int64()),
    ]
)
WRITTEN_OFF = pa.schema([ADJUSTED.field(n) for n in ("item_key", "charge_type", "fund", "cents")])
# What items owe more (+) or less (-), without a payment.
CHANGED = pa.schema(
    [
        ADJUSTED.field(name)
        for name in ("item_key", "charge_type", "fund", "kind", "gl_account", "cents")
    ]
)


def tied(
    connection: Connection, placements: pa.Table, entry_of: npt.NDArray[np.int64], chart: Chart
) -> pa.Table:
    """ADJUSTED of placements that carry `adjusts`: what their items owe more (or less) with them,
    against the GL account that they were forgiven against.

    `entry_of`: the entry of each placement.
    """
    if "adjusts" not in placements.column_names:
        return ADJUSTED.empty_table()
    table = placements.append_column("entry_no", pa.array(entry_of))
    table = table.filter(pc.not_equal(pc.fill_null(table["adjusts"], 0), 0))
    if not table.num_rows:
        return ADJUSTED.empty_table()
    held = pc.is_in(table["charge_type"], value_set=pa.array(chart.deposits, pa.string()))
    own = pc.is_in(table["item_key"], value_set=_assessed(connection, table["item_key"]))
    columns = {name: table[name] for name in ADJUSTED.names if name in table.column_names}
    forgiven = _accounts(connection, table, chart)
    columns |= {
        "kind": pc.if_else(own, ASSESSED, pc.if_else(held, RELEASED, RECOVERED)),
        "gl_account": pc.if_else(own, chart.billing_contra, forgiven),
        "cents": table["adjusts"],
        "placement_line": table["line"],
    }
    return pa.table([columns[name] for name in ADJUSTED.names], schema=ADJUSTED)


def _assessed(connection: Connection, item_keys: pa.ChunkedArray) -> pa.Array:
    """Which of these items recond made of money that came without a bill."""
    item = schema.item.c
    keys = pc.unique(item_keys).to_pylist()
    found = connection.scalars(
        select(item.item_key).where(item.item_key.in_(keys), item.assessed == 1)
    )
    return pa.array(list(found), pa.int64())


def _accounts(connection: Connection, rows: pa.Table, chart: Chart) -> pa.Array:
    """The GL account of each row: that of its item's write-off, else the usual one."""
    keys = pc.unique(rows["item_key"]).to_pylist()
    found = connection.execute(
        select(adjustment.c.item_key, adjustment.c.gl_account)
        .where(adjustment.c.item_key.in_(keys), adjustment.c.kind == WRITE_OFF)
        .order_by(adjustment.c.entry_no.desc())
    )
    own = {row.item_key: row.gl_account for row in found}  # the first one stays
    known = pa.array([own.get(key) for key in rows["item_key"].to_pylist()], pa.string())
    return pc.coalesce(known, posting.allowance(rows, chart))


def insert(connection: Connection, rows: pa.Table, decision_id: str | None = None) -> None:
    """Write ADJUSTED rows. Raises InvariantError when more of an item would be recovered or
    reinstated than was written off."""
    if rows.num_rows == 0:
        return
    ordered = rows.sort_by([("entry_no", "ascending"), ("item_key", "ascending")]).combine_chunks()
    lines = posting.numbered_within(ints(ordered["entry_no"]))
    ordered = ordered.append_column("line", lines)
    insert_table(connection, adjustment, ordered, constants={"decision_id": decision_id})
    keys = pc.unique(rows["item_key"]).to_pylist()
    wrong = connection.execute(
        select(adjustment.c.item_key)
        .where(adjustment.c.item_key.in_(keys), adjustment.c.kind.in_(FORGIVEN))
        .group_by(adjustment.c.item_key)
        .having(func.sum(adjustment.c.cents) > 0)
    ).first()
    if wrong is not None:
        raise InvariantError(f"more of item {wrong.item_key} would be recovered than written off")


def book(ledger: Ledger, changes: pa.Table, source: Source) -> None:
    """Book CHANGED rows as one entry of today, and bring the items' open amounts to it.

    `source.key` is the id of the decision. Raises InvariantError when an item would owe less than
    nothing, or more of it would come back than was written off.
    """
    from recond.ledger import BOOKED  # noqa: PLC0415 - the ledger writes what is tied to payments

    entry_no, count = ledger.next_entry_no(), changes.num_rows
    rows = changes.add_column(0, "entry_no", pa.repeat(pa.scalar(entry_no, pa.int64()), count))
    for name in ("receipt_no", "version", "placement_line"):
        rows = rows.append_column(name, pa.nulls(count, pa.int64()))
    rows = rows.cast(ADJUSTED)
    entries = pa.table(
        {"entry_no": [entry_no], "key": [source.key], "effective_date": [ledger.today]},
        schema=BOOKED,
    )
    ledger.book(entries, posting.adjustment_legs(rows, ledger.chart), source)
    sums = rows.group_by("item_key").aggregate([("cents", "sum")]).sort_by("item_key")
    sums = sums.filter(pc.not_equal(sums["cents_sum"], 0))
    before = _open_cents(ledger.connection, sums)
    try:
        update_items(ledger.connection, sums["item_key"], pc.negate(sums["cents_sum"]))
    except IntegrityError as error:
        raise InvariantError(f"more would be written off than is open: {error.orig}") from error
    if _open_cents(ledger.connection, sums) != before + sum(sums["cents_sum"].to_pylist()):
        raise InvariantError("billing shows less as owed than would be owed again")
    insert(ledger.connection, rows, source.key)


def _open_cents(connection: Connection, rows: pa.Table) -> int:
    balance = schema.item_balance.c
    keys = rows["item_key"].to_pylist()
    wanted = select(func.sum(balance.open_cents)).where(balance.item_key.in_(keys))
    return int(connection.scalar(wanted) or 0)


def write_off(
    ledger: Ledger, items: pa.Table, source: Source, gl_account: str | None = None
) -> None:
    """Book what is written off: the allowance of each item's fund, or another GL account of it,
    against its receivables. `items`: `item_key`, `charge_type`, `fund`, `cents` (positive)."""
    allowance = posting.allowance(items, ledger.chart)
    if gl_account is not None:
        allowance = pa.repeat(pa.scalar(gl_account), items.num_rows)
    columns = {name: items[name] for name in items.column_names}
    columns |= {
        "kind": pa.repeat(pa.scalar(WRITE_OFF), items.num_rows),
        "gl_account": allowance,
        "cents": pc.negate(items["cents"]),
    }
    book(ledger, pa.table([columns[n] for n in CHANGED.names], schema=CHANGED), source)


def reversal(connection: Connection, decision_id: str) -> pa.Table:
    """CHANGED that takes back what a decision changed without a payment."""
    rows = connection.execute(
        select(*(adjustment.c[name] for name in CHANGED.names))
        .where(adjustment.c.decision_id == decision_id, adjustment.c.receipt_no.is_(None))
        .order_by(adjustment.c.entry_no, adjustment.c.line)
    ).mappings()
    back = {WRITE_OFF: REINSTATED}
    made = [
        {**row, "cents": -row["cents"], "kind": back.get(row["kind"], row["kind"])} for row in rows
    ]
    return pa.Table.from_pylist(made, schema=CHANGED)


def of_receipts(connection: Connection, receipt_nos: list[int]) -> dict[tuple[int, int, int], int]:
    """What placements of receipts carry: cents by receipt, version and line."""
    rows = connection.execute(
        select(
            adjustment.c.receipt_no, adjustment.c.version, adjustment.c.placement_line,
            adjustment.c.cents,
        ).where(adjustment.c.receipt_no.in_(receipt_nos))
    )  # fmt: skip
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def recoverable() -> Any:
    """A subquery of `item_key`, `cents` and `since_entry`: debts that were written off and not
    paid since. What billing has shown as open again after it is owed, and not recoverable."""
    off = (
        select(
            adjustment.c.item_key,
            cast(-func.sum(adjustment.c.cents), schema.INT).label("cents"),
            func.min(adjustment.c.entry_no).label("since_entry"),
            func.min(adjustment.c.gl_account).label("gl_account"),
        )
        .where(adjustment.c.kind.in_(FORGIVEN))
        .group_by(adjustment.c.item_key)
        .having(func.sum(adjustment.c.cents) < 0)
        .subquery()
    )
    again = (
        select(off.c.item_key, cast(func.sum(past.c.change_cents), schema.INT).label("cents"))
        .join(past, past.c.item_key == off.c.item_key)
        .where(past.c.entry_no > off.c.since_entry)
        .group_by(off.c.item_key)
        .subquery()
    )
    shown = func.coalesce(again.c.cents, 0)
    left = off.c.cents - case((shown > 0, shown), else_=0)
    return (
        select(off.c.item_key, left.label("cents"), off.c.since_entry, off.c.gl_account)
        .outerjoin(again, again.c.item_key == off.c.item_key)
        .where(left > 0)
        .subquery()
    )


def left_of(connection: Connection, item_key: int) -> int:
    """What of one item may still be recovered."""
    every = recoverable()
    return int(connection.scalar(select(every.c.cents).where(every.c.item_key == item_key)) or 0)


def debts_of(connection: Connection, account_keys: list[int]) -> list[Any]:
    """What of accounts may still be recovered: `account_key`, `item_key`, `charge_type`, `fund`,
    `cents`, `since_entry`, `gl_account`; an account's oldest debt first."""
    every, item = recoverable(), schema.item.c
    return list(
        connection.execute(
            select(item.account_key, item.item_key, item.charge_type, item.fund, every.c.cents,
                   every.c.since_entry, every.c.gl_account)
            .join(every, every.c.item_key == item.item_key)
            .where(item.account_key.in_(account_keys))
            .order_by(item.account_key, item.due_date, item.item_number)
        )
    )  # fmt: skip
