"""What returned items do to the books: money taken back, and money that comes again.

Every live placement of a receipt is reversed, wherever it stands now (after a transfer too); what
the payer has had back in cash before is a charge that billing shall make. Money that comes again (a
redeposited check, a chargeback that was won, a return that the bank refused) goes back to the items
that it paid as far as they are open, else on account (domain E20-E26, E32, E37).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, func, select

from recond import ids
from recond.clearing import return_codes
from recond.clearing.words import token
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import format_cents
from recond.pipeline import deposits, moves
from recond.pipeline.moves import Move, Stand, Standing
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import insert_table

receipt, placement, item = schema.receipt, schema.placement, schema.return_item
CARD = ("REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL")
SAID = "SAID"  # by a person; the bank's own word may follow
BOUNCED = ("RETURN", "BANK_RETURN", SAID)  # what a payer's bank refused to pay
NOT_FOUND, REFUNDED_BEFORE = "RETURN_NOT_FOUND", "RETURN_AFTER_REFUND"
AGAIN = "RETURN_REPEATED"
FEE, RECOVERY, CANCELLED = "RETURN_FEE", "REFUND_RECOVERY", "_CANCELLED"
LOW = (1 << schema.ORDINAL_BITS) - 1


@dataclass(frozen=True, slots=True)
class Back:
    """One item that comes back: its place (of its record or bank line), cents and day."""

    file_no: int
    ordinal: int
    kind: str
    code: str
    cents: int
    day: str
    originals: tuple[int, ...]  # receipts that it could be
    words: str
    file_day: str

    @property
    def restores(self) -> bool:
        """Whether it brings money again that was taken back before."""
        again = self.kind in {"CHARGEBACK_REVERSAL", "REDEPOSIT"}
        return again or (self.kind == "RETURN" and self.code in return_codes.DISHONORED)

    @property
    def told(self) -> str:
        """Its words, with what to do about its code."""
        advice = return_codes.advice(self.code)
        return f"{self.words}; {advice}" if advice else self.words


def subject(connection: Connection, one: Back) -> str:
    """What a question about the item is about."""
    file_id = ids.files_of(connection, {one.file_no})[one.file_no]
    return f"{file_id}/return/{one.ordinal}"


# --- money that is taken back ---------------------------------------------------------------------


def reverse(connection: Connection, run: Run, one: Back, owner: Standing) -> int | None:
    """Take back every live placement of the receipt, and expect the bank's debit: the number of
    that expectation, None inside a card batch."""
    reason = f"returned {one.code}: {one.told}".replace("returned :", "returned:")
    account_key = _payer(connection, owner)
    change = _change(connection, owner)
    refunded = owner.in_bucket(REFUNDED)
    made = [Move(owner.receipt_no, "returned", reason, owner.stands, [Stand(RETURNED, one.cents)])]
    for other in change:  # what the payer had in cash for the check goes off the items with it
        cents = sum(stand.cents for stand in other.stands)
        had = [Stand(REFUNDED, cents)]
        made.append(Move(other.receipt_no, "change_of_returned", reason, other.stands, had))
        refunded -= cents
    moves.write(connection, run, made, "return", reason)
    desk = run.desk(connection)
    numbers = [move.receipt_no for move in made]
    desk.resolve(desk.open_of_receipts(numbers), "the payment was returned")
    deposit_no = None
    if one.kind not in CARD:
        deposit_no = _expect(connection, run, one, owner, -one.cents)
    remember(connection, run, one, owner, one.cents, deposit_no, account_key)
    _answer(connection, run, one)
    if refunded:
        _charge(connection, run, one, owner, account_key, RECOVERY, refunded)
        words = (
            f"{one.told}: the payer had {format_cents(refunded)} of it back before; it is on the"
            " list of charges for billing, and a refund that is not paid yet can still be stopped"
        )
        desk.open([_question(connection, one, words, refunded)])
    if one.kind in BOUNCED:
        _fee(connection, run, one, owner, account_key)
        _cash_only(connection, run, one, account_key)
    return deposit_no


def _payer(connection: Connection, owner: Standing) -> int | None:
    """The account that the payment was for: of several the one with most of its cents, of equal
    ones the first; what a check of several accounts costs goes there once (domain E21)."""
    sums: dict[int, int] = {}
    for stand in owner.stands:
        if stand.account_key is not None:
            sums[stand.account_key] = sums.get(stand.account_key, 0) + stand.cents
    if not sums:
        return None
    account = schema.account.c
    numbers = {
        row[0]: row[1]
        for row in connection.execute(
            select(account.account_key, account.account_number).where(
                account.account_key.in_(sorted(sums))
            )
        )
    }
    return min(sums, key=lambda key: (-sums[key], numbers[key]))


def _change(connection: Connection, owner: Standing) -> list[Standing]:
    """Cash that the counter gave out for a returned check: negative rows of the same payment,
    where the check is all that was given (domain E32)."""
    own = connection.execute(select(receipt).where(receipt.c.receipt_no == owner.receipt_no)).one()
    if own.channel != "CASHIER" or own.payment is None:
        return []
    low = schema.receipt_key(owner.receipt_no >> schema.ORDINAL_BITS, 0)
    rows = connection.execute(
        select(receipt.c.receipt_no, receipt.c.amount_cents).where(
            receipt.c.receipt_no.between(low, low + LOW),
            receipt.c.payment == own.payment,
            receipt.c.drawer == own.drawer,
            receipt.c.receipt_no != owner.receipt_no,
        )
    ).all()
    if any(row.amount_cents > 0 for row in rows):
        return []
    found = moves.standing(connection, [row.receipt_no for row in rows]).values()
    return [other for other in found if other.stands and not other.in_bucket(VOIDED)]


def _expect(connection: Connection, run: Run, one: Back, owner: Standing, cents: int) -> int:
    """What the bank takes (a deposit the other way round) or brings again."""
    day = dt.date.fromisoformat(one.day)
    made = deposits.Expected(
        one.file_no, one.ordinal, "return" if cents < 0 else "redeposit", owner.channel, day,
        run.calendar.bank_day(day), aside_cents=cents, reference=f"{one.kind} {one.code}".strip(),
        entry_no=_entry_of(connection, owner.receipt_no),
        streams=token(_source(connection, owner)),
    )  # fmt: skip
    first = (connection.scalar(select(func.max(schema.deposit.c.deposit_no))) or 0) + 1
    deposits.write(connection, run, [made])
    return first


def _source(connection: Connection, owner: Standing) -> str | None:
    """Where the payment came from: the line of the bank may name it again."""
    batch = schema.batch.c
    found: str | None = connection.scalar(
        select(batch.source).where(
            batch.file_no == owner.receipt_no >> schema.ORDINAL_BITS,
            batch.batch_ord == owner.batch_ord,
        )
    )
    return found


def _entry_of(connection: Connection, receipt_no: int) -> int | None:
    """The entry that moved the payment last: the item belongs to its month."""
    made = schema.decision.c
    found: int | None = connection.scalar(
        select(made.entry_no)
        .where(made.receipt_no == receipt_no)
        .order_by(made.version.desc())
        .limit(1)
    )
    return found


def remember(
    connection: Connection, run: Run, one: Back, owner: Standing, reversed_cents: int,
    deposit_no: int | None, account_key: int | None,
) -> None:  # fmt: skip
    """Write down the item that came back, and what it did."""
    row = {
        "file_no": one.file_no,
        "ordinal": one.ordinal,
        "kind": one.kind,
        "code": one.code,
        "receipt_no": owner.receipt_no,
        "account_key": account_key,
        "amount_cents": one.cents,
        "reversed_cents": reversed_cents,
        "return_date": one.day,
        "deposit_no": deposit_no,
        "taken_date": run.today.isoformat(),
    }
    insert_table(connection, item, row)


def _answer(connection: Connection, run: Run, one: Back) -> None:
    keys = [exception_id(code, subject(connection, one)) for code in (NOT_FOUND, AGAIN)]
    asked = schema.exception.c
    numbers = connection.scalars(select(asked.exception_no).where(asked.exception_id.in_(keys)))
    run.desk(connection).resolve(list(numbers), "its original came")


def _question(connection: Connection, one: Back, words: str, cents: int) -> Question:
    key = subject(connection, one)
    return Question(REFUNDED_BEFORE, key, words, cents, file_no=one.file_no)


# --- what it costs the payer ----------------------------------------------------------------------


def _fee(
    connection: Connection, run: Run, one: Back, owner: Standing, account_key: int | None
) -> None:
    """The fee that recond.toml names for the reason, once a payment however often it returns."""
    if account_key is None or owed_charges(connection, owner.receipt_no, FEE):
        return
    for rule in run.home.settings.return_fee:
        if any(fnmatchcase(one.code, pattern) for pattern in rule.codes):
            if rule.amount:
                _charge(connection, run, one, owner, account_key, FEE, rule.amount)
            return


def owed_charges(connection: Connection, receipt_no: int, kind: str) -> list[Any]:
    """The charges of a kind that a payment cost its payer, and that were not cancelled."""
    charge = schema.charge.c
    rows = connection.execute(
        select(schema.charge)
        .where(charge.receipt_no == receipt_no, charge.kind.in_([kind, kind + CANCELLED]))
        .order_by(charge.file_no, charge.ordinal, charge.number)
    ).all()
    gone = {(row.file_no, row.ordinal, row.number) for row in rows if row.kind != kind}
    return [
        row
        for row in rows
        if row.kind == kind and (row.file_no, row.ordinal, row.number) not in gone
    ]


def _charge(
    connection: Connection, run: Run, one: Back, owner: Standing, account_key: int | None,
    kind: str, cents: int,
) -> None:  # fmt: skip
    """A line of the list of charges that billing makes; the next snapshot brings the item."""
    charge = schema.charge.c
    last = connection.scalar(
        select(func.max(charge.number)).where(
            charge.file_no == one.file_no, charge.ordinal == one.ordinal, charge.kind == kind
        )
    )
    row = {
        "file_no": one.file_no,
        "ordinal": one.ordinal,
        "kind": kind,
        "number": (last or 0) + 1,
        "receipt_no": owner.receipt_no,
        "account_key": account_key,
        "cents": cents,
        "charge_date": one.day,
        "made_date": run.today.isoformat(),
        "reason": one.words,
    }
    insert_table(connection, schema.charge, row)


def _cash_only(connection: Connection, run: Run, one: Back, account_key: int | None) -> None:
    """From so many returns within so many days on the account takes cash only (domain E24)."""
    if account_key is None:
        return
    day = dt.date.fromisoformat(one.day)
    ends = []
    for rule in run.home.settings.cash_only:
        first = day - dt.timedelta(days=rule.within_days)
        count = connection.scalar(
            select(func.count())
            .select_from(item)
            .where(
                item.c.account_key == account_key,
                item.c.kind.in_(BOUNCED),
                item.c.reversed_cents > 0,
                item.c.return_date >= first.isoformat(),
                item.c.return_date <= one.day,
            )
        )
        if (count or 0) >= rule.returns:
            ends.append(day + dt.timedelta(days=rule.for_days))
    if ends:
        row = {
            "account_key": account_key,
            "file_no": one.file_no,
            "ordinal": one.ordinal,
            "until_date": max(ends).isoformat(),
            "made_date": run.today.isoformat(),
        }
        insert_table(connection, schema.cash_only, row)


# --- money that comes again -----------------------------------------------------------------------


def restore(connection: Connection, run: Run, one: Back, owner: Standing) -> int | None:
    """Put a returned payment back where it stood: on its items as far as they are open, else on
    account. Returns the deposit that expects the money, None inside a card batch."""
    (gone,) = [stand for stand in owner.stands if stand.bucket == RETURNED]
    placed = _places(connection, owner.receipt_no, int(gone.version or 0))
    reason = f"paid again: {one.told}"
    move = Move(owner.receipt_no, "paid_again", reason, [gone], placed)
    moves.write(connection, run, [move], "return", reason)
    waits = sum(stand.cents for stand in placed if stand.bucket == SUSPENSE)
    if waits:
        name = ids.files_of(connection, {owner.receipt_no >> schema.ORDINAL_BITS})
        receipt_id = ids.receipt_id(
            name[owner.receipt_no >> schema.ORDINAL_BITS], owner.receipt_no & LOW
        )
        words = f"{one.told}: it waits in suspense as it did before"
        asked = Question("REVERSED", receipt_id, words, waits, receipt_no=owner.receipt_no)
        run.desk(connection).open([asked])
    deposit_no = None
    if one.kind not in CARD:
        deposit_no = _expect(connection, run, one, owner, one.cents)
    remember(connection, run, one, owner, -one.cents, deposit_no, None)
    _answer(connection, run, one)
    return deposit_no


def _places(connection: Connection, receipt_no: int, version: int) -> list[Stand]:
    """Where the cents that a version took back stood, as far as their items are open still."""
    rows: list[Any] = list(
        connection.execute(
            select(placement)
            .where(
                placement.c.receipt_no == receipt_no,
                placement.c.version == version,
                placement.c.reverses_version.is_not(None),
            )
            .order_by(placement.c.line)
        )
    )
    keys = sorted({row.item_key for row in rows if row.bucket == ITEM})
    table = schema.item_balance.c
    left = {
        row[0]: row[1]
        for row in connection.execute(
            select(table.item_key, table.open_cents).where(table.item_key.in_(keys))
        )
    }
    found: list[Stand] = []
    for row in rows:
        cents = -row.cents
        if row.bucket != ITEM:
            found.append(Stand(row.bucket, cents, row.account_key))
            continue
        paid = min(cents, left[row.item_key])
        left[row.item_key] -= paid
        if paid:
            found.append(
                Stand(ITEM, paid, row.account_key, row.item_key, row.charge_type, row.fund)
            )
        if cents - paid:
            found.append(Stand(CREDIT, cents - paid, row.account_key))
    return found
