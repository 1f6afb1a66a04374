"""What the proof of cash adds up, by day, channel and stream: one query a sum."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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

from recond.clearing.words import token
from recond.exceptions.questions import exception_id
from recond.exports.proof.homes import Credited, Homes, credited, stream_of
from recond.exports.proof.rows import Key, Proof
from recond.exports.scope import Scope
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.store import schema
from recond.store.sql import total
from recond.store.withdrawals import is_withdrawn

receipt, placement, decision = schema.receipt, schema.placement, schema.decision
entry, deposit, clearing, line = schema.entry, schema.deposit, schema.clearing, schema.bank_line
batch = schema.batch
LATE = "DEPOSIT_NOT_CREDITED"
FEE, UNKNOWN = "FEE", "UNEXPLAINED"  # channels of lines that are no payments
BUCKETS = {ITEM: "applied", CREDIT: "on_account", SUSPENSE: "suspense", RETURNED: "returned",
           REFUNDED: "refunded"}  # fmt: skip
BACK = ("return", "redeposit")
# PostgreSQL shifts a bigint by an integer only, and a bound number would be a bigint.
BITS: ColumnElement[int] = literal_column(str(schema.ORDINAL_BITS), Integer)
KEY_OF_CLEARING = clearing.c.file_no * (1 << schema.ORDINAL_BITS) + clearing.c.ordinal
KEY = line.c.file_no * (1 << schema.ORDINAL_BITS) + line.c.ordinal


class Days(dict[Key, Proof]):
    """Rows by key, made as they are asked for."""

    def of(self, date: str | None, channel: str, stream: str = "",
           account: str | None = None) -> Proof:  # fmt: skip
        """The row of a key."""
        key = Key(date or "", channel, stream, account)
        return self.setdefault(key, Proof(key.date, channel))


def gather(connection: Connection, scope: Scope) -> list[Proof]:
    """Every row of the days of a scope by day, bank account, channel and stream."""
    days = Days()
    brought = list(credited(connection, scope))
    homes = Homes.of(connection, brought)
    _receipts(connection, scope, days)
    _deposits(connection, scope, days)
    _brought(scope, days, homes, brought)
    _open(connection, scope, days)
    _lines(connection, scope, days)
    _not_deposited(connection, scope, days)
    return _at_home(days, homes)


def still_open(connection: Connection, scope: Scope) -> list[Proof]:
    """Days of which the bank has not brought everything: the open amounts alone, no account."""
    days = Days()
    _open(connection, scope, days)
    return [days[key] for key in sorted(days, key=lambda key: key[:3])]


def _at_home(days: Days, homes: Homes) -> list[Proof]:
    made = []
    for key, row in days.items():
        known = key.account is not None
        row.bank_account = key.account if known else homes.account(*key[1:3], key.date)  # type: ignore[assignment]
        made.append(row)
    return made


# --- records, receipts, and where their cents are -------------------------------------------------

# The day on which money should be deposited: of the counter the day it was taken.
DAY = case(
    (receipt.c.channel == "CASHIER", receipt.c.received_date),
    else_=func.coalesce(receipt.c.deposit_date, receipt.c.received_date),
)


SOURCE = case(
    (receipt.c.channel == "LOCKBOX", func.coalesce(batch.c.source, "")),
    (receipt.c.channel == "CARD", func.coalesce(receipt.c.batch, "")),
    else_="",
)
OF_BATCH = and_(
    batch.c.file_no == receipt.c.receipt_no.bitwise_rshift(BITS),
    batch.c.batch_ord == receipt.c.batch_ord,
)


def _stream(channel: str, source: str) -> str:
    """The stream of receipts, as `homes.stream_of` says it of their deposit."""
    return stream_of(channel, token(source), source)


def _receipts(connection: Connection, scope: Scope, days: Days) -> None:
    file_no = receipt.c.receipt_no.bitwise_rshift(BITS)
    first = (
        select(decision.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.receipt_no == receipt.c.receipt_no, scope.known(entry.c.business_date))
        .exists()
    )
    keys = ("day", receipt.c.channel, "came_by")
    counts = (
        select(
            DAY.label("day"), receipt.c.channel, SOURCE.label("came_by"), file_no.label("arrival"),
            func.count(), total(case((first, 1), else_=0)),
            total(case((first, receipt.c.amount_cents), else_=0)),
        )
        .select_from(receipt)
        .outerjoin(batch, OF_BATCH)
        .where(scope.within(DAY), receipt.c.channel != "BANK")
        .group_by(*keys, "arrival")
    )  # fmt: skip
    if scope.as_of is not None:
        arrived = select(schema.file.c.file_no).where(scope.known(schema.file.c.business_date))
        counts = counts.where(file_no.in_(arrived))
    for day, channel, source, number, records, posted, cents in connection.execute(counts):
        made = days.of(day, channel, _stream(channel, source))
        made.files.add(number)
        made.records += records
        made.receipts += int(posted)
        made.received += int(cents)
    buckets = (
        select(DAY.label("day"), receipt.c.channel, SOURCE.label("came_by"), placement.c.bucket,
               total(placement.c.cents))
        .select_from(receipt)
        .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .outerjoin(batch, OF_BATCH)
        .where(scope.within(DAY), scope.known(entry.c.business_date), receipt.c.channel != "BANK")
        .group_by(*keys, placement.c.bucket)
    )  # fmt: skip
    for day, channel, source, bucket, cents in connection.execute(buckets):
        _place(days.of(day, channel, _stream(channel, source)), bucket, int(cents))


def _place(made: Proof, bucket: int, cents: int) -> None:
    if bucket == VOIDED:
        made.received -= cents
    else:
        name = BUCKETS[bucket]
        setattr(made, name, getattr(made, name) + cents)


# --- deposits, and what the bank brought of them --------------------------------------------------


def _deposits(connection: Connection, scope: Scope, days: Days) -> None:
    """Sums of deposits. What corrects a deposit later is of that deposit's day."""
    first = deposit.alias()
    day = func.coalesce(first.c.business_date, deposit.c.business_date)
    back = deposit.c.kind.in_(BACK)
    over = (
        deposit.c.amount_cents - deposit.c.receipts_cents - deposit.c.aside_cents
        - deposit.c.fee_cents
    )  # fmt: skip
    keys = ("day", deposit.c.channel, deposit.c.streams, deposit.c.reference)
    sums = (
        select(
            day.label("day"), *keys[1:], total(over), total(deposit.c.fee_cents),
            total(case((back, 0), else_=deposit.c.aside_cents)),
            total(case((back, deposit.c.aside_cents), else_=0)), total(deposit.c.amount_cents),
        )
        .select_from(deposit)
        .outerjoin(first, first.c.deposit_no == deposit.c.withdraws_no)
        .where(scope.known(deposit.c.made_date), scope.within(day))
        .group_by(*keys)
    )  # fmt: skip
    for when, channel, streams, reference, *cents in connection.execute(sums):
        made = days.of(when, channel, stream_of(channel, streams, reference))
        made.over_short += int(cents[0])
        made.fees += int(cents[1])
        made.withheld += int(cents[2])
        made.taken_back += int(cents[3])
        made.deposited += int(cents[4])


