"""Deposits: which money is expected at the bank (contract section 5).

Every first posting of receipts leaves their sums in `undeposited`; here they become deposits: one
a lockbox and day of a file, an ACH file and its day, a merchant's card batch. Money of the counter
waits for the drawer's close (`pipeline.drawers`). What a held batch holds makes none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, select

from recond import ids, posting
from recond.clearing.words import token
from recond.ledger import BOOKED, Source, shut_through
from recond.model import ITEM
from recond.money import split
from recond.pipeline.run import Run
from recond.posting import LEGS
from recond.store import schema
from recond.store.engine import insert_table, stage

undeposited, deposit, aside = schema.undeposited, schema.deposit, schema.set_aside

KEYS = (
    "file_no", "batch_ord", "channel", "batch", "tender", "received_date", "deposit_date",
    "drawer", "taken_by",
)  # fmt: skip
COUNTER = "CASHIER"
# Money that is in the bank already, and money that waits for a drawer's close.
NOT_HERE = ("BANK", COUNTER)
KINDS = {"LOCKBOX": "lockbox", "ACH_CREDIT": "ach", "ACH_DEBIT": "ach", "CARD": "card"}
FEE = "FEE"
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
    for name in ("channel", "batch", "tender", "drawer", "taken_by"):
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


def note_batches(connection: Connection, file_no: int) -> None:
    """Card batches of a file that hold no sale (refunds, a monthly fee) make a deposit too."""
    batch = schema.batch.c
    rows = connection.execute(
        select(
            aside.c.batch_ord,
            func.max(batch.batch).label("batch"),
            func.max(aside.c.effective_date).label("day"),
        )
        .join(
            schema.batch,
            (batch.file_no == aside.c.file_no) & (batch.batch_ord == aside.c.batch_ord),
        )
        .where(
            aside.c.file_no == file_no,
            aside.c.kind.in_((*NETTED, FEE)),
            batch.state == "accepted",
        )
        .group_by(aside.c.batch_ord)
    ).all()
    known = set(
        connection.scalars(
            select(undeposited.c.batch_ord).where(
                undeposited.c.file_no == file_no, undeposited.c.channel == "CARD"
            )
        )
    )
    made = [
        {
            **dict.fromkeys(KEYS, ""),
            "file_no": file_no,
            "batch_ord": row.batch_ord,
            "channel": "CARD",
            "batch": row.batch or "",
            "deposit_date": row.day or "",
            "receipts": 0,
            "cents": 0,
        }
        for row in rows
        if row.batch_ord not in known
    ]
    if made:
        _insert(connection, pa.Table.from_pylist(made))


def _insert(connection: Connection, rows: pa.Table) -> None:
    last = connection.scalar(select(func.max(undeposited.c.undeposited_no))) or 0
    numbers = pa.array(range(last + 1, last + 1 + rows.num_rows), pa.int64())
    insert_table(connection, undeposited, rows.append_column("undeposited_no", numbers))


# --- deposits of files ----------------------------------------------------------------------------


def make(connection: Connection, run: Run) -> int:
    """Make the deposits of everything posted that no deposit holds yet; counter money stays."""
    rows = connection.execute(
        select(undeposited)
        .where(undeposited.c.channel.not_in(NOT_HERE))
        .order_by(undeposited.c.undeposited_no)
    ).all()
    if not rows:
        return 0
    sources = _sources(connection, {row.file_no for row in rows})
    groups: dict[tuple[Any, ...], Expected] = {}
    for row in rows:  # one a batch, never one a receipt
        source = sources.get((row.file_no, row.batch_ord)) or ""
        day = row.deposit_date or row.received_date
        label = row.batch if row.channel == "CARD" else source
        key = (row.file_no, row.channel, "" if row.channel.startswith("ACH") else label, day)
        made = groups.get(key)
        if made is None:
            made = groups[key] = _expected(run, row, source, dt.date.fromisoformat(day))
        elif source:
            made.streams = " ".join(dict.fromkeys(f"{made.streams} {token(source)}".split()))
        made.receipts_cents += row.cents
        made.batches.add(row.batch_ord)
    chosen = [made for made in groups.values() if made.receipts_cents or made.kind == "card"]
    for made in chosen:
        if made.receipts_cents < 0:
            _withdraw(connection, made)
        if made.kind == "card":
            _net_of_fees(connection, run, made)
    connection.execute(delete(undeposited).where(undeposited.c.channel.not_in(NOT_HERE)))
    return write(connection, run, chosen)


def _sources(connection: Connection, files: set[int]) -> dict[tuple[int, int], str | None]:
    batch = schema.batch.c
    rows = connection.execute(
        select(batch.file_no, batch.batch_ord, batch.source).where(batch.file_no.in_(sorted(files)))
    )
    return {(row.file_no, row.batch_ord): row.source for row in rows}


def _expected(run: Run, row: Any, source: str, day: dt.date) -> Expected:
    calendar, lag = run.calendar, 0
    own, streams, reference = "", token(source), source
    if row.channel == "CARD":
        merchant, _, number = row.batch.partition(" ")
        reference, own, streams = row.batch, token(number), token(merchant)
        lag = run.merchant(merchant).lag_days
    return Expected(
        row.file_no, row.batch_ord, KINDS[row.channel], row.channel, day,
        calendar.bank_day(day, lag), reference=reference, own=own, streams=streams,
    )  # fmt: skip


def _net_of_fees(connection: Connection, run: Run, made: Expected) -> None:
    """What the processor keeps: refunds and chargebacks within the batch, and, where it settles
    net, its fees, booked to the funds whose money was paid (domain E36)."""
    model = run.merchant(made.reference.partition(" ")[0]).model
    before = connection.scalar(
        select(deposit.c.deposit_no).where(
            deposit.c.file_no == made.file_no, deposit.c.batch_ord == made.batch_ord
        )
    )
    if before is not None:  # a later part of a batch: its fees went with the first
        return
    rows = connection.execute(
        select(aside.c.kind, func.sum(aside.c.amount_cents))
        .where(aside.c.file_no == made.file_no, aside.c.batch_ord.in_(sorted(made.batches)))
        .group_by(aside.c.kind)
    )
    sums = {kind: int(cents or 0) for kind, cents in rows}
    made.aside_cents = sum(sums.get(kind, 0) for kind in NETTED)
    if model == "net":
        made.fee_cents = sums.get(FEE, 0)
    if made.fee_cents:
        shares = _funds(connection, made)
        made.entry_no = book_fees(connection, run, made, shares)


def _funds(connection: Connection, made: Expected) -> dict[str, int]:
    """Cents by fund of the receipts of a deposit's batches, as they were first applied."""
    placement, receipt = schema.placement.c, schema.receipt.c
    low = schema.receipt_key(made.file_no, 0)
    rows = connection.execute(
        select(placement.fund, func.sum(placement.cents))
        .join(schema.receipt, receipt.receipt_no == placement.receipt_no)
        .where(
            placement.receipt_no.between(low, schema.receipt_key(made.file_no + 1, 0) - 1),
            placement.bucket == ITEM,
            placement.version == 1,
            receipt.batch_ord.in_(sorted(made.batches)),
        )
        .group_by(placement.fund)
        .order_by(placement.fund)
    )
    return {fund: int(cents) for fund, cents in rows if cents > 0}


