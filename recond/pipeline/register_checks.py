"""What a weekly, monthly or yearly audit of the registers looks at (domain 2.10).

A check says how much it looked at, what it found that somebody has to explain, and what it only
lists to be looked through. What the statements of a month know is taken from them, so an audit and
the pack can never say different things.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, select

from recond import audit, periods
from recond.closing import checklist
from recond.errors import InvariantError, RefusedError
from recond.exports import sampling
from recond.exports.datasets import stream
from recond.exports.disposed import certificate_of
from recond.exports.scope import Scope
from recond.exports.statements import STATEMENTS, Statement
from recond.exports.statements.counter import missing
from recond.money import format_cents
from recond.pipeline import retention
from recond.pipeline.monthend import frozen, month_of
from recond.pipeline.run import Run
from recond.store import schema

SAMPLE = 25
SUSPENSE_DAYS = 5
CUT_OFF = 10  # deposits on either side of the fiscal year's end
BEFORE = dt.timedelta(days=31)  # how far back the last numbers of a drawer are looked for
DATES = ("date", "business_date", "effective_date")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `found` has to be explained, `listed` only looked through."""

    name: str
    says: str
    looked: int
    found: tuple[str, ...] = ()
    cents: int | None = None
    listed: tuple[str, ...] = ()


class Registers:
    """The books of the days that an audit is about."""

    def __init__(
        self, connection: Connection, run: Run, first: dt.date, last: dt.date, seed: str
    ) -> None:
        self.connection, self.run = connection, run
        self.first, self.last, self.seed = first, last, seed
        self.statement: Callable[[str, str], Statement] = cache(self._statement)

    def _statement(self, name: str, month: str) -> Statement:
        gates = checklist(self.connection, self.run, month) if name == "close_checklist" else ()
        return STATEMENTS[name](month_of(self.connection, self.run, month, gates))

    @property
    def months(self) -> list[str]:
        """The months that the days touch."""
        found, day = [], self.first
        while day <= self.last:
            found.append(day.isoformat()[:7])
            day = periods.last_day(found[-1]) + dt.timedelta(days=1)
        return found

    def rows(self, name: str) -> list[Row]:
        """The rows of a statement that are dated on the days, or that have no date."""
        return [
            row
            for month in self.months
            for row in self.statement(name, month).table.to_pylist()
            if (day := _day(row)) is None or self.first <= day <= self.last
        ]

    def data(self, name: str, **days: dt.date | None) -> pa.Table:
        """A dataset of the days, or of others."""
        between = {"date_from": self.first, "date_to": self.last} | days
        scope = Scope(today=self.last, record=True, chart=self.run.chart, **between)  # type: ignore[arg-type]
        return stream(self.connection, name, scope).read_all()


def _day(row: Row) -> dt.date | None:
    found = next((row[name] for name in DATES if row.get(name) is not None), None)
    return dt.date.fromisoformat(found) if isinstance(found, str) else found


def _cents(rows: Sequence[Row], name: str = "amount") -> int:
    return sum(int(row[name].scaleb(2)) for row in rows if row[name] is not None)


def _told(row: Row, *names: str) -> str:
    values = (row[name] for name in names)
    return " ".join(str(value) for value in values if value not in {None, ""})


# --- every week -----------------------------------------------------------------------------------


def control_totals(books: Registers) -> Check:
    """Files against what they declare."""
    rows = [r for r in books.data("files").to_pylist()
            if r["declared_amount"] is not None or r["declared_count"] is not None]  # fmt: skip
    wrong = [
        _told(r, "file_id", "name", "state")
        for r in rows
        if r["state"] in {"accepted", "partly_held", "held"}
        and (r["declared_count"], r["declared_amount"]) != (r["found_count"], r["found_amount"])
    ]
    says = "files hold what they declare"
    return Check("control totals", says, len(rows), tuple(wrong), _cents(rows, "found_amount"))


