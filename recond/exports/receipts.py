"""The receipts dataset: what was read, and what its placements, decisions and questions say now.

Receipts are taken in windows of their key, and beside each window what belongs to it: so the
work follows the payments, memory is bounded, and both databases read by primary key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    func,
    literal_column,
    select,
)

from recond.exports.columns import AMOUNT, ROWS, FileIds, Int64, fetch_table, int64s
from recond.exports.scope import Scope
from recond.model import BUCKETS, CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import decimal_from_cents
from recond.store import past, schema

RECEIPTS = pa.schema(
    [
        pa.field("receipt_id", pa.string()),
        pa.field("file_id", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("byte_length", pa.int64()),
        pa.field("batch", pa.string()),
        pa.field("sequence", pa.string()),
        pa.field("channel", pa.string()),
        pa.field("tender", pa.string()),
        pa.field("amount", AMOUNT),
        pa.field("received_date", pa.date32()),
        pa.field("deposit_date", pa.date32()),
        pa.field("account_on_item", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("check_number", pa.string()),
        pa.field("trace_number", pa.string()),
        pa.field("payer_name", pa.string()),
        pa.field("state", pa.string()),
        pa.field("applied_amount", AMOUNT),
        pa.field("on_account_amount", AMOUNT),
        pa.field("suspense_amount", AMOUNT),
        pa.field("rule", pa.string()),
        pa.field("exception_code", pa.string()),
    ]
)

_STORED = ("line", "byte_offset", "byte_length", "batch", "sequence", "channel", "tender",
           "amount_cents", "received_date", "deposit_date", "account_on_item", "reference",
           "check_number", "trace_number", "payer_name", "drawer")  # fmt: skip
_DATES = ("received_date", "deposit_date")
_RAW = pa.schema(
    [pa.field("receipt_no", pa.int64())]
    + [
        pa.field(
            name,
            pa.date32()
            if name in _DATES
            else pa.int64()
            if isinstance(schema.receipt.c[name].type, type(schema.INT))
            else pa.string(),
        )
        for name in _STORED
    ]
)
# PostgreSQL shifts a bigint by an integer only, and a bound number would be a bigint.
_ORDINAL_BITS: ColumnElement[int] = literal_column(str(schema.ORDINAL_BITS), Integer)

# In the order in which the first that fits is the state (contract section 5).
STATES = ("held", "voided", "returned", "refunded", "unidentified", "applied", "on_account",
          "partial")  # fmt: skip
SEVERITIES = ("error", "question", "warning", "note")


def receipts(
    connection: Connection, scope: Scope, only: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """The receipts dataset in order of arrival and ordinal; `only` keeps these receipt_no.

    `date_from` and `date_to` are of the effective date: of the entry that first placed the
    receipt, and while it is held, of the date that this entry will have. In the pack of a month
    a held receipt stands in no month before that of its file: the month of its own date may be
    closed when it is posted, and it shall not stand in two packs.
    """
    files, known = FileIds.load(connection), closes(connection, scope)
    for raw in _windows(connection, scope, only):
        numbers = int64s(raw["receipt_no"])
        view = _Window(connection, scope, numbers)
        batch = _batch(raw, numbers, view, files, deposit_dates(raw, known))
        kept = view.within(raw)
        yield batch if kept is None else batch.filter(pa.array(kept))


def _windows(
    connection: Connection, scope: Scope, only: Sequence[int] | None
) -> Iterator[pa.Table]:
    """Stored receipts in ascending order of their key, ROWS at a time."""
    receipt, file = schema.receipt.c, schema.file.c
    columns = [receipt.receipt_no, *(receipt[name] for name in _STORED)]
    last, more = -1, True
    while more:
        statement = select(*columns).where(receipt.receipt_no > last)
        if only is not None:
            statement = statement.where(receipt.receipt_no.in_(list(only)))
        if scope.as_of is not None:
            arrived = select(file.file_no).where(scope.known(file.business_date))
            owner = receipt.receipt_no.bitwise_rshift(_ORDINAL_BITS)
            statement = statement.where(owner.in_(arrived))
        statement = statement.order_by(receipt.receipt_no).limit(ROWS)
        found = fetch_table(connection, statement, _RAW)
        more = found.num_rows == ROWS
        if found.num_rows:
            last = found["receipt_no"][-1].as_py()
            yield found


class _Window:
    """What the books say of a window of receipts, aligned with their ascending numbers."""

    def __init__(self, connection: Connection, scope: Scope, numbers: Int64) -> None:
        self._connection, self._scope, self._numbers = connection, scope, numbers
        self.cents = self._cents()
        self.rule, self.decided, self._first_entry = self._decisions()

    def _of(self, column: ColumnElement[int]) -> ColumnElement[bool]:
        return column.between(int(self._numbers[0]), int(self._numbers[-1]))

    def _rows(self, owners: Int64) -> tuple[Int64, npt.NDArray[np.bool_]]:
        """The row of each owner and whether it is one of the window's receipts."""
        rows = np.searchsorted(self._numbers, owners)
        rows = np.minimum(rows, len(self._numbers) - 1)
        return rows, self._numbers[rows] == owners

    def _cents(self) -> dict[int, Int64]:
        """Cents by bucket. The placements are summed here: a sum a bucket costs the database
        more than the rows themselves."""
        placement, decision, entry = schema.placement.c, schema.decision.c, schema.entry.c
        names = ("receipt_no", "bucket", "cents")
        statement = select(*(placement[name] for name in names)).where(
            self._of(placement.receipt_no)
        )
        if self._scope.as_of is not None:
            same = and_(
                decision.receipt_no == placement.receipt_no, decision.version == placement.version
            )
            statement = (
                statement.join(schema.decision, same)
                .join(schema.entry, entry.entry_no == decision.entry_no)
                .where(self._scope.known(entry.business_date))
            )
        to = pa.schema([pa.field(name, pa.int64()) for name in names])
        found = fetch_table(self._connection, statement, to)
        rows, mine = self._rows(int64s(found["receipt_no"]))
        buckets, cents = int64s(found["bucket"]), int64s(found["cents"])
        result = {}
        for bucket in BUCKETS:
            chosen = mine & (buckets == bucket)
            result[bucket] = np.zeros(len(self._numbers), np.int64)
            np.add.at(result[bucket], rows[chosen], cents[chosen])
        return result

    def _decisions(self) -> tuple[pa.Array, npt.NDArray[np.bool_], pa.Array]:
        """The latest rule, whether there is any decision, and the first entry."""
        decision, entry = schema.decision.c, schema.entry.c
        statement = select(decision.receipt_no, decision.rule, decision.entry_no)
        if self._scope.as_of is not None:
            statement = statement.join(schema.entry, entry.entry_no == decision.entry_no).where(
                self._scope.known(entry.business_date)
            )
        statement = statement.where(self._of(decision.receipt_no)).order_by(
            decision.receipt_no, decision.version
        )
        to = pa.schema([("receipt_no", pa.int64()), ("rule", pa.string()), ("entry", pa.int64())])
        found = fetch_table(self._connection, statement, to)
        owners = int64s(found["receipt_no"])
        first = np.searchsorted(owners, self._numbers, "left")
        after = np.searchsorted(owners, self._numbers, "right")
        decided = after > first
        latest = pa.array(after - 1, mask=~decided)
        earliest = pa.array(first, mask=~decided)
        return (
            _one(found["rule"]).take(latest),
            decided,
            _one(found["entry"]).take(earliest),
        )

    def _effective(self) -> pa.Array:
        """The effective date of the entry that first placed each receipt."""
        entry = schema.entry.c
        numbers = pc.unique(self._first_entry).drop_null()
        statement = select(entry.entry_no, entry.effective_date).where(
            entry.entry_no.between(
                pc.min(numbers).as_py() if len(numbers) else 0,
                pc.max(numbers).as_py() if len(numbers) else -1,
            )
        )
        to = pa.schema([("entry_no", pa.int64()), ("date", pa.date32())])
        found = fetch_table(self._connection, statement, to)
        rows = pc.index_in(self._first_entry, value_set=_one(found["entry_no"]))
        return _one(found["date"]).take(rows)

    def _arrived(self) -> pa.Array:
        """The first day of the month of the file of each receipt."""
        file, owners = schema.file.c, self._numbers >> schema.ORDINAL_BITS
        statement = select(file.file_no, file.period.concat("-01")).where(
            file.file_no.between(int(owners[0]), int(owners[-1]))
        )
        to = pa.schema([("file_no", pa.int64()), ("date", pa.date32())])
        found = fetch_table(self._connection, statement.order_by(file.file_no), to)
        rows = pc.index_in(pa.array(owners), value_set=_one(found["file_no"]))
        return _one(found["date"]).take(rows)

    def questions(self) -> pa.Array:
        """The code of each receipt's open question: the gravest, then the oldest."""
        question = past.questions_at(self._scope.as_of).c
        gravity = case(
            *((question.severity == name, rank) for rank, name in enumerate(SEVERITIES)), else_=9
        )
        statement = (
            select(question.receipt_no, question.code)
            .where(
                self._of(question.receipt_no),
                question.status != "resolved",
                self._scope.known(question.opened_date),
            )
            .order_by(question.receipt_no, gravity, question.opened_at, question.exception_no)
        )
        to = pa.schema([("receipt_no", pa.int64()), ("code", pa.string())])
        found = fetch_table(self._connection, statement, to)
        owners = int64s(found["receipt_no"])
        first = np.searchsorted(owners, self._numbers, "left")
        asked = np.searchsorted(owners, self._numbers, "right") > first
        return _one(found["code"]).take(pa.array(first, mask=~asked))

    def within(self, raw: pa.Table) -> npt.NDArray[np.bool_] | None:
        """Which receipts have their effective date between the scope's dates; None: no limits."""
        if not self._scope.bounded:
            return None
        taken = pc.is_in(raw["channel"], value_set=pa.array(["CASHIER", "CARD"]))
        due = pc.coalesce(raw["deposit_date"], raw["received_date"])
        waiting = pc.if_else(taken, raw["received_date"], due)
        if self._scope.month is not None:
            waiting = pc.max_element_wise(waiting, self._arrived())
        dates = pc.coalesce(self._effective(), waiting)
        kept = np.ones(len(self._numbers), np.bool_)
        if self._scope.date_from is not None:
            kept &= pc.greater_equal(dates, pa.scalar(self._scope.date_from)).to_numpy()
        if self._scope.date_to is not None:
            kept &= pc.less_equal(dates, pa.scalar(self._scope.date_to)).to_numpy()
        return kept


