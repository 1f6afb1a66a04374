"""The posting file for the billing system (contract section 5).

A posting is a placement row on an item or on account, of a payment that recond posts to billing;
its id is that row's. An entry goes out once, in one file (`exports.outbox`).

Type: PAYMENT for money that comes to an account; REVERSAL for money taken back; where a decision
moves money between an account's items, its credit, or accounts, all its rows are a TRANSFER and
sum to zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Row, Select, and_, case, func, literal, null, select

from recond.exports.columns import FileIds, fetch, int64s
from recond.exports.outbox import Head, Kind, Sums
from recond.exports.receipts import closes, deposit_dates
from recond.exports.scope import Scope
from recond.exports.writers import cells, csv_lines
from recond.model import CREDIT, ITEM
from recond.money import decimal_from_cents
from recond.receivables.containment import undone
from recond.store import schema
from recond.store.engine import insert_table, stage

COLUMNS = (
    "posting_id", "type", "account_number", "item_number", "amount", "received_date",
    "deposit_date", "gl_date", "channel", "tender", "reference", "reverses_posting_id", "reason",
)  # fmt: skip
placement, decision, entry = schema.placement, schema.decision, schema.entry
posted = schema.posted_entry

_RAW = pa.schema(
    [("receipt_no", pa.int64()), ("version", pa.int64()), ("line", pa.int64()),
     ("cents", pa.int64()), ("moved", pa.int64()), ("reverses_version", pa.int64()),
     ("reverses_line", pa.int64()), ("account_number", pa.string()),
     ("item_number", pa.string()), ("gl_date", pa.string()), ("rule", pa.string()),
     ("reason", pa.string()), ("received_date", pa.date32()), ("deposit_date", pa.date32()),
     ("channel", pa.string()), ("tender", pa.string()), ("reference", pa.string()),
     ("drawer", pa.string())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Postings:
    """The postings of some entries: their numbers and ids, in order; `known_ack`: the last answer
    of billing that was known when they were written, None when that is now."""

    entries: list[tuple[int, str]]
    columns: tuple[str, ...] = COLUMNS
    known_ack: int | None = None

    def names(self) -> list[str]:
        """The ids of the entries."""
        return [entry_id for _, entry_id in self.entries]

    def lines(self, connection: Connection, head: Head, sums: Sums) -> Iterator[bytes]:
        """A line a posting."""
        scope = Scope(head.day, head.day)
        numbers = [number for number, _ in self.entries]
        return body(connection, numbers, scope, sums, self.known_ack)

    def remember(self, connection: Connection, number: int) -> None:
        """One row an entry."""
        numbers = pa.array([entry_no for entry_no, _ in self.entries], pa.int64())
        rows = pa.table({"entry_no": numbers})
        insert_table(connection, posted, rows, constants={"outbox_no": number})


def _again(connection: Connection, row: Row[Any]) -> Postings:
    known = (
        select(entry.c.entry_no, entry.c.entry_id)
        .join(posted, posted.c.entry_no == entry.c.entry_no)
        .where(posted.c.outbox_no == row.outbox_no)
        .order_by(entry.c.entry_no)
    )
    entries = [(one.entry_no, one.entry_id) for one in connection.execute(known)]
    return Postings(entries, known_ack=row.known_ack)


POSTINGS = Kind("postings", "PF", _again)


def fresh(connection: Connection, as_of: dt.date) -> Postings | None:
    """The entries with postings that stand in no file yet; None when there are none."""
    found = fresh_entries(connection, as_of)
    return Postings(found) if found else None


def is_posting(rows: Any, known_ack: int | None = None) -> Any:
    """SQL: a placement row (`rows`: the table's columns) that billing is told of, if its payment
    is one that recond posts; `known_ack` as in `Postings`."""
    return and_(rows.bucket.in_([ITEM, CREDIT]), rows.cents != 0, ~undone(rows, known_ack))


def fresh_entries(connection: Connection, as_of: dt.date) -> list[tuple[int, str]]:
    """Number and id of the entries with postings that stand in no file yet, in order."""
    rows = placement.c
    known = (
        select(entry.c.entry_no, entry.c.entry_id)
        .outerjoin(posted, posted.c.entry_no == entry.c.entry_no)
        .where(posted.c.entry_no.is_(None), entry.c.business_date <= as_of.isoformat())
        .subquery()
    )
    wanted = (
        select(known.c.entry_no, known.c.entry_id)
        .distinct()
        .select_from(decision)
        .join(known, known.c.entry_no == decision.c.entry_no)
        .join(placement, _same_version())
        .join(schema.file, _owner())
        .where(is_posting(rows), schema.file.c.posted_by == "recond")
        .order_by(known.c.entry_no)
    )
    return [(row.entry_no, row.entry_id) for row in connection.execute(wanted)]


def _same_version() -> Any:
    return and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )


def _owner() -> Any:
    """The file of a decision, by the range of its receipts' keys."""
    size = 1 << schema.ORDINAL_BITS
    first = schema.file.c.file_no * size
    return decision.c.receipt_no.between(first, first + (size - 1))


def body(
    connection: Connection, entry_nos: list[int], scope: Scope, sums: Sums,
    known_ack: int | None = None,
) -> Iterator[bytes]:  # fmt: skip
    """The lines of the postings of some entries; `known_ack` as in `Postings`."""
    staged = stage(
        connection, "posted_now", pa.table({"entry_no": pa.array(entry_nos, pa.int64())})
    )
    files, known = FileIds.load(connection), closes(connection, scope)
    for found in fetch(connection, _rows(staged, known_ack), _RAW):
        table = pa.Table.from_batches([found])
        yield csv_lines([cells(column) for column in _columns(table, files, known)], "\n")
        sums.rows += found.num_rows
        sums.cents += pc.sum(found["cents"]).as_py()


def _rows(staged: Any, known_ack: int | None) -> Select[Any]:
    rows, receipt = placement.c, schema.receipt.c
    other = placement.alias()
    moved = (
        select(func.sum(other.c.cents))
        .where(
            other.c.receipt_no == rows.receipt_no, other.c.version == rows.version,
            other.c.bucket.in_([ITEM, CREDIT]),
        )
        .scalar_subquery()
    )  # fmt: skip
    reference = func.coalesce(
        receipt.check_number, receipt.trace_number, receipt.sequence, receipt.reference
    )
    return (
        select(
            rows.receipt_no, rows.version, rows.line, rows.cents,
            # a first placing is a payment whatever its sum; only later versions move money
            case((rows.version == 1, null()), else_=moved),
            rows.reverses_version, rows.reverses_line, schema.account.c.account_number,
            schema.item.c.item_number, entry.c.effective_date, decision.c.rule,
            case((rows.version == 1, literal("")), else_=decision.c.evidence),
            receipt.received_date, receipt.deposit_date, receipt.channel, receipt.tender,
            reference, receipt.drawer,
        )
        .select_from(decision)
        .join(staged, staged.c.entry_no == decision.c.entry_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(placement, _same_version())
        .join(schema.receipt, receipt.receipt_no == rows.receipt_no)
        .join(schema.file, _owner())
        .join(schema.account, schema.account.c.account_key == rows.account_key)
        .outerjoin(schema.item, schema.item.c.item_key == rows.item_key)
        .where(is_posting(rows, known_ack), schema.file.c.posted_by == "recond")
        .order_by(decision.c.entry_no, rows.receipt_no, rows.version, rows.line)
    )  # fmt: skip


def _columns(found: pa.Table, files: FileIds, known: pa.Table) -> list[pa.Array]:
    one = {name: found[name].combine_chunks() for name in found.column_names}
    numbers = int64s(one["receipt_no"])
    transfer = pc.fill_null(pc.equal(one["moved"], 0), False)
    back = pc.and_(pc.greater(one["version"], 1), pc.less(one["cents"], 0))
    kind = pc.if_else(transfer, "TRANSFER", pc.if_else(back, "REVERSAL", "PAYMENT"))
    made = {
        "posting_id": files.postings(numbers, one["version"], one["line"]),
        "type": kind,
        "amount": decimal_from_cents(one["cents"]),
        "deposit_date": deposit_dates(found, known),
        "reverses_posting_id": files.postings(
            numbers, one["reverses_version"], one["reverses_line"]
        ),
    }
    return [made[name] if name in made else one[name] for name in COLUMNS]
