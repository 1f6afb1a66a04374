"""What each sum of the proof that is no plain receipt is made of: one row an item, with its ids."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from recond import ids
from recond.exports.proof import gather
from recond.exports.proof.homes import Homes, credited, stream_of
from recond.exports.scope import Scope
from recond.model import VOIDED
from recond.store import schema
from recond.store.sql import total

deposit, clearing, line = schema.deposit, schema.clearing, schema.bank_line
receipt, placement, decision = schema.receipt, schema.placement, schema.decision
entry = schema.entry
COUNTER = "CASHIER"
TYPES = ("missing", "bank_error", "elsewhere", "in_transit", "not_deposited", "over_short", "fees",
         "withheld", "taken_back")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """Cents of one sum of a row, and where to look: a deposit, a bank line, or the file of money
    that no deposit holds. `words`: what it is, in the bank's or the deposit's own words."""

    date: str
    bank_account: str
    channel: str
    type: str  # the column of the proof
    cents: int
    age_days: int
    deposit_id: str | None = None
    line_key: int | None = None
    file_no: int | None = None
    words: str = ""


def items(connection: Connection, scope: Scope) -> list[Item]:
    """The items of every row of a scope, in order; those of a row and type add up to its column."""
    homes = Homes.of(connection, list(credited(connection, scope)))
    made = [
        *_open(connection, scope, homes),
        *_elsewhere(connection, scope, homes),
        *_parts(connection, scope, homes),
        *_lines(connection, scope),
        *_not_deposited(connection, scope),
    ]
    return sorted(
        made,
        key=lambda one: (one.date, one.bank_account, one.channel, TYPES.index(one.type),
                         one.deposit_id or "", one.line_key or 0, one.file_no or 0),
    )  # fmt: skip


def _open(connection: Connection, scope: Scope, homes: Homes) -> Iterator[Item]:
    found = list(gather.left_of(connection, scope))
    lines = _first_lines(connection, scope, [one.row.deposit_no for one in found])
    for one in found:
        row = one.row
        account = homes.account(row.channel, one.stream, row.business_date)
        words = f"{row.kind} {row.reference}, expected {row.expected_date}"
        yield Item(
            row.business_date, account, row.channel, one.kind, int(row.left_cents), one.age_days,
            row.deposit_id, lines.get(row.deposit_no), words=words,
        )  # fmt: skip


def _first_lines(connection: Connection, scope: Scope, deposit_nos: list[int]) -> dict[int, int]:
    """The first line that brought some of each deposit."""
    found: dict[int, int] = {}
    for start in range(0, len(deposit_nos), 500):
        rows = connection.execute(
            select(clearing.c.deposit_no, func.min(gather.KEY_OF_CLEARING))
            .where(clearing.c.deposit_no.in_(deposit_nos[start : start + 500]),
                   scope.known(clearing.c.business_date))
            .group_by(clearing.c.deposit_no)
        )  # fmt: skip
        found.update({row[0]: int(row[1]) for row in rows})
    return found


def _elsewhere(connection: Connection, scope: Scope, homes: Homes) -> Iterator[Item]:
    """Lines that credited another account than the deposit's."""
    cents = total(clearing.c.cents)
    keys = (deposit.c.deposit_no, deposit.c.deposit_id, deposit.c.business_date,
            deposit.c.channel, deposit.c.streams, deposit.c.reference, line.c.file_no,
            line.c.ordinal, line.c.bank_account)  # fmt: skip
    rows = connection.execute(
        select(*keys, cents.label("cents"))
        .join(clearing, clearing.c.deposit_no == deposit.c.deposit_no)
        .join(line, and_(line.c.file_no == clearing.c.file_no,
                         line.c.ordinal == clearing.c.ordinal))
        .where(scope.known(clearing.c.business_date), scope.within(deposit.c.business_date),
               line.c.bank_account != homes.only)
        .group_by(*keys)
        .having(func.sum(clearing.c.cents) != 0)
        .order_by(deposit.c.deposit_no, line.c.file_no, line.c.ordinal)
    )  # fmt: skip
    for row in rows:
        stream = stream_of(row.channel, row.streams, row.reference)
        home = homes.account(row.channel, stream, row.business_date)
        if row.bank_account == home:
            continue
        key = schema.receipt_key(row.file_no, row.ordinal)
        words = f"credited to account {row.bank_account}"
        yield Item(
            row.business_date, home, row.channel, "elsewhere", int(row.cents), 0, row.deposit_id,
            key, words=words,
        )  # fmt: skip