def _brought(scope: Scope, days: Days, homes: Homes, brought: list[Credited]) -> None:
    """What lines brought of the deposits, and to which other account than the stream's."""
    first = (scope.date_from or dt.date.min).isoformat()
    for one in brought:
        if one.date < first:
            continue
        made = days.of(one.date, one.channel, one.stream)
        made.bank += one.cents
        if one.account != homes.account(one.channel, one.stream, one.date):
            made.elsewhere += one.cents


@dataclass(frozen=True, slots=True)
class Left:
    """A deposit that the bank has not brought in full, and why."""

    row: Any
    kind: str  # in_transit, bank_error, missing
    age_days: int

    @property
    def stream(self) -> str:
        """Its stream."""
        return stream_of(self.row.channel, self.row.streams, self.row.reference)


def left_of(connection: Connection, scope: Scope) -> Iterator[Left]:
    """Deposits that the bank has not brought in full, by number."""
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
            deposit.c.deposit_id, deposit.c.deposit_no, deposit.c.business_date,
            deposit.c.channel, deposit.c.streams, deposit.c.reference, deposit.c.kind,
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
        asked = exception_id(LATE, row.deposit_id) in late
        kind = "bank_error" if row.came else "missing" if asked else "in_transit"
        age = (scope.day - dt.date.fromisoformat(row.expected_date)).days
        yield Left(row, kind, age)