def _batch(
    raw: pa.Table, numbers: Int64, view: _Window, files: FileIds, deposited: pa.Array
) -> pa.RecordBatch:
    columns = {name: _one(raw[name]) for name in raw.column_names}
    columns |= {
        "receipt_id": files.receipts(numbers),
        "file_id": files.of_receipts(numbers),
        "amount": decimal_from_cents(columns["amount_cents"]),
        "deposit_date": deposited,
        "state": _states(int64s(columns["amount_cents"]), view),
        "applied_amount": decimal_from_cents(pa.array(view.cents[ITEM])),
        "on_account_amount": decimal_from_cents(pa.array(view.cents[CREDIT])),
        "suspense_amount": decimal_from_cents(pa.array(view.cents[SUSPENSE])),
        "rule": view.rule,
        "exception_code": view.questions(),
    }
    return pa.record_batch([columns[name] for name in RECEIPTS.names], schema=RECEIPTS)


def _states(cents: Int64, view: _Window) -> pa.Array:
    placed = view.cents
    fits = [
        ~view.decided,
        placed[VOIDED] != 0,
        placed[RETURNED] != 0,
        placed[REFUNDED] != 0,
        placed[SUSPENSE] != 0,
        (placed[ITEM] == cents) & (placed[CREDIT] == 0),
        (placed[CREDIT] == cents) & (placed[ITEM] == 0),
    ]
    which = np.select(fits, list(range(len(fits))), default=len(fits))
    return pa.array(STATES).take(pa.array(which))


