"""Deposits: which money is expected at the bank, and what of it is left (contract section 5).

Every first posting of receipts leaves their sums in `undeposited`; `pipeline.settlements` and
`pipeline.drawers` make deposits of them. What a held batch holds makes none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, literal_column, select, true

from recond import ids
from recond.ledger import BOOKED, Source
from recond.pipeline.run import Run
from recond.posting import LEGS
from recond.store import schema
from recond.store.engine import insert_table, stage

undeposited, deposit, aside = schema.undeposited, schema.deposit, schema.set_aside

KEYS = (
    "file_no", "batch_ord", "channel", "batch", "tender", "received_date", "deposit_date",
    "drawer", "taken_by", "brand",
)  # fmt: skip
COUNTER = "CASHIER"
FEE, CONVENIENCE = "FEE", "CONVENIENCE_FEE"  # the second inside the amount of a sale
CHUNK = 500
NETTED = ("REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL")


@dataclass(slots=True)
class Expected:
    """A deposit to be made. `receipts + aside + fees + over` is what the bank shall credit."""

    file_no: int
    batch_ord: int
    kind: str
    channel: str
    business_date: dt.date
    expected_date: dt.date
    receipts_cents: int = 0
    aside_cents: int = 0
    fee_cents: int = 0
    over_cents: int = 0
    reference: str = ""
    own: str = ""
    streams: str = ""
    entry_no: int | None = None
    withdraws_no: int | None = None
    brand: str = ""  # of a card batch whose brands settle apart
    batches: set[int] = field(default_factory=set)

    @property
    def amount_cents(self) -> int:
        """What the bank shall credit."""
        return self.receipts_cents + self.aside_cents + self.fee_cents + self.over_cents


# --- what posting leaves --------------------------------------------------------------------------


def note(connection: Connection, receipts: pa.Table, sign: int = 1) -> None:
    """Remember the sums of receipts (RECEIPTS, `ordinal` the key) that were posted; with `sign`
    -1, of receipts that left the books."""
    rows = receipts.filter(pc.not_equal(receipts["channel"], "BANK"))
    if rows.num_rows == 0:
        return
    counter = pc.equal(rows["channel"], COUNTER)
    columns = {
        "file_no": pc.shift_right(rows["ordinal"], schema.ORDINAL_BITS),
        "batch_ord": rows["batch_ord"].cast(pa.int64()),
        "cents": pc.multiply(rows["amount_cents"], sign),
    }
    for name in ("channel", "batch", "tender", "drawer", "taken_by", "brand"):
        columns[name] = pc.fill_null(rows[name], "")
    columns["tender"] = pc.if_else(counter, columns["tender"], "")
    for name in ("received_date", "deposit_date"):
        columns[name] = pc.fill_null(rows[name].cast(pa.string()), "")
    by_day = pc.if_else(pc.equal(columns["deposit_date"], ""), columns["received_date"], "")
    columns["received_date"] = pc.if_else(counter, columns["received_date"], by_day)
    table = pa.table(columns)
    sums = table.group_by(list(KEYS), use_threads=False).aggregate(
        [("cents", "sum"), ("cents", "count")]
    )
    sums = sums.rename_columns({"cents_sum": "cents", "cents_count": "receipts"})
    _insert(connection, sums)


def note_batches(
    connection: Connection, file_no: int, batches: Collection[int] | None = None
) -> None:
    """Card batches of a file (all, or some of them) that hold no sale (refunds, a monthly fee)
    make a deposit too."""
    batch = schema.batch.c
    mine = true() if batches is None else aside.c.batch_ord.in_(batches)
    brand = func.coalesce(aside.c.code, literal_column("''"))  # no parameter: it is grouped by
    rows = connection.execute(
        select(
            aside.c.batch_ord,
            brand.label("brand"),
            func.max(batch.batch).label("batch"),
            func.max(aside.c.effective_date).label("day"),
        )
        .join(
            schema.batch,
            (batch.file_no == aside.c.file_no) & (batch.batch_ord == aside.c.batch_ord),
        )
        .where(
            aside.c.file_no == file_no,
            mine,
            aside.c.kind.in_((*NETTED, FEE, CONVENIENCE)),
            batch.state == "accepted",
        )
        .group_by(aside.c.batch_ord, brand)
        .order_by(aside.c.batch_ord, brand)
    ).all()
    known = {
        tuple(row)
        for row in connection.execute(
            select(undeposited.c.batch_ord, undeposited.c.brand).where(
                undeposited.c.file_no == file_no, undeposited.c.channel == "CARD"
            )
        )
    }
    made = [
        {
            **dict.fromkeys(KEYS, ""),
            "file_no": file_no,
            "batch_ord": row.batch_ord,
            "channel": "CARD",
            "batch": row.batch or "",
            "brand": row.brand,
            "deposit_date": row.day or "",
            "receipts": 0,
            "cents": 0,
        }
        for row in rows
        if (row.batch_ord, row.brand) not in known
    ]
    if made:
        _insert(connection, pa.Table.from_pylist(made))


def _insert(connection: Connection, rows: pa.Table) -> None:
    last = connection.scalar(select(func.max(undeposited.c.undeposited_no))) or 0
    numbers = pa.array(range(last + 1, last + 1 + rows.num_rows), pa.int64())
    insert_table(connection, undeposited, rows.append_column("undeposited_no", numbers))


# --- rows of deposits -----------------------------------------------------------------------------


def book(
    connection: Connection,
    run: Run,
    key: str,
    day: dt.date,
    legs: Sequence[tuple[str, str, int]],
    words: str,
    made: Expected,
) -> None:
    """One entry without receipts: legs are (fund, GL account, cents: debit +)."""
    ledger = run.ledger(connection)
    entry_no = ledger.next_entry_no()
    entries = pa.table(
        {"entry_no": [entry_no], "key": [key], "effective_date": [day]}, schema=BOOKED
    )
    rows = [
        {"entry_no": entry_no, "fund": fund, "gl_account": account, "cents": cents}
        for fund, account, cents in legs
        if cents
    ]
    source = Source("deposit", key, words, made.file_no)
    ledger.book(entries, pa.Table.from_pylist(rows, schema=LEGS), source)


def stem(connection: Connection, file_no: int) -> str:
    """A file's part of the keys of entries about its deposits."""
    return ids.files_of(connection, {file_no})[file_no][1:]


