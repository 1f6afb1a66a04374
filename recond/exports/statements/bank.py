"""The bank reconciliation (domain section 2.9, E61).

Two sides that are made from different rows and have to meet: the bank's statements with what is on
the way, and the ledger with what the bank did that is not in the books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, case, func, select

from recond.exports.statements import transit
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME
from recond.model import VOIDED
from recond.store import schema
from recond.store.sql import total
from recond.store.withdrawals import is_replaced, is_withdrawn

entry, receipt, file = schema.entry, schema.receipt, schema.file
decision, placement = schema.decision, schema.placement
clearing, line = schema.clearing, schema.bank_line
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()
TAKEN = ("accepted", "partly_held")


@dataclass(frozen=True, slots=True)
class Account:
    """A bank account by its statements: the balance that its first one opened with, and what
    balances say that no line does (a statement is missing), by day."""

    number: str
    opening_cents: int
    gaps: tuple[tuple[str, int], ...]

    def missing(self, day: str) -> tuple[int, int]:
        """Credits and debits on no statement up to a day."""
        own = [cents for date, cents in self.gaps if date <= day]
        return sum(c for c in own if c > 0), -sum(c for c in own if c < 0)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the money stands at the end of a month; see the module."""

    bank: int
    transit: int
    returns: int
    wrong: int
    ledger: int
    debits: int
    credits: int
    kept: int

    @property
    def adjusted_bank(self) -> int:
        """The bank's side."""
        return self.bank + self.transit - self.returns - self.wrong

    @property
    def adjusted_book(self) -> int:
        """The ledger's side."""
        return self.ledger - self.debits + self.credits - self.kept


def accounts_of(month: Month) -> list[Account]:
    """Bank accounts whose first statement came by the month's end, walked statement by
    statement (there are few)."""
    one = schema.statement
    rows = month.connection.execute(
        select(one).join(file, file.c.file_no == one.c.file_no)
        .where(file.c.state.in_(TAKEN), one.c.first_date <= month.last.isoformat(),
               ~is_replaced(one.c.file_no, schema.withdrawn.c.period <= month.month))
        .order_by(one.c.bank_account, one.c.first_date, one.c.file_no)
    ).all()  # fmt: skip
    found: dict[str, tuple[int, list[tuple[str, int]]]] = {}
    closing: dict[str, int | None] = {}
    for row in rows:
        name = row.bank_account
        opening = row.opening_cents
        if opening is None and row.closing_cents is not None:
            opening = row.closing_cents - row.lines_cents
        known = found.setdefault(name, (opening or 0, []))
        if closing.get(name) is not None and opening is not None:
            known[1].append((row.first_date, opening - (closing[name] or 0)))
        end = row.closing_cents
        if end is not None and opening is not None:
            known[1].append((row.as_of_date, end - opening - row.lines_cents))
        closing[name] = end if end is not None or opening is None else opening + row.lines_cents
    return [
        Account(name, opening, tuple(gap for gap in gaps if gap[1]))
        for name, (opening, gaps) in sorted(found.items())
    ]


