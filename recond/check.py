"""Every invariant, proved by reading: from the database, and from the archive where it is one of
bytes (reliability section 3, I1–I5). Each has a name; a broken one comes with its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, and_, case, cast, func, select

from recond import check_bank, check_queue, intake, posting
from recond.adjusting import ADJUSTED
from recond.audit import verify
from recond.home import Home
from recond.model import BUCKETS, CREDIT, SUSPENSE
from recond.posting import ARRIVAL, MOVEMENTS, Chart
from recond.receivables.containment import pending_sums
from recond.store import schema
from recond.store.engine import fetch_arrow

MAX_ROWS = 20  # rows shown of one broken invariant
CHUNK = 200_000  # receipts whose entries are derived again at once

receipt, decision, placement = schema.receipt, schema.decision, schema.placement
entry, line, file = schema.entry, schema.journal_line, schema.file
item, balance = schema.item, schema.item_balance

Broken = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """What is read: the database, the home with its archive, the chart of accounts."""

    connection: Connection
    home: Home
    chart: Chart
    read_archive: bool = False

    def rows(self, wanted: Select[Any]) -> list[Broken]:
        """The first rows that a query for violations finds."""
        found = self.connection.execute(wanted.limit(MAX_ROWS)).mappings()
        return [dict(row) for row in found]

    def number(self, wanted: Select[Any]) -> int:
        """A sum, zero where there is nothing to add."""
        return int(self.connection.scalar(wanted) or 0)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise: its name, what it says, and the search for rows that break it."""

    name: str
    says: str
    broken: Callable[[Books], list[Broken]]


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), schema.INT)


def _keys_of_file() -> tuple[Any, Any]:
    """The first and the last key that a receipt of `file` may have."""
    size = 1 << schema.ORDINAL_BITS
    return file.c.file_no * size, file.c.file_no * size + (size - 1)