def write(connection: Connection, run: Run, made: Sequence[Expected]) -> int:
    """Write deposits and open them; ids are the file's and a running number within it."""
    if not made:
        return 0
    names = ids.files_of(connection, {one.file_no for one in made})
    first = (connection.scalar(select(func.max(deposit.c.deposit_no))) or 0) + 1
    counts = {
        row[0]: row[1]
        for row in connection.execute(
            select(deposit.c.file_no, func.count())
            .where(deposit.c.file_no.in_(sorted(names)))
            .group_by(deposit.c.file_no)
        )
    }
    period = _periods(connection, run, made)
    rows = []
    for number, one in enumerate(made, first):
        counts[one.file_no] = place = counts.get(one.file_no, 0) + 1
        rows.append(
            {
                "deposit_no": number,
                "deposit_id": f"D{names[one.file_no][1:]}-{place}",
                "business_date": one.business_date.isoformat(),
                "expected_date": one.expected_date.isoformat(),
                "made_date": run.today.isoformat(),
                "period": period[number - first],
                **{name: getattr(one, name) for name in _COPIED},
            }
        )
    columns = {c.name: pa.int64() if c.type is schema.INT else pa.string() for c in deposit.c}
    shape = pa.schema([pa.field(name, columns[name]) for name in rows[0]])
    insert_table(connection, deposit, pa.Table.from_pylist(rows, schema=shape))
    opened = [row for row in rows if row["amount_cents"] and row["withdraws_no"] is None]
    if opened:
        insert_table(
            connection,
            schema.open_deposit,
            pa.table(
                {
                    "deposit_no": [row["deposit_no"] for row in opened],
                    "left_cents": [row["amount_cents"] for row in opened],
                }
            ),
        )
    return len(rows)


def _periods(connection: Connection, run: Run, made: Sequence[Expected]) -> list[str]:
    """The month of each deposit: of its entry, else of its business date; where that month is
    closed, of the run, as the ledger dates entries."""
    numbers = sorted({one.entry_no for one in made if one.entry_no is not None})
    entry = schema.entry.c
    known = {
        row.entry_no: row.period
        for row in connection.execute(
            select(entry.entry_no, entry.period).where(entry.entry_no.in_(numbers))
        )
    }
    cutoff = run.cutoff(connection)
    own = [cutoff.month(one.business_date.isoformat()) for one in made]
    return [known.get(one.entry_no or 0, month) for one, month in zip(made, own, strict=True)]


_COPIED = (
    "file_no", "batch_ord", "kind", "channel", "amount_cents", "receipts_cents", "aside_cents",
    "fee_cents", "reference", "own", "streams", "entry_no", "withdraws_no",
)  # fmt: skip


# --- what is left of deposits -----------------------------------------------------------------


def left_of(connection: Connection, deposit_no: int) -> int:
    """What of a deposit no line has brought yet."""
    opened = schema.open_deposit.c
    found = connection.scalar(select(opened.left_cents).where(opened.deposit_no == deposit_no))
    return found or 0


def set_left(connection: Connection, left: dict[int, int]) -> None:
    """Say what is left of deposits; a deposit of which nothing is left is open no more."""
    opened = schema.open_deposit
    numbers = sorted(left)
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        connection.execute(delete(opened).where(opened.c.deposit_no.in_(part)))
    rows = [
        {"deposit_no": number, "left_cents": left[number]} for number in numbers if left[number]
    ]
    if rows:
        insert_table(connection, opened, pa.Table.from_pylist(rows))


def of_receipts(connection: Connection, receipt_nos: Iterable[int]) -> pa.Table:
    """RECEIPTS columns that `note` needs, of stored receipts."""
    receipt = schema.receipt.c
    staged = stage(
        connection, "departing", pa.table({"receipt_no": pa.array(sorted(receipt_nos), pa.int64())})
    )
    names = ("batch_ord", "channel", "batch", "tender", "received_date", "deposit_date", "drawer",
             "taken_by", "brand", "amount_cents")  # fmt: skip
    rows = connection.execute(
        select(receipt.receipt_no.label("ordinal"), *(receipt[name] for name in names))
        .join(staged, staged.c.receipt_no == receipt.receipt_no)
        .order_by(receipt.receipt_no)
    ).mappings()
    kinds = {"ordinal": pa.int64(), "batch_ord": pa.int64(), "amount_cents": pa.int64()}
    shape = pa.schema([pa.field(n, kinds.get(n, pa.string())) for n in ("ordinal", *names)])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=shape)
