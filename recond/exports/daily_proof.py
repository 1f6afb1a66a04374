"""Proof of cash: from the records of files to the lines of the bank, a row a day and channel.

received = applied + on account + suspense + returned + refunded, and
received + over and short + fees + withheld + taken back - not deposited = deposited, and
deposited - bank = in transit + bank error + missing.

Nothing else may differ: what does stands in `difference` (contract section 5, domain E61).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import pyarrow as pa
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

from recond.exceptions.questions import exception_id
from recond.exports.columns import AMOUNT
from recond.exports.scope import Scope
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import decimal_from_cents
from recond.store import schema
from recond.store.sql import total

receipt, placement, decision = schema.receipt, schema.placement, schema.decision
entry, deposit, clearing, line = schema.entry, schema.deposit, schema.clearing, schema.bank_line
LATE = "DEPOSIT_NOT_CREDITED"
FEE, UNKNOWN = "FEE", "UNEXPLAINED"  # channels of lines that are no payments
BUCKETS = {ITEM: "applied", CREDIT: "on_account", SUSPENSE: "suspense", RETURNED: "returned",
           REFUNDED: "refunded"}  # fmt: skip
# PostgreSQL shifts a bigint by an integer only, and a bound number would be a bigint.
_BITS: ColumnElement[int] = literal_column(str(schema.ORDINAL_BITS), Integer)
KEY = line.c.file_no * (1 << schema.ORDINAL_BITS) + line.c.ordinal


@dataclass(slots=True)
class Proof:
    """A day and channel; everything in cents but counts and age."""

    date: str
    channel: str
    accounts: set[str] = field(default_factory=set)
    files: int = 0
    records: int = 0
    receipts: int = 0
    received: int = 0
    applied: int = 0
    on_account: int = 0
    suspense: int = 0
    returned: int = 0
    refunded: int = 0
    over_short: int = 0
    fees: int = 0
    withheld: int = 0
    taken_back: int = 0
    not_deposited: int = 0
    deposited: int = 0
    bank: int = 0
    in_transit: int = 0
    bank_error: int = 0
    missing: int = 0
    age_days: int = 0

    @property
    def difference(self) -> int:
        """What nothing explains: each of the three sums, so that they cannot offset."""
        placed = self.applied + self.on_account + self.suspense + self.returned + self.refunded
        due = self.received + self.over_short + self.fees + self.withheld + self.taken_back
        open_ = self.in_transit + self.bank_error + self.missing
        return (
            abs(self.received - placed)
            + abs(due - self.not_deposited - self.deposited)
            + abs(self.deposited - self.bank - open_)
        )

    @property
    def state(self) -> str:
        """The worst of what is open: different, missing, bank_error, in_transit, or proved."""
        if self.difference:
            return "different"
        for name in ("missing", "bank_error", "in_transit"):
            if getattr(self, name):
                return name
        return "in_transit" if self.not_deposited else "proved"


_COUNTS = ("files", "records", "receipts", "age_days")
_CENTS = [f.name for f in fields(Proof) if f.type == "int" and f.name not in _COUNTS]
PROOF = pa.schema(
    [("date", pa.date32()), ("channel", pa.string()), ("bank_account", pa.string()),
     *((name, pa.int64()) for name in _COUNTS[:3]),
     *((name, AMOUNT) for name in _CENTS), ("difference", AMOUNT),
     ("age_days", pa.int64()), ("state", pa.string())]
)  # fmt: skip
Days = dict[tuple[str, str], Proof]


def prove(connection: Connection, scope: Scope) -> list[Proof]:
    """The proof of every day (or of `--from` to `--to`) by day and channel."""
    days: Days = {}
    _receipts(connection, scope, days)
    _deposits(connection, scope, days)
    _lines(connection, scope, days)
    _not_deposited(connection, scope, days)
    return [days[key] for key in sorted(days)]


def still_open(connection: Connection, scope: Scope) -> list[Proof]:
    """Days and channels of which the bank has not brought everything: the open amounts alone."""
    days: Days = {}
    _open(connection, scope, days)
    return [days[key] for key in sorted(days)]


def proof_of_cash(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a day and channel, in order; dates limit the day of the deposit."""
    rows = prove(connection, scope)
    columns: dict[str, Any] = {
        "date": pa.array([dt.date.fromisoformat(row.date) for row in rows], pa.date32()),
        "channel": pa.array([row.channel for row in rows], pa.string()),
        "bank_account": pa.array([";".join(sorted(row.accounts)) for row in rows], pa.string()),
        "state": pa.array([row.state for row in rows], pa.string()),
    }
    for name in _COUNTS:
        columns[name] = pa.array([getattr(row, name) for row in rows], pa.int64())
    for name in (*_CENTS, "difference"):
        cents = pa.array([getattr(row, name) for row in rows], pa.int64())
        columns[name] = decimal_from_cents(cents)
    yield pa.record_batch([columns[name] for name in PROOF.names], schema=PROOF)