def _parts(connection: Connection, scope: Scope, homes: Homes) -> Iterator[Item]:
    """What deposits hold beside receipts: over and short, fees, what was withheld or taken back."""
    first = deposit.alias()
    day = func.coalesce(first.c.business_date, deposit.c.business_date)
    over = (
        deposit.c.amount_cents - deposit.c.receipts_cents - deposit.c.aside_cents
        - deposit.c.fee_cents
    )  # fmt: skip
    rows = connection.execute(
        select(deposit.c.deposit_id, day.label("day"), deposit.c.channel, deposit.c.streams,
               deposit.c.reference, deposit.c.kind, deposit.c.aside_cents, deposit.c.fee_cents,
               over.label("over_cents"))
        .select_from(deposit)
        .outerjoin(first, first.c.deposit_no == deposit.c.withdraws_no)
        .where((over != 0) | (deposit.c.aside_cents != 0) | (deposit.c.fee_cents != 0),
               scope.known(deposit.c.made_date), scope.within(day))
        .order_by(deposit.c.deposit_no)
    )  # fmt: skip
    for row in rows:
        stream = stream_of(row.channel, row.streams, row.reference)
        account = homes.account(row.channel, stream, row.day)
        aside = "taken_back" if row.kind in gather.BACK else "withheld"
        parts = {"over_short": row.over_cents, "fees": row.fee_cents, aside: row.aside_cents}
        for name, cents in parts.items():
            if cents:
                yield Item(
                    row.day, account, row.channel, name, int(cents), 0, row.deposit_id,
                    words=f"{row.kind} {row.reference}",
                )  # fmt: skip


def _lines(connection: Connection, scope: Scope) -> Iterator[Item]:
    for row in connection.execute(gather.fees(scope)):
        key = schema.receipt_key(row.file_no, row.ordinal)
        account = row.bank_account or ""
        yield Item(row.value_date, account, gather.FEE, "fees", int(row.cents), 0, line_key=key,
                   words="a fee of the bank")  # fmt: skip
    for row in connection.execute(gather.unexplained(scope)):
        key = schema.receipt_key(row.file_no, row.ordinal)
        age = (scope.day - dt.date.fromisoformat(row.value_date)).days
        yield Item(
            row.value_date, row.bank_account or "", gather.UNKNOWN, "bank_error", -int(row.cents),
            age, line_key=key, words="a debit that nothing explains",
        )  # fmt: skip


# --- money that no deposit holds ------------------------------------------------------------------


def _not_deposited(connection: Connection, scope: Scope) -> Iterator[Item]:
    """Receipts of drawers that were not closed, by file and drawer. Of other money (a file whose
    deposit is being made anew) one item that names the files of its receipts."""
    rows = [row for row in gather.gather(connection, scope) if row.not_deposited]
    drawers = _open_drawers(connection, scope, sorted({row.date for row in rows}))
    for row in rows:
        age = (scope.day - dt.date.fromisoformat(row.date)).days
        place = (row.date, row.bank_account, row.channel, "not_deposited")
        found = drawers.get(row.date, []) if row.channel == COUNTER else []
        if sum(cents for _, _, cents in found) == row.not_deposited:
            for drawer, file_no, cents in found:
                yield Item(*place, cents, age, file_no=file_no, words=f"drawer {drawer}")
            continue
        first = min(row.files, default=None)
        named = ids.files_of(connection, row.files)
        words = "receipts of " + ", ".join(named[number] for number in sorted(row.files))
        yield Item(*place, row.not_deposited, age, file_no=first, words=words)


def _open_drawers(
    connection: Connection, scope: Scope, days: list[str]
) -> dict[str, list[tuple[str, int, int]]]:
    """By day: drawer, file and cents of counter receipts whose drawer's close was not taken."""
    close, session = schema.drawer_close, schema.drawer_session
    settled = (
        select(session.c.ordinal)
        .join(close, and_(close.c.file_no == session.c.file_no,
                          close.c.ordinal == session.c.ordinal))
        .where(close.c.drawer == receipt.c.drawer, close.c.business_date == receipt.c.received_date,
               scope.known(session.c.settled_date))
        .exists()
    )  # fmt: skip
    file_no = receipt.c.receipt_no.bitwise_rshift(gather.BITS)
    keys = (receipt.c.received_date, receipt.c.drawer, file_no)
    found: dict[str, list[tuple[str, int, int]]] = {}
    for start in range(0, len(days), 500):
        rows = connection.execute(
            select(receipt.c.received_date, receipt.c.drawer, file_no.label("arrival"),
                   total(placement.c.cents))
            .select_from(receipt)
            .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
            .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                                 decision.c.version == placement.c.version))
            .join(entry, entry.c.entry_no == decision.c.entry_no)
            .where(receipt.c.channel == COUNTER, placement.c.bucket != VOIDED, ~settled,
                   receipt.c.received_date.in_(days[start : start + 500]),
                   scope.known(entry.c.business_date))
            .group_by(*keys)
            .order_by(*keys)
        )  # fmt: skip
        for day, drawer, number, cents in rows:
            if cents:
                found.setdefault(day, []).append((drawer or "", number, int(cents)))
    return found