def _open(connection: Connection, scope: Scope, days: Days) -> None:
    """Deposits that the bank has not brought in full, by the reason."""
    for one in left_of(connection, scope):
        made = days.of(one.row.business_date, one.row.channel, one.stream)
        setattr(made, one.kind, getattr(made, one.kind) + int(one.row.left_cents))
        made.age_days = max(made.age_days, one.age_days)


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
        days.of(date, channel).not_deposited += int(cents)


# --- lines that are no deposit's ------------------------------------------------------------------


def _lines(connection: Connection, scope: Scope, days: Days) -> None:
    """Bank receipts, fees, and debits that nothing explains: the bank has them already."""
    stands = _direct(scope).subquery()
    keys = (stands.c.value_date, stands.c.bank_account, stands.c.file_no)
    counts = select(*keys, func.count(stands.c.receipt_no.distinct())).group_by(*keys)
    for day, account, number, count in connection.execute(counts):
        made = days.of(day, "BANK", "", account or "")
        made.files.add(number)
        made.records += count
        made.receipts += count
    sums = select(*keys[:2], stands.c.bucket, total(stands.c.cents))
    for day, account, bucket, cents in connection.execute(
        sums.group_by(*keys[:2], stands.c.bucket)
    ):
        made = days.of(day, "BANK", "", account or "")
        _place(made, bucket, int(cents))
        made.received += int(cents)
        made.bank += int(cents)
        made.deposited += int(cents)
    for row in connection.execute(fees(scope)):
        made = days.of(row.value_date, FEE, "", row.bank_account or "")
        made.fees += int(row.cents)
        made.deposited += int(row.cents)
        made.bank += int(row.cents)
    for row in connection.execute(unexplained(scope)):
        made = days.of(row.value_date, UNKNOWN, "", row.bank_account or "")
        made.bank += int(row.cents)
        made.bank_error -= int(row.cents)
        age = (scope.day - dt.date.fromisoformat(row.value_date)).days
        made.age_days = max(made.age_days, age)


def _direct(scope: Scope) -> Any:
    """SQL: where the money of credits stands that no deposit brings, by receipt and bucket."""
    keys = (line.c.value_date, line.c.bank_account, line.c.file_no, receipt.c.receipt_no,
            placement.c.bucket)  # fmt: skip
    cents = total(placement.c.cents)
    return (
        select(*keys, cents.label("cents"))
        .select_from(line)
        .join(receipt, receipt.c.receipt_no == KEY)
        .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(receipt.c.channel == "BANK", placement.c.bucket != VOIDED,
               scope.known(entry.c.business_date), scope.within(line.c.value_date))
        .group_by(*keys)
        .having(func.sum(placement.c.cents) != 0)
    )  # fmt: skip


def fees(scope: Scope) -> Any:
    """SQL: lines that the bank took as fees."""
    return (
        select(line.c.file_no, line.c.ordinal, line.c.value_date, line.c.bank_account,
               clearing.c.cents)
        .join(clearing, and_(clearing.c.file_no == line.c.file_no,
                             clearing.c.ordinal == line.c.ordinal))
        .where(clearing.c.deposit_no.is_(None), scope.known(clearing.c.business_date),
               scope.within(line.c.value_date))
        .order_by(line.c.file_no, line.c.ordinal)
    )  # fmt: skip


def unexplained(scope: Scope) -> Any:
    """SQL: debits that nothing explains."""
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
    withdrawn = is_withdrawn(scope.known(schema.withdrawn.c.business_date))
    return (
        select(line.c.file_no, line.c.ordinal, line.c.value_date, line.c.bank_account,
               line.c.amount_cents.label("cents"))
        .join(schema.file, schema.file.c.file_no == line.c.file_no)
        .where(line.c.amount_cents < 0, line.c.same_day == 0, ~told, ~part, ~withdrawn,
               schema.file.c.state.in_(("accepted", "partly_held")),
               scope.known(schema.file.c.business_date), scope.within(line.c.value_date))
        .order_by(line.c.file_no, line.c.ordinal)
    )  # fmt: skip