def book_fees(connection: Connection, run: Run, made: Expected, shares: dict[str, int]) -> int:
    """Book a deposit's fees: expense in the funds whose money was paid, by largest remainder,
    out of the channel's clearing account. Returns the entry."""
    chart, ledger = run.chart, run.ledger(connection)
    rest = made.receipts_cents - sum(shares.values())
    weights = dict(shares)
    if rest > 0 or not weights:
        weights[chart.pool_fund] = weights.get(chart.pool_fund, 0) + max(rest, 1)
    names = sorted(weights)
    parts = split(-made.fee_cents, [weights[name] for name in names])
    clearing = posting.clearing_account(pa.array([made.channel]), chart)[0].as_py()
    legs = [(chart.pool_fund, clearing, made.fee_cents)]
    for fund, cents in zip(names, parts, strict=True):
        legs.append((fund, chart.fees, cents))
        if fund != chart.pool_fund:
            legs.append((fund, chart.equity_in_pool, -cents))
            legs.append((chart.pool_fund, chart.due_to_funds, cents))
    key = f"{_stem(connection, made.file_no)}-fees-{made.batch_ord}"
    entry_no = ledger.next_entry_no()
    book(connection, run, key, made.business_date, legs, f"card fees of {made.reference}", made)
    return entry_no


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


def _stem(connection: Connection, file_no: int) -> str:
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
    through = shut_through(connection, run.actor, run.today)
    today = run.today.isoformat()[:7]
    own = [one.business_date.isoformat()[:7] for one in made]
    own = [month if month > through else today for month in own]
    return [known.get(one.entry_no or 0, month) for one, month in zip(made, own, strict=True)]


_COPIED = (
    "file_no", "batch_ord", "kind", "channel", "amount_cents", "receipts_cents", "aside_cents",
    "fee_cents", "reference", "own", "streams", "entry_no", "withdraws_no",
)  # fmt: skip


# --- deposits that are taken back -----------------------------------------------------------------


def _withdraw(connection: Connection, made: Expected) -> None:
    """Receipts of a deposit left the books (their file was replaced): less is expected of it.
    What the bank brought already is then too much; the deposit that follows takes it over."""
    found = connection.execute(
        select(deposit.c.deposit_no, deposit.c.amount_cents)
        .where(
            deposit.c.file_no == made.file_no,
            deposit.c.batch_ord == made.batch_ord,
            deposit.c.withdraws_no.is_(None),
        )
        .order_by(deposit.c.deposit_no)
    ).first()
    if found is None:
        return
    made.withdraws_no = found.deposit_no
    left = left_of(connection, found.deposit_no) + made.receipts_cents
    set_left(connection, {found.deposit_no: left})


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
             "taken_by", "amount_cents")  # fmt: skip
    rows = connection.execute(
        select(receipt.receipt_no.label("ordinal"), *(receipt[name] for name in names))
        .join(staged, staged.c.receipt_no == receipt.receipt_no)
        .order_by(receipt.receipt_no)
    ).mappings()
    kinds = {"ordinal": pa.int64(), "batch_ord": pa.int64(), "amount_cents": pa.int64()}
    shape = pa.schema([pa.field(n, kinds.get(n, pa.string())) for n in ("ordinal", *names)])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=shape)
