"""What returned items do to the books: money taken back, and money that comes again.

Every live placement of a receipt is reversed, wherever it stands now (after a transfer too); what
the payer has had back in cash before is a charge that billing shall make. Money that comes again (a
redeposited check, a chargeback that was won, a return that the bank refused) goes back to the items
that it paid as far as they are open, else on account (domain E20-E26, E32, E37).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from recond import ids
from recond.clearing.words import token
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.exports import refunds
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import format_cents
from recond.pipeline import costs, deposits, moves
from recond.pipeline.comeback import (
    AGAIN,
    BOUNCED,
    CARD,
    NOT_FOUND,
    REFUNDED_BEFORE,
    Back,
    subject,
    worth,
)
from recond.pipeline.moves import Move, Stand, Standing
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import insert_table

receipt, placement, item = schema.receipt, schema.placement, schema.return_item
LOW = (1 << schema.ORDINAL_BITS) - 1
CHANGE_OF_RETURNED = "change_of_returned"  # the rule of cash that goes off with its check


# --- money that is taken back ---------------------------------------------------------------------


def reverse(
    connection: Connection, run: Run, one: Back, owner: Standing, fixes: int | None = None
) -> int | None:
    """Take back what the item is over of a payment (all that stands of it, unless the bank
    corrects a check by a part), and expect the bank's debit: the number of that expectation, None
    inside a card batch. `fixes`: the deposit of which the bank brought that much less; nothing
    more is expected then."""
    account_key = _payer(connection, owner)
    change = _change(connection, owner)
    taken, kept = _gone(one, owner)
    refunded = sum(stand.cents for stand in taken if stand.bucket == REFUNDED)
    refunded -= sum(stand.cents for stand in kept if stand.bucket == REFUNDED)
    had = min(refunded, refunds.handed_on(connection, owner.receipt_no))
    reason = _reason(one, refunded - had)
    placed = [*kept, Stand(RETURNED, one.cents)]
    made = [Move(owner.receipt_no, "returned", reason, taken, placed)]
    for other in change:  # what the payer had in cash for the check goes off the items with it
        cents = sum(stand.cents for stand in other.stands)
        cash = [Stand(REFUNDED, cents)]
        made.append(Move(other.receipt_no, CHANGE_OF_RETURNED, reason, other.stands, cash))
        had -= cents
    moves.write(connection, run, made, "return", reason)
    _close_questions(connection, run, one, owner, [move.receipt_no for move in made])
    deposit_no = None
    if one.kind not in CARD:
        deposit_no = _expect(connection, run, one, owner, -one.cents, fixes)
    remember(connection, run, one, owner, one.cents, deposit_no, account_key)
    _answer(connection, run, one)
    if had:
        costs.charge(connection, run, one, owner, account_key, costs.RECOVERY, had)
        words = (
            f"{one.told}: the payer had {format_cents(had)} of it back before; it is on the"
            " list of charges for billing, and a refund that is not paid yet can still be stopped"
        )
        run.desk(connection).open([_question(connection, one, words, had)])
    if one.kind in BOUNCED:
        costs.fee(connection, run, one, owner, account_key)
        costs.cash_only(connection, run, one, account_key)
    return deposit_no


def _reason(one: Back, stopped: int) -> str:
    reason = f"returned {one.code}: {one.told}".replace("returned :", "returned:")
    if stopped:
        reason += f"; its refund of {format_cents(stopped)}, in no file yet, is stopped"
    return reason


# A check that was read over too much paid too much: that is what is not decided yet, then what it
# left over, then what it paid last.
_FIRST = (SUSPENSE, CREDIT, REFUNDED, ITEM)


def _gone(one: Back, owner: Standing) -> tuple[list[Stand], list[Stand]]:
    """The stands that the item takes from, and what is placed there again of the last of them."""
    live = [stand for stand in owner.stands if stand.bucket != RETURNED]
    if one.cents == worth(owner):
        return live, []
    taken: list[Stand] = []
    left = one.cents
    for stand in sorted(live, key=_turn):
        if left <= 0:
            break
        taken.append(stand)
        left -= stand.cents
    if left == 0:
        return taken, []
    last = taken[-1]
    gone = last.cents + left
    return taken, [replace(last, cents=-left, adjusts=max(0, last.adjusts - gone))]


def _turn(stand: Stand) -> tuple[int, int, int]:
    return _FIRST.index(stand.bucket), -(stand.version or 0), -(stand.line or 0)


def _close_questions(
    connection: Connection, run: Run, one: Back, owner: Standing, numbers: list[int]
) -> None:
    """What comes back is asked about no more; of a part, what is left still is."""
    desk = run.desk(connection)
    asked = desk.open_of_receipts(numbers)
    left = worth(owner) - one.cents
    if owner.in_bucket(SUSPENSE):
        left = max(0, owner.in_bucket(SUSPENSE) - one.cents)
    if not left:
        desk.resolve(asked, "the payment was returned")
        return
    table = schema.exception.c
    rows = connection.execute(
        select(table.exception_no, table.amount_cents, table.message)
        .where(table.exception_no.in_(asked))
        .order_by(table.exception_no)
    ).all()
    for row in rows:
        if (row.amount_cents or 0) > left:
            words = f"{row.message}; the bank took {format_cents(one.cents)} of it back"
            desk.restate(row.exception_no, words, left)


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


def _expect(
    connection: Connection, run: Run, one: Back, owner: Standing, cents: int,
    fixes: int | None = None,
) -> int:  # fmt: skip
    """What the bank takes (a deposit the other way round) or brings again. What it took with a
    deposit already, by bringing less of it (`fixes`), it does not take a second time."""
    day = dt.date.fromisoformat(one.day)
    made = deposits.Expected(
        one.file_no, one.ordinal, "return" if cents < 0 else "redeposit", owner.channel, day,
        run.calendar.bank_day(day), aside_cents=cents, reference=f"{one.kind} {one.code}".strip(),
        entry_no=_entry_of(connection, owner.receipt_no),
        streams=token(_source(connection, owner)), withdraws_no=fixes,
    )  # fmt: skip
    first = (connection.scalar(select(func.max(schema.deposit.c.deposit_no))) or 0) + 1
    deposits.write(connection, run, [made])
    if fixes is not None:
        deposits.set_left(connection, {fixes: deposits.left_of(connection, fixes) + cents})
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


def _month_of(connection: Connection, receipt_no: int) -> str | None:
    """The month of the entry that moved the payment last."""
    entry = schema.entry.c
    found: str | None = connection.scalar(
        select(entry.period).where(entry.entry_no == _entry_of(connection, receipt_no))
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
        "period": run.cutoff(connection).month(
            _month_of(connection, owner.receipt_no) if reversed_cents else one.day
        ),
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


# --- money that comes again -----------------------------------------------------------------------


def restore(connection: Connection, run: Run, one: Back, owner: Standing) -> int | None:
    """Put a returned payment back where it stood: on its items as far as they are open, else on
    account. Returns the deposit that expects the money, None inside a card batch."""
    # of a check whose reading was corrected before, only what came back as a whole
    gone = owner.stands[-1]
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
    costs.cancel(connection, run, owner.receipt_no, costs.RECOVERY)
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