def snapshots(books: Registers) -> Check:
    """Whether the billing system's figures came, and where they drifted."""
    rows = books.data("files").to_pylist()
    came = [r for r in rows if r["inbox"] == "receivables" and r["state"] == "accepted"]
    asked = books.data("exceptions").to_pylist()
    drift = [_told(r, "exception_id", "message") for r in asked if r["code"] == "SNAPSHOT_DRIFT"]
    none = () if came else ("no receivables file came",)
    says = "a snapshot came, and postings and snapshots agree"
    return Check("snapshots", says, len(came), (*none, *drift))


def receipt_numbers(books: Registers) -> Check:
    """Numbers that no receipt of a drawer has, those of the days before left out."""
    month = month_of(books.connection, books.run, books.months[-1], ())
    since = books.first - BEFORE

    def gaps(last: dt.date) -> set[tuple[str, str]]:
        days = dataclasses.replace(month, first=since, last=last)
        return {(row["drawer"], row["number"]) for row in missing(days)}

    found = sorted(gaps(books.last) - gaps(books.first - dt.timedelta(days=1)))
    receipt = schema.receipt.c
    looked = books.connection.scalar(
        select(func.count()).where(
            receipt.drawer.is_not(None),
            receipt.received_date >= books.first.isoformat(),
            receipt.received_date <= books.last.isoformat(),
        )
    )
    says = "no receipt number of a drawer is missing"
    return Check("receipt numbers", says, looked or 0, tuple(f"{d} {n}" for d, n in found))


def voids(books: Registers) -> Check:
    """Voids that nobody approved, or that took out nothing; the others are listed."""
    rows = [r for r in books.rows("voids_and_gaps") if r["kind"] != "missing number"]
    said = [(r, _told(r, "date", "drawer", "number", "original", "void", "kind")) for r in rows]
    odd = [r["kind"] != "void" or not r["approved_by"] for r in rows]
    wrong = tuple(words for (_, words), bad in zip(said, odd, strict=True) if bad)
    good = tuple(words for (_, words), bad in zip(said, odd, strict=True) if not bad)
    says = "every void is approved and takes out a receipt"
    return Check("voids", says, len(rows), wrong, _cents(rows, "voided"), good)


def drawers(books: Registers) -> Check:
    """Drawers that were over or short; a person counts one of them by surprise."""
    rows = books.rows("over_short")
    wrong = tuple(
        _told(r, "business_date", "drawer", "cashier", "over", "short")
        for r in rows if r["over"] or r["short"]
    )  # fmt: skip
    names = sorted({r["drawer"] for r in rows}, key=lambda name: _rank(books.seed, name))
    pick = tuple(f"to be counted by surprise: {name}" for name in names[:1])
    both = _cents(rows, "over") + _cents(rows, "short")
    return Check("drawers", "no drawer is over or short", len(rows), wrong, both, pick)


def _rank(seed: str, name: str) -> str:
    return sha256(f"{seed}|{name}".encode()).hexdigest()