def _unplaced(books: Books) -> list[Broken]:
    """Receipts whose first version does not place their amount, or whose later ones move more
    or less than they take."""
    expected = case((decision.c.version == 1, receipt.c.amount_cents), else_=0)
    placed = (
        select(_sum(placement.c.cents))
        .where(
            placement.c.receipt_no == decision.c.receipt_no,
            placement.c.version == decision.c.version,
        )
        .scalar_subquery()
    )
    return books.rows(
        select(
            decision.c.receipt_no,
            decision.c.version,
            receipt.c.amount_cents,
            placed.label("placed"),
        )
        .join(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(placed != expected)
    )


def _orphans(books: Books) -> list[Broken]:
    """Placements without their decision, decisions without their receipt or entry."""
    lost = (
        select(placement.c.receipt_no, placement.c.version)
        .outerjoin(
            decision,
            and_(
                decision.c.receipt_no == placement.c.receipt_no,
                decision.c.version == placement.c.version,
            ),
        )
        .where(decision.c.receipt_no.is_(None))
    )
    without = (
        select(decision.c.receipt_no, decision.c.version)
        .outerjoin(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .outerjoin(entry, entry.c.entry_no == decision.c.entry_no)
        .where(receipt.c.receipt_no.is_(None) | entry.c.entry_no.is_(None))
    )
    return books.rows(lost) + books.rows(without)


def _undecided(books: Books) -> list[Broken]:
    """Receipts of accepted files and batches that are neither placed nor waiting for a reason."""
    reason = (
        select(schema.exception.c.receipt_no)
        .where(schema.exception.c.receipt_no == receipt.c.receipt_no)
        .exists()
    )
    later = (
        select(schema.future_receipt.c.receipt_no)
        .where(schema.future_receipt.c.receipt_no == receipt.c.receipt_no)
        .exists()
    )
    held_batch = (
        select(schema.batch.c.file_no)
        .where(
            schema.batch.c.file_no == file.c.file_no,
            schema.batch.c.batch_ord == receipt.c.batch_ord,
            schema.batch.c.state != "accepted",
        )
        .exists()
    )
    return books.rows(
        select(receipt.c.receipt_no, file.c.file_id, receipt.c.line)
        .join(file, receipt.c.receipt_no.between(*_keys_of_file()))
        .outerjoin(decision, decision.c.receipt_no == receipt.c.receipt_no)
        .where(
            decision.c.receipt_no.is_(None),
            file.c.state.in_(["accepted", "partly_held"]),
            ~reason,
            ~later,
            ~held_batch,
        )
    )


def _unbalanced(books: Books) -> list[Broken]:
    """Entries that do not balance inside a fund (and so in total)."""
    return books.rows(
        select(
            line.c.entry_no,
            line.c.fund,
            _sum(line.c.debit_cents).label("debit"),
            _sum(line.c.credit_cents).label("credit"),
        )
        .group_by(line.c.entry_no, line.c.fund)
        .having(func.sum(line.c.debit_cents) != func.sum(line.c.credit_cents))
    )


def _journal_differs(books: Books) -> list[Broken]:
    """Entries whose journal lines are not what their placements make."""
    broken: list[Broken] = []
    last = books.number(select(func.max(entry.c.entry_no)))
    for first in range(1, last + 1, CHUNK):
        if len(broken) >= MAX_ROWS:
            break
        broken += _differing_entries(books, first, first + CHUNK - 1)
    return broken[:MAX_ROWS]


def _differing_entries(books: Books, first: int, last: int) -> list[Broken]:
    moved = _movements(books, first, last)
    changed = fetch_arrow(
        books.connection,
        select(*(schema.adjustment.c[name] for name in ADJUSTED.names)).where(
            schema.adjustment.c.entry_no.between(first, last)
        ),
        ADJUSTED,
    )
    legs = pa.concat_tables(
        [posting.movement_legs(moved, books.chart), posting.adjustment_legs(changed, books.chart)]
    )
    made = legs.group_by(["entry_no", "fund", "gl_account"]).aggregate([("cents", "sum")])
    stored = fetch_arrow(
        books.connection,
        select(
            line.c.entry_no,
            line.c.fund,
            line.c.gl_account,
            (line.c.credit_cents - line.c.debit_cents).label("cents_sum"),
        )
        .join(entry, entry.c.entry_no == line.c.entry_no)
        .where(
            entry.c.entry_no.between(first, last),
            entry.c.source.not_in(("snapshot", *check_bank.SOURCES)),
        )
        .where(entry.c.entry_id.not_like("%-contra")),
        made.schema,
    )
    both = pa.concat_tables([made.select(stored.column_names), stored])
    sums = both.group_by(["entry_no", "fund", "gl_account"]).aggregate([("cents_sum", "sum")])
    wrong = sums.filter(pc.not_equal(sums["cents_sum_sum"], 0))
    return list(wrong.sort_by("entry_no").slice(0, MAX_ROWS).to_pylist())


def _movements(books: Books, first: int, last: int) -> pa.Table:
    """MOVEMENTS of entries, derived from the placements and the receipts that arrived."""
    same = and_(
        decision.c.receipt_no == placement.c.receipt_no,
        decision.c.version == placement.c.version,
    )
    moved = (
        select(
            decision.c.entry_no,
            receipt.c.channel,
            placement.c.bucket,
            placement.c.charge_type,
            placement.c.fund,
            _sum(placement.c.cents).label("cents"),
        )
        .join_from(placement, decision, same)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(decision.c.entry_no.between(first, last))
        .group_by(
            decision.c.entry_no,
            receipt.c.channel,
            placement.c.bucket,
            placement.c.charge_type,
            placement.c.fund,
        )
    )
    arrived = (
        select(decision.c.entry_no, receipt.c.channel, _sum(receipt.c.amount_cents).label("cents"))
        .join_from(decision, receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(decision.c.version == 1, decision.c.entry_no.between(first, last))
        .group_by(decision.c.entry_no, receipt.c.channel)
    )
    small = pa.schema([MOVEMENTS.field(name) for name in ("entry_no", "channel", "cents")])
    arrivals = fetch_arrow(books.connection, arrived, small)
    count = arrivals.num_rows
    arrivals = pa.table(
        {
            "entry_no": arrivals["entry_no"],
            "channel": arrivals["channel"],
            "bucket": pa.repeat(pa.scalar(ARRIVAL, pa.int32()), count),
            "charge_type": pa.nulls(count, pa.string()),
            "fund": pa.nulls(count, pa.string()),
            "cents": arrivals["cents"],
        },
        schema=MOVEMENTS,
    )
    return pa.concat_tables([fetch_arrow(books.connection, moved, MOVEMENTS), arrivals])


def _balance(books: Books, gl_account: str) -> int:
    """Credits less debits of an account of the pool fund."""
    return books.number(
        select(_sum(line.c.credit_cents) - _sum(line.c.debit_cents)).where(
            line.c.fund == books.chart.pool_fund, line.c.gl_account == gl_account
        )
    )


def _bucket(books: Books, bucket: int) -> int:
    return books.number(select(_sum(placement.c.cents)).where(placement.c.bucket == bucket))


def _differs(books: Books, bucket: int, gl_account: str) -> list[Broken]:
    journal, placed = _balance(books, gl_account), _bucket(books, bucket)
    if journal == placed:
        return []
    return [{"gl_account": gl_account, "journal": journal, BUCKETS[bucket]: placed}]


def _suspense_differs(books: Books) -> list[Broken]:
    return _differs(books, SUSPENSE, books.chart.suspense)


def _credit_differs(books: Books) -> list[Broken]:
    return _differs(books, CREDIT, books.chart.customer_credit)


def _unasked(books: Books) -> list[Broken]:
    """Receipts with money in suspense and no open question. A bank credit without a deposit may
    be acknowledged: then its question was asked, and its money waits for its deposit."""
    asked = (
        select(schema.exception.c.receipt_no)
        .where(
            schema.exception.c.receipt_no == placement.c.receipt_no,
            (schema.exception.c.status != "resolved") | (schema.exception.c.scope == "BANK"),
        )
        .exists()
    )
    return books.rows(
        select(placement.c.receipt_no, _sum(placement.c.cents).label("suspense"))
        .where(placement.c.bucket == SUSPENSE, ~asked)
        .group_by(placement.c.receipt_no)
        .having(func.sum(placement.c.cents) != 0)
    )


def _receivables_differ(books: Books) -> list[Broken]:
    """Funds whose receivables in the journal are not the sum of their effective open items."""
    own = {books.chart.receivables, *(account for _, account in books.chart.receivables_of)}
    rows = books.connection.execute(
        select(line.c.fund, _sum(line.c.debit_cents) - _sum(line.c.credit_cents))
        .where(line.c.gl_account.in_(sorted(own)))
        .group_by(line.c.fund)
    )
    booked = {row[0]: int(row[1]) for row in rows}
    rows = books.connection.execute(
        select(item.c.fund, _sum(balance.c.open_cents))
        .select_from(schema.item_and_balance)
        .group_by(item.c.fund)
    )
    owed = {row[0]: int(row[1]) for row in rows}
    return [
        {"fund": fund, "journal": booked.get(fund, 0), "open_items": owed.get(fund, 0)}
        for fund in sorted(booked | owed)
        if booked.get(fund, 0) != owed.get(fund, 0)
    ]


def _balances_differ(books: Books) -> list[Broken]:
    """Items without a balance, and balances without an item."""
    return [
        *books.rows(
            select(item.c.item_key, item.c.item_number)
            .outerjoin(balance, balance.c.item_key == item.c.item_key)
            .where(balance.c.item_key.is_(None))
        ),
        *books.rows(
            select(balance.c.item_key, balance.c.open_cents)
            .outerjoin(item, item.c.item_key == balance.c.item_key)
            .where(item.c.item_key.is_(None))
        ),
    ]


def _pending_differs(books: Books) -> list[Broken]:
    """Items whose pending amount is not what was posted on them and is in no snapshot yet."""
    applied = pending_sums(books.connection).subquery()
    total = func.coalesce(applied.c.cents, 0)
    return books.rows(
        select(item.c.item_key, item.c.item_number, balance.c.pending_cents, total.label("applied"))
        .select_from(schema.item_and_balance)
        .outerjoin(applied, applied.c.item_key == item.c.item_key)
        .where(balance.c.pending_cents != total)
    )


def _dated_into_closed(books: Books) -> list[Broken]:
    """Entries made after a month was closed and dated into it."""
    change = schema.period_change
    last = (
        select(change.c.closed_through, change.c.last_entry)
        .order_by(change.c.change_no.desc())
        .limit(1)
        .subquery()
    )
    return books.rows(
        select(entry.c.entry_id, entry.c.period).where(
            entry.c.period <= last.c.closed_through, entry.c.entry_no > last.c.last_entry
        )
    )


def _log_differs(books: Books) -> list[Broken]:
    """Where the tamper-evident log and the books disagree."""
    return [{"event": one.seq, "says": one.says} for one in verify(books.connection)][:MAX_ROWS]


def _repeated_bytes(books: Books) -> list[Broken]:
    """The same bytes with an effect twice, or a duplicate with receipts of its own."""
    twice = (
        select(file.c.sha256, func.count().label("arrivals"))
        .where(file.c.duplicate_of.is_(None))
        .group_by(file.c.sha256)
        .having(func.count() > 1)
    )
    effective = (
        select(file.c.file_id, receipt.c.receipt_no)
        .join(receipt, receipt.c.receipt_no.between(*_keys_of_file()))
        .where(file.c.state == "duplicate")
    )
    return books.rows(twice) + books.rows(effective)


def _broken_versions(books: Books) -> list[Broken]:
    """Receipts whose versions are not 1, 2, 3 …"""
    return books.rows(
        select(
            decision.c.receipt_no,
            func.count().label("versions"),
            func.max(decision.c.version).label("last"),
        )
        .group_by(decision.c.receipt_no)
        .having(func.count() != func.max(decision.c.version))
    )


def _missing_originals(books: Books) -> list[Broken]:
    """Files whose bytes are not in the archive under their SHA-256 and size."""
    broken: list[Broken] = []
    gone = set(books.connection.scalars(select(schema.disposal.c.sha256)))
    for row in _files(books):
        if row.sha256 in gone:
            continue  # a certificate says so: `pipeline.retention`
        path = intake.archived(books.home.path, row.sha256)
        found: str | None = None
        if not path.is_file():
            found = "missing"
        elif path.stat().st_size != row.size:
            found = f"{path.stat().st_size} bytes instead of {row.size}"
        elif books.read_archive and intake.hash_of(path) != row.sha256:
            found = "other bytes than its name says"
        if found:
            broken.append({"file_id": row.file_id, "sha256": row.sha256, "found": found})
            if len(broken) >= MAX_ROWS:
                break
    return broken


def _files(books: Books) -> Iterator[Any]:
    seen: set[str] = set()
    rows = books.connection.execute(
        select(file.c.file_id, file.c.sha256, file.c.size).order_by(file.c.file_no)
    )
    for row in rows:
        if row.sha256 not in seen:
            seen.add(row.sha256)
            yield row


def _lost_arrivals(books: Books) -> list[Broken]:
    """Numbers of arrivals that are neither in the books nor in work/."""
    known = set(books.connection.scalars(select(file.c.file_no)))
    work = books.home.path / "work"
    claimed = {
        int(folder.name.split(".")[0])
        for inbox in (work.iterdir() if work.is_dir() else ())
        if inbox.is_dir()
        for folder in inbox.iterdir()
        if folder.name.split(".")[0].isdecimal()
    }
    last = max(known | claimed, default=0)
    lost = sorted(set(range(1, last + 1)) - known - claimed)
    return [{"file_no": number} for number in lost[:MAX_ROWS]]


INVARIANTS = (
    Invariant("I1.placed", "every cent of every receipt is in exactly one place", _unplaced),
    Invariant("I1.owned", "every placement has its decision, receipt and entry", _orphans),
    Invariant("I1.decided", "every receipt of an accepted file is placed or waits for a reason",
              _undecided),
    Invariant("I1.clearing", "each clearing account is the list of what is not reconciled",
              check_bank.clearing_differs),
    Invariant("I1.deposited", "every posted receipt is in a deposit or waits for one",
              check_bank.undeposited),
    Invariant("I1.bank", "the bank account is what statement lines brought",
              check_bank.bank_differs),
    Invariant("I1.lines", "every statement line that brought something brought its amount",
              check_bank.lines_differ),
    Invariant("I1.once", "no statement line is a deposit's money and a receipt's at once",
              check_bank.twice),
    Invariant("I1.open", "what is open of deposits is what lines have not brought",
              check_bank.left_differs),
    Invariant("I2.balanced", "every entry balances in total and inside each fund", _unbalanced),
    Invariant("I2.journal", "the journal is the sum of the placements by entry, fund and account",
              _journal_differs),
    Invariant("I2.suspense", "suspense in the journal is the suspense of receipts",
              _suspense_differs),
    Invariant("I2.asked", "every receipt in suspense has an open question", _unasked),
    Invariant("I2.on_account", "customer credit in the journal is the credit of receipts",
              _credit_differs),
    Invariant("I2.receivables", "receivables of each fund are the sum of its effective open items",
              _receivables_differ),
    Invariant("I2.balances", "every item has a balance and every balance an item",
              _balances_differ),
    Invariant("I2.pending", "pending amounts of items are the applications that stand on them",
              _pending_differs),
    Invariant("I6.log", "the log is whole and every object is what it was when it was logged",
              _log_differs),
    Invariant("I2.written_off", "the allowance in the journal is what is written off, and nothing"
              " more is recovered",
              check_queue.written_off_differs),
    Invariant("I3.answers", "every question has at most one effect a version, and its decision",
              check_queue.effects_differ),
    Invariant("I3.approvals", "what waits for approval is what somebody asked for",
              check_queue.unasked_approvals),
    Invariant("I4.lists", "every work list that came back is in the archive",
              check_queue.missing_lists),
    Invariant("I8.closed", "no entry was dated into a month after it was closed",
              _dated_into_closed),
    Invariant("I3.bytes", "the same bytes have one effect", _repeated_bytes),
    Invariant("I3.versions", "every receipt has one decision a version", _broken_versions),
    Invariant("I4.originals", "every byte that came is in the archive under its SHA-256",
              _missing_originals),
    Invariant("I5.arrivals", "every arrival is in the books or in work/", _lost_arrivals),
)  # fmt: skip


def check(books: Books) -> Iterator[tuple[Invariant, list[Broken]]]:
    """Every invariant with the rows that break it (none: it holds)."""
    for invariant in INVARIANTS:
        yield invariant, invariant.broken(books)