def _of(days: Days, date: str | None, channel: str) -> Proof:
    key = (date or "", channel)
    return days.setdefault(key, Proof(*key))


# --- records, receipts, and where their cents are -------------------------------------------------

# The day on which money should be deposited: of the counter the day it was taken.
DAY = case(
    (receipt.c.channel == "CASHIER", receipt.c.received_date),
    else_=func.coalesce(receipt.c.deposit_date, receipt.c.received_date),
)


def _receipts(connection: Connection, scope: Scope, days: Days) -> None:
    files = receipt.c.receipt_no.bitwise_rshift(_BITS)
    first = (
        select(decision.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.receipt_no == receipt.c.receipt_no, scope.known(entry.c.business_date))
        .exists()
    )
    counts = (
        select(
            DAY.label("day"), receipt.c.channel, func.count(files.distinct()), func.count(),
            total(case((first, 1), else_=0)), total(case((first, receipt.c.amount_cents), else_=0)),
        )
        .where(scope.within(DAY))
        .group_by("day", receipt.c.channel)
    )  # fmt: skip
    if scope.as_of is not None:
        arrived = select(schema.file.c.file_no).where(scope.known(schema.file.c.business_date))
        counts = counts.where(files.in_(arrived))
    for day, channel, files_, records, posted, cents in connection.execute(counts):
        made = _of(days, day, channel)
        made.files, made.records, made.receipts = files_, records, int(posted)
        made.received = int(cents)
    buckets = (
        select(DAY.label("day"), receipt.c.channel, placement.c.bucket, total(placement.c.cents))
        .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(scope.within(DAY), scope.known(entry.c.business_date))
        .group_by("day", receipt.c.channel, placement.c.bucket)
    )  # fmt: skip
    for day, channel, bucket, cents in connection.execute(buckets):
        made = _of(days, day, channel)
        if bucket == VOIDED:
            made.received -= int(cents)
        else:
            name = BUCKETS[bucket]
            setattr(made, name, getattr(made, name) + int(cents))


# --- deposits, and what the bank brought of them --------------------------------------------------


def _deposits(connection: Connection, scope: Scope, days: Days) -> None:
    """Sums of deposits, and the open ones one by one: each has its reason and its age."""
    back = deposit.c.kind.in_(("return", "redeposit"))
    over = (
        deposit.c.amount_cents - deposit.c.receipts_cents - deposit.c.aside_cents
        - deposit.c.fee_cents
    )  # fmt: skip
    sums = (
        select(
            deposit.c.business_date, deposit.c.channel, total(over), total(deposit.c.fee_cents),
            total(case((back, 0), else_=deposit.c.aside_cents)),
            total(case((back, deposit.c.aside_cents), else_=0)), total(deposit.c.amount_cents),
        )
        .where(scope.known(deposit.c.made_date), scope.within(deposit.c.business_date))
        .group_by(deposit.c.business_date, deposit.c.channel)
    )  # fmt: skip
    for day, channel, *cents in connection.execute(sums):
        made = _of(days, day, channel)
        made.over_short, made.fees, made.withheld, made.taken_back, made.deposited = map(int, cents)
    brought = (
        select(deposit.c.business_date, deposit.c.channel, line.c.bank_account,
               total(clearing.c.cents))
        .join(clearing, clearing.c.deposit_no == deposit.c.deposit_no)
        .join(line, and_(line.c.file_no == clearing.c.file_no,
                         line.c.ordinal == clearing.c.ordinal))
        .where(scope.known(clearing.c.business_date), scope.within(deposit.c.business_date))
        .group_by(deposit.c.business_date, deposit.c.channel, line.c.bank_account)
    )  # fmt: skip
    for day, channel, account, cents in connection.execute(brought):
        made = _of(days, day, channel)
        made.accounts.add(account or "")
        made.bank += int(cents)
    _open(connection, scope, days)