def decisions(books: Registers) -> Check:
    """What people moved, refunded and forgave, by person and by how much: to be looked through."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    looked = 0
    for name, column in (
        ("corrections", "placed"),
        ("refunds", "amount"),
        ("write_offs", "amount"),
    ):
        for row in books.rows(name):
            looked += 1
            key = (row["decided_by"] or "", name)
            count, cents = sums.get(key, (0, 0))
            sums[key] = (count + 1, cents + int((row[column] or Decimal(0)).scaleb(2)))
    listed = tuple(
        f"{person}: {count} {name}, {format_cents(cents)}"
        for (person, name), (count, cents) in sorted(sums.items())
    )
    return Check("decisions", "what people decided, by person", looked, listed=listed)


def suspense(books: Registers) -> Check:
    """Money whose owner is not known for more than some days."""
    rows = books.statement("unidentified", books.months[-1]).table.to_pylist()
    rows = [r for r in rows if r["received_date"] is None or r["received_date"] <= books.last]
    old = [r for r in rows if r["received_date"] is None
           or (books.last - r["received_date"]).days > SUSPENSE_DAYS]  # fmt: skip
    says = f"no money is in suspense for more than {SUSPENSE_DAYS} days"
    names = ("receipt_id", "received_date", "amount", "exception_code")
    return Check("suspense", says, len(rows), tuple(_told(r, *names) for r in old), _cents(old))


def sample(books: Registers) -> Check:
    """A seeded sample of receipts traced from the archived bytes to the ledger."""
    items = sampling.population(books.connection, (books.first, books.last))
    says = "receipts of a sample lead from their bytes to the ledger"
    if not items:
        return Check("sample", says, 0)
    chosen = sampling.choose(items, SAMPLE, books.seed, "attribute")
    wrong = tuple(f"{one.receipt_id}: {why}" for one in chosen if (why := _untraced(books, one)))
    listed = tuple(f"{one.receipt_id} {format_cents(one.amount_cents)}" for one in chosen)
    cents = sum(one.amount_cents for one in chosen)
    return Check("sample", f"{says} (seed {books.seed})", len(chosen), wrong, cents, listed)


def _untraced(books: Registers, item: sampling.Item) -> str | None:
    """Where the way of a receipt from its bytes to the ledger ends; None when it does not."""
    file, receipt = schema.file.c, schema.receipt.c
    placement, decision, line = schema.placement.c, schema.decision.c, schema.journal_line.c
    number = sampling.number_of(books.connection, item)
    row = books.connection.execute(
        select(file.file_no, file.sha256, receipt.amount_cents)
        .join(schema.file, file.file_no == number >> schema.ORDINAL_BITS)
        .where(receipt.receipt_no == number)
    ).one()
    path = books.run.archived(row.sha256)
    if not path.exists():
        if certificate_of(books.connection, row.file_no) is None:
            return "its bytes are not in the archive"
    elif sha256(path.read_bytes()).hexdigest() != row.sha256:
        return "its bytes were changed in the archive"
    placed = books.connection.scalar(
        select(func.sum(placement.cents)).where(placement.receipt_no == number)
    )
    if placed != row.amount_cents:
        return "its cents are not all placed"
    debit, credit = books.connection.execute(
        select(func.sum(line.debit_cents), func.sum(line.credit_cents))
        .join(schema.decision, decision.entry_no == line.entry_no)
        .where(decision.receipt_no == number, decision.version == 1)
    ).one()
    return None if debit and debit == credit else "its entry does not balance"


def log(books: Registers) -> Check:
    """The tamper-evident log; its head is noted here, so a log that is cut later is found."""
    faults = audit.verify(books.connection)
    head = (f"head {audit.head(books.connection)}",)
    count = books.connection.scalar(select(func.count()).select_from(schema.audit_event)) or 0
    return Check("log", "the log and the books agree", count, tuple(f.says for f in faults),
                 listed=head)  # fmt: skip


# --- every month and every year -------------------------------------------------------------------


def statements(books: Registers) -> Check:
    """Every tie-out of every statement of the month."""
    ties = [(one.title, tie) for month in books.months for name in STATEMENTS
            for one in [books.statement(name, month)] for tie in one.ties]  # fmt: skip
    wrong = tuple(f"{title}: {tie.says}: {tie.figure(tie.difference_cents)}"
                  for title, tie in ties if tie.difference_cents)  # fmt: skip
    return Check("statements", "every statement ties", len(ties), wrong)


def screens(books: Registers) -> Check:
    """What the fraud screens show."""
    rows = books.rows("fraud_screens")
    names = ("screen", "date", "person", "account_number", "receipt_id", "amount", "says")
    found = tuple(_told(r, *names) for r in rows)
    return Check("screens", "nothing looks like what thieves do", len(rows), found)


def master_data(books: Registers) -> Check:
    """Changes of accounts; a status that flips back has to be explained."""
    rows = books.rows("master_changes")
    names = ("date", "account_number", "field", "old", "new")
    flips = tuple(_told(r, *names) for r in rows if r["flips_back"] == "yes")
    rest = tuple(_told(r, *names) for r in rows if r["flips_back"] != "yes")
    return Check("master data", "no status flips back", len(rows), flips, listed=rest)


def access(books: Registers) -> Check:
    """Who may do what, to be reviewed."""
    roles = books.run.home.settings.roles
    names = ("clerk", "approver", "supervisor", "auditor")
    listed = tuple(f"{name}: {', '.join(getattr(roles, name)) or 'nobody'}" for name in names)
    return Check("access", "who may do what is reviewed", len(names), listed=listed)


def packs(books: Registers) -> Check:
    """Months of the year: closed, and their packs the bytes that were signed."""
    file = schema.file.c
    first = books.connection.scalar(select(func.min(file.business_date))) or ""
    months = [month for month in books.months if month >= first[:7]]
    wrong = []
    for month in months:
        try:
            frozen(books.connection, books.run, month)
        except RefusedError:
            state = periods.state(books.connection, month, books.run.today)
            wrong += [f"{month} is {state}"] if state != "closed" else []
        except InvariantError as error:
            wrong.append(str(error))
    says = "every month is closed, and its pack is what was signed"
    return Check("packs", says, len(months), tuple(wrong))


def cut_off(books: Registers) -> Check:
    """The last deposits of the year and the first of the next, in the month they belong to."""
    deposit = schema.deposit.c
    own = select(schema.deposit).where(deposit.withdraws_no.is_(None), deposit.amount_cents != 0)
    end = books.last.isoformat()
    sides = (
        own.where(deposit.business_date <= end).order_by(
            deposit.business_date.desc(), deposit.deposit_no.desc()),
        own.where(deposit.business_date > end).order_by(
            deposit.business_date, deposit.deposit_no),
    )  # fmt: skip
    rows = [row for query in sides for row in books.connection.execute(query.limit(CUT_OFF))]

    def words(row: Any) -> str:
        return f"{row.deposit_id} of {row.business_date}, {format_cents(row.amount_cents)}"

    wrong = tuple(f"{words(row)}: in {row.period}" for row in rows
                  if (row.business_date <= end) != (row.period <= end[:7]))  # fmt: skip
    says = "deposits around the year's end are in the right year"
    cents = sum(row.amount_cents for row in rows)
    return Check("cut-off", says, len(rows), wrong, cents, tuple(words(row) for row in rows))


def unclaimed(books: Registers) -> Check:
    """Credit that is old enough to be unclaimed property."""
    rows = books.statement("unclaimed_candidates", books.months[-1]).table.to_pylist()
    names = ("receipt_id", "account_number", "customer_name", "amount", "dormant_date")
    found = tuple(_told(r, *names) for r in rows)
    says = "no credit is old enough to be unclaimed property"
    return Check("unclaimed", says, len(rows), found, _cents(rows))


def overdue_bytes(books: Registers) -> Check:
    """Bytes that should be gone, and those that may go."""
    found = retention.schedule(books.connection, books.run)
    late = tuple(f"{one.file_id} {one.name}" for one in found if one.state == retention.OVERDUE)
    may = sum(one.state == retention.DISPOSABLE for one in found)
    listed = (f"{may} files may be disposed of",) if may else ()
    return Check("retention", "no bytes are kept longer than they may", len(found), late,
                 listed=listed)  # fmt: skip


def by_hand(books: Registers) -> Check:
    """What only people can do; the note of the audit says that they did."""
    listed = (
        "restore a backup into another folder and run `recond check` there",
        f"give the auditors `recond audit pbc --from {books.first} --to {books.last}`",
    )
    return Check("by hand", "what people do", 0, listed=listed)


WEEKLY = (control_totals, snapshots, receipt_numbers, voids, drawers, decisions, suspense, sample,
          log)  # fmt: skip
MONTHLY = (statements, screens, master_data, receipt_numbers, voids, drawers, decisions, suspense,
           sample, access, log)  # fmt: skip
YEARLY = (packs, cut_off, unclaimed, overdue_bytes, sample, access, log, by_hand)
CHECKS: Mapping[str, tuple[Callable[[Registers], Check], ...]] = {
    "weekly": WEEKLY, "monthly": MONTHLY, "yearly": YEARLY,
}  # fmt: skip