def closes(connection: Connection, scope: Scope) -> pa.Table:
    """Drawer and day of each drawer close with its deposit date; the last to arrive counts."""
    close, file = schema.drawer_close.c, schema.file.c
    deposited = func.coalesce(func.nullif(close.deposit_date, ""), close.business_date)
    statement = (
        select(close.drawer, close.business_date, deposited)
        .join(schema.file, file.file_no == close.file_no)
        .where(scope.known(file.business_date), file.state.in_(("accepted", "partly_held")))
        .order_by(close.file_no.desc(), close.ordinal.desc())
    )
    to = pa.schema([("drawer", pa.string()), ("day", pa.string()), ("deposit_date", pa.date32())])
    return fetch_table(connection, statement, to)


def deposit_dates(raw: pa.Table, known: pa.Table) -> pa.Array:
    """As read; of a counter receipt the drawer close's, empty until it comes."""
    stored = _one(raw["deposit_date"])
    keys = pc.binary_join_element_wise(known["drawer"], known["day"], "\n")
    mine = pc.binary_join_element_wise(raw["drawer"], raw["received_date"].cast(pa.string()), "\n")
    counter = pc.equal(raw["channel"], "CASHIER")
    row = pc.index_in(mine, value_set=_one(keys))
    found = _one(known["deposit_date"]).take(_one(pc.if_else(counter, row, None)))
    return pc.coalesce(stored, found)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