def _lines(month: Month) -> Any:
    """A subquery of the lines that count: their day at the bank (the statement's, where the value
    date is another), their cents, and what of them is in the books by the month's end."""
    own, part = schema.statement, schema.line_part
    value = func.coalesce(line.c.value_date, own.c.as_of_date, file.c.business_date)
    day = case(
        (own.c.as_of_date < value, own.c.as_of_date), (own.c.first_date > value, own.c.first_date),
        else_=value,
    )  # fmt: skip
    brought = (
        select(clearing.c.file_no, clearing.c.ordinal, total(clearing.c.cents).label("cents"))
        .join(entry, entry.c.entry_no == clearing.c.entry_no)
        .where(entry.c.period <= month.month)
        .group_by(clearing.c.file_no, clearing.c.ordinal)
        .subquery()
    )
    direct = (
        select(placement.c.receipt_no, total(placement.c.cents).label("cents"))
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(receipt.c.channel == "BANK", placement.c.bucket != VOIDED,
               entry.c.period <= month.month)
        .group_by(placement.c.receipt_no)
        .subquery()
    )  # fmt: skip
    key = line.c.file_no * (1 << schema.ORDINAL_BITS) + line.c.ordinal
    booked = func.coalesce(brought.c.cents, 0) + func.coalesce(direct.c.cents, 0)
    shown_only = select(part.c.ordinal).where(
        part.c.file_no == line.c.file_no, part.c.ordinal == line.c.ordinal
    )
    account = func.coalesce(line.c.bank_account, "")
    return (
        select(
            line.c.file_no, line.c.ordinal, account.label("bank_account"), day.label("day"),
            line.c.type_code, line.c.reference, line.c.text, line.c.amount_cents,
            booked.label("booked_cents"),
        )
        .join(file, file.c.file_no == line.c.file_no)
        .outerjoin(own, and_(own.c.file_no == line.c.file_no, own.c.bank_account == account))
        .outerjoin(brought, and_(brought.c.file_no == line.c.file_no,
                                 brought.c.ordinal == line.c.ordinal))
        .outerjoin(direct, direct.c.receipt_no == key)
        .where(file.c.state.in_(TAKEN), line.c.same_day == 0, line.c.amount_cents != 0,
               ~shown_only.exists(), ~is_withdrawn(schema.withdrawn.c.period <= month.month))
        .subquery()
    )  # fmt: skip


def _unbooked(month: Month) -> pa.Table:
    """Lines at the bank by the month's end that are not in the books as they are, oldest first;
    a line that is in the books before its statement stands with the other sign."""
    lines = _lines(month)
    due = case((lines.c.day <= month.last.isoformat(), lines.c.amount_cents), else_=0)
    query = (
        select(lines.c.bank_account, lines.c.day.label("date"), lines.c.type_code,
               lines.c.reference, lines.c.text, lines.c.amount_cents,
               (due - lines.c.booked_cents).label("left_cents"))
        .where(due != lines.c.booked_cents)
        .order_by(lines.c.day, lines.c.file_no, lines.c.ordinal)
    )  # fmt: skip
    shape = {"bank_account": TEXT, "date": DATE, "type_code": TEXT, "reference": TEXT,
             "text": TEXT, "amount_cents": INT, "left_cents": INT}  # fmt: skip
    return month.rows(query, shape)


def sums_of(month: Month) -> dict[str, tuple[int, int, int]]:
    """By bank account: cents of all lines to the month's end, credits and debits of the month."""
    lines = _lines(month)
    here = lines.c.day >= month.first.isoformat()
    plus = case((and_(here, lines.c.amount_cents > 0), lines.c.amount_cents), else_=0)
    minus = case((and_(here, lines.c.amount_cents < 0), -lines.c.amount_cents), else_=0)
    rows = month.connection.execute(
        select(lines.c.bank_account, total(lines.c.amount_cents), total(plus), total(minus))
        .where(lines.c.day <= month.last.isoformat())
        .group_by(lines.c.bank_account)
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}


def _cash(month: Month, carried: int) -> int:
    """The ledger's cash: the bank and the clearing accounts, and the balances that accounts had
    when recond began (contract section 5: they are no entry)."""
    own = {account for _, account in month.chart.clearing} | {month.chart.bank}
    return carried + month.gl(*sorted(own), fund=month.chart.pool_fund)


def position(month: Month, accounts: Sequence[Account]) -> tuple[Position, pa.Table, pa.Table]:
    """The position at the month's end, what is on the way, and lines that are not booked."""
    way, lines = transit.on_the_way(month), _unbooked(month)
    sums, day = sums_of(month), month.last.isoformat()
    missing = [account.missing(day) for account in accounts]
    more, less = sum(one[0] for one in missing), sum(one[1] for one in missing)
    carried = sum(account.opening_cents for account in accounts)
    cents, kind = way["in_transit_cents"], way["kind"]
    positive = pc.greater(cents, 0)
    back, kept = pc.equal(kind, "return"), pc.equal(kind, transit.KEPT)
    loose = pc.equal(kind, transit.NOT_DEPOSITED)
    bag = pc.invert(pc.or_(pc.or_(back, kept), loose))

    def of(chosen: pa.ChunkedArray) -> int:
        return summed(way.filter(chosen), "in_transit_cents")

    left, amount = lines["left_cents"], lines["amount_cents"]
    made = Position(
        bank=carried + sum(one[0] for one in sums.values()) + more - less,
        transit=of(pc.or_(loose, pc.and_(bag, positive))),
        returns=-of(back),
        wrong=-of(pc.and_(bag, pc.invert(positive))),
        ledger=_cash(month, carried),
        debits=less - sum(left.filter(pc.less(amount, 0)).to_pylist()),
        credits=more + sum(left.filter(pc.greater(amount, 0)).to_pylist()),
        kept=of(kept),
    )
    return made, way, lines