def _open(connection: Connection, scope: Scope, days: Days) -> None:
    """Deposits that the bank has not brought in full, by the reason."""
    came = (
        select(total(clearing.c.cents))
        .where(clearing.c.deposit_no == deposit.c.deposit_no, scope.known(clearing.c.business_date))
        .scalar_subquery()
    )
    later = schema.deposit.alias()
    gone = (
        select(total(later.c.amount_cents))
        .where(later.c.withdraws_no == deposit.c.deposit_no, scope.known(later.c.made_date))
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            deposit.c.deposit_id, deposit.c.business_date, deposit.c.channel,
            deposit.c.expected_date, came.label("came"),
            (deposit.c.amount_cents + gone - came).label("left_cents"),
        )
        .where(
            deposit.c.withdraws_no.is_(None), deposit.c.amount_cents + gone != came,
            scope.known(deposit.c.made_date), scope.within(deposit.c.business_date),
        )
        .order_by(deposit.c.deposit_no)
    ).all()  # fmt: skip
    question = schema.exception.c
    late = set(
        connection.scalars(
            select(question.exception_id).where(
                question.code == LATE, question.opened_date <= scope.day.isoformat()
            )
        )
    )
    for row in rows:  # what is open, never all deposits
        made = _of(days, row.business_date, row.channel)
        if row.came:
            name = "bank_error"
        else:
            name = "missing" if exception_id(LATE, row.deposit_id) in late else "in_transit"
        setattr(made, name, getattr(made, name) + int(row.left_cents))
        age = (scope.day - dt.date.fromisoformat(row.expected_date)).days
        made.age_days = max(made.age_days, age)


def _not_deposited(connection: Connection, scope: Scope, days: Days) -> None:
    """Money that waits for its drawer's close. Of a past day what no deposit held then."""
    if scope.as_of is not None:
        for made in days.values():
            held = made.deposited - made.over_short - made.fees - made.withheld - made.taken_back
            made.not_deposited = made.received - held
        return
    waits = schema.undeposited.c
    day = case((waits.received_date != "", waits.received_date), else_=waits.deposit_date)
    rows = connection.execute(
        select(day.label("day"), waits.channel, total(waits.cents))
        .where(scope.within(day))
        .group_by("day", waits.channel)
    )
    for date, channel, cents in rows:
        _of(days, date, channel).not_deposited += int(cents)


# --- lines that are no deposit's ------------------------------------------------------------------


def _lines(connection: Connection, scope: Scope, days: Days) -> None:
    """Bank receipts, fees, and debits that nothing explains: the bank has them already."""
    direct = (
        select(line.c.value_date, line.c.bank_account, total(placement.c.cents))
        .join(receipt, receipt.c.receipt_no == KEY)
        .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(receipt.c.channel == "BANK", placement.c.bucket != VOIDED,
               scope.known(entry.c.business_date), scope.within(line.c.value_date))
        .group_by(line.c.value_date, line.c.bank_account)
    )  # fmt: skip
    for day, account, cents in connection.execute(direct):
        made = _of(days, day, "BANK")
        made.accounts.add(account or "")
        made.bank += int(cents)
        made.deposited += int(cents)
    told = (
        select(clearing.c.clearing_no)
        .where(clearing.c.file_no == line.c.file_no, clearing.c.ordinal == line.c.ordinal,
               scope.known(clearing.c.business_date))
        .exists()
    )  # fmt: skip
    part = (
        select(schema.line_part.c.ordinal)
        .where(
            schema.line_part.c.file_no == line.c.file_no,
            schema.line_part.c.ordinal == line.c.ordinal,
        )
        .exists()
    )
    fees = (
        select(line.c.value_date, line.c.bank_account, total(clearing.c.cents))
        .join(clearing, and_(clearing.c.file_no == line.c.file_no,
                             clearing.c.ordinal == line.c.ordinal))
        .where(clearing.c.deposit_no.is_(None), scope.known(clearing.c.business_date),
               scope.within(line.c.value_date))
        .group_by(line.c.value_date, line.c.bank_account)
    )  # fmt: skip
    for day, account, cents in connection.execute(fees):
        made = _of(days, day, FEE)
        made.accounts.add(account or "")
        made.fees += int(cents)
        made.deposited += int(cents)
        made.bank += int(cents)
    debits = (
        select(line.c.value_date, line.c.bank_account, total(line.c.amount_cents))
        .join(schema.file, schema.file.c.file_no == line.c.file_no)
        .where(line.c.amount_cents < 0, line.c.same_day == 0, ~told, ~part,
               schema.file.c.state.in_(("accepted", "partly_held")),
               scope.known(schema.file.c.business_date), scope.within(line.c.value_date))
        .group_by(line.c.value_date, line.c.bank_account)
    )  # fmt: skip
    for day, account, cents in connection.execute(debits):
        made = _of(days, day, UNKNOWN)
        made.accounts.add(account or "")
        made.bank += int(cents)
        made.bank_error -= int(cents)
        made.age_days = max(made.age_days, (scope.day - dt.date.fromisoformat(day)).days)