def reconciliation(month: Month) -> Statement:
    """Balance by the bank, what is on the way, and the ledger, each difference as a row."""
    accounts = accounts_of(month)
    at, way, lines = position(month, accounts)
    sums, day = sums_of(month), month.last.isoformat()
    rows: list[dict[str, Any]] = []
    known = {one.number: one for one in accounts}
    for name in sorted(set(known) | set(sums)):
        one = known.get(name, Account(name, 0, ()))
        more, less = one.missing(day)
        cents = one.opening_cents + sums.get(name, (0, 0, 0))[0] + more - less
        rows.append(_row("bank", "balance by the bank", cents, name, month.last))
    for row in way.to_pylist():
        if row["kind"] != transit.KEPT:
            rows.append(_transit_row(row))
    rows.append(_row("bank", "ADJUSTED BALANCE OF THE BANK", at.adjusted_bank, "", month.last))
    rows.append(_row("book", "balance by the ledger", at.ledger, "", month.last))
    for row in lines.to_pylist():
        says = f"{row['type_code'] or ''} {row['text'] or row['reference'] or ''}".strip()
        what = "bank debit not in the books" if row["amount_cents"] < 0 else (
            "bank credit not in the books")  # fmt: skip
        rows.append(_row("book", f"{what}: {says}", row["left_cents"], row["bank_account"],
                         row["date"]))  # fmt: skip
    for one in accounts:
        more, less = one.missing(day)
        if more or less:
            rows.append(_row("book", "on no statement that came", more - less, one.number, None))
    for row in way.to_pylist():
        if row["kind"] == transit.KEPT:
            says = f"{row['channel'].lower()}: withheld or returned, not in the books"
            rows.append(_row("book", says, -row["in_transit_cents"], "", None))
    rows.append(_row("book", "ADJUSTED BALANCE OF THE LEDGER", at.adjusted_book, "", month.last))
    shape = pa.schema([("side", TEXT), ("item", TEXT), ("reference", TEXT), ("date", DATE),
                       ("age_days", INT), ("amount_cents", INT)])  # fmt: skip
    for row in rows:
        row["age_days"] = None if row["date"] is None else (month.last - row["date"]).days
    ties = (
        Tie("adjusted balance of the bank = of the ledger", at.adjusted_bank, at.adjusted_book),
        Tie("lines in the books = the bank account in the ledger", _booked(month),
            month.gl(month.chart.bank, fund=month.chart.pool_fund)),
    )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=shape)
    return Statement("Bank reconciliation", shown(table), ties, at.adjusted_bank)


def _row(side: str, item: str, cents: int, reference: str, date: Any) -> dict[str, Any]:
    return {"side": side, "item": item, "reference": reference, "date": date,
            "amount_cents": cents}  # fmt: skip


def _transit_row(row: dict[str, Any]) -> dict[str, Any]:
    cents = row["in_transit_cents"]
    says = "deposit in transit" if cents > 0 else "credited more than was deposited"
    if row["kind"] == "return":
        says = "returned, not yet debited"
    elif row["kind"] == transit.NOT_DEPOSITED:
        says = "receipts without a deposit yet"
    named = " ".join(filter(None, (row["kind"], row["reference"])))
    return _row("bank", f"{says}: {named}", cents, row["deposit_id"] or "", row["business_date"])


def _booked(month: Month) -> int:
    """What clearings and bank receipts put into the bank account by the month's end."""
    return month.number(select(total(_lines(month).c.booked_cents)))
