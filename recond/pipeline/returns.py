"""Returned items: what the bank, the ACH network or a card processor takes back, or brings again.

The original is found by its trace number, else by check number and amount, else by account and
amount of a card. What it does to the books stands in `takeback`. What is not found by the end of
its day is asked about (capabilities 1.E, domain E20-E26).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from recond.clearing.kinds import ADJUSTED, may_correct
from recond.clearing.tables import PAIRS
from recond.clearing.words import token
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.model import RETURNED, VOIDED
from recond.money import format_cents
from recond.pipeline import announced, moves, takeback
from recond.pipeline.comeback import ADJUSTMENT, AGAIN, CARD, NOT_FOUND, Back, subject, worth
from recond.pipeline.run import Run
from recond.store import schema

aside, receipt, item = schema.set_aside, schema.receipt, schema.return_item
NETWORK = ("RETURN",)
NOTICE = "NOC"
UNKNOWN = "BANK_DEBIT_UNKNOWN"
BY_NUMBER = ("LOCKBOX", "CASHIER", "ACH_CREDIT", "ACH_DEBIT")
WINDOW_DAYS = 180  # how long before a return its original is looked for


def take(connection: Connection, run: Run) -> int:
    """Reverse what came back since the last run; ask about what has no original."""
    waiting = _waiting(connection)
    done = 0
    for one in waiting:  # returns: a handful a day
        found = _fitting(connection, one)
        if len(found) == 1:
            _book(connection, run, one, found[0])
            done += 1
        elif announced.confirm(connection, run, one):
            done += 1
        elif run.today.isoformat() > one.file_day or one.kind in CARD:
            _ask(connection, run, one, found)
    _ask_notices(connection, run)
    return done


# --- what came back -------------------------------------------------------------------------------


def _waiting(connection: Connection) -> list[Back]:
    """Records of returns, refunds and chargebacks without a `return_item` yet."""
    file, batch = schema.file.c, schema.batch.c
    done = (
        select(item.c.ordinal)
        .where(item.c.file_no == aside.c.file_no, item.c.ordinal == aside.c.ordinal)
        .exists()
    )
    held = (
        select(batch.batch_ord)
        .where(
            batch.file_no == aside.c.file_no,
            batch.batch_ord == aside.c.batch_ord,
            batch.state != "accepted",
        )
        .exists()
    )
    rows = connection.execute(
        select(aside, file.name, file.business_date)
        .join(schema.file, file.file_no == aside.c.file_no)
        .where(
            aside.c.kind.in_((*NETWORK, *CARD)),
            file.state.in_(("accepted", "partly_held")),
            ~done,
            ~held,
        )
        .order_by(aside.c.file_no, aside.c.ordinal)
    ).all()
    return [_back(connection, row) for row in rows]


def _back(connection: Connection, row: Any) -> Back:
    cents = abs(row.amount_cents or 0)
    day = row.effective_date or row.business_date
    if row.kind in NETWORK:
        originals = _by_trace(connection, row.original, cents)
        by = f"original trace {row.original}"
    else:
        originals = _by_card(connection, row, cents)
        by = f"account {row.reference}"
    words = (
        f"{row.name}, line {row.line}: {row.kind.lower()} {row.code or ''} over"
        f" {format_cents(cents)}, {by}"
    )
    return Back(
        row.file_no, row.ordinal, row.kind, row.code or "", cents, day, originals, words,
        row.business_date,
    )  # fmt: skip


def _by_trace(connection: Connection, original: str | None, cents: int) -> tuple[int, ...]:
    if not original:
        return ()
    rows = connection.scalars(
        select(receipt.c.receipt_no)
        .where(
            receipt.c.trace_number == original,
            receipt.c.channel.in_(("ACH_CREDIT", "ACH_DEBIT")),
            receipt.c.amount_cents == cents,
        )
        .order_by(receipt.c.receipt_no)
    )
    return tuple(rows)


def _by_card(connection: Connection, row: Any, cents: int) -> tuple[int, ...]:
    """Sales of the same account and amount; a refund names no transaction."""
    rows = connection.scalars(
        select(receipt.c.receipt_no)
        .where(
            receipt.c.channel == "CARD",
            receipt.c.amount_cents == cents,
            receipt.c.account_on_item == row.reference,
        )
        .order_by(receipt.c.receipt_no)
    )
    return tuple(rows)


def _book(connection: Connection, run: Run, one: Back, owner: moves.Standing) -> int | None:
    if one.restores:
        return takeback.restore(connection, run, one, owner)
    takeback.reverse(connection, run, one, owner)
    return None


def of_lines(
    connection: Connection, run: Run, lines: Sequence[dict[str, Any]]
) -> tuple[pa.Table, dict[int, tuple[str, str]]]:
    """Reverse the receipts that debits of a statement take back: the one check (or ACH entry) of
    the amount whose number stands in the line. Returns PAIRS of the deposits the other way round
    and the lines, and code and words of lines whose original was returned before, or is over
    another amount."""
    pairs, doubts = [], {}
    for row in lines:  # debits by which the bank takes items back: a few a day
        back = _of_line(connection, run, row, _kind(row))
        found = _fitting(connection, back)
        if len(found) == 1:
            deposit_no = takeback.reverse(connection, run, back, found[0])
            pairs.append(_pair(deposit_no, row, "returned", "the bank takes it back by its number"))
        elif back.originals and not found:
            doubts[row["line_no"]] = (AGAIN, "its original was returned or voided before")
        elif back.kind == ADJUSTMENT:
            named = _named(connection, row)
            if named:
                words = f"it corrects {named}; link it to the check that was read over too much"
                doubts[row["line_no"]] = (UNKNOWN, words)
    return pa.Table.from_pylist(pairs, schema=PAIRS), doubts


def _kind(row: dict[str, Any]) -> str:
    return ADJUSTMENT if row["type_code"] in ADJUSTED else "BANK_RETURN"


def _pair(deposit_no: int | None, row: dict[str, Any], rule: str, words: str) -> dict[str, Any]:
    return {
        "deposit_no": deposit_no,
        "line_no": row["line_no"],
        "cents": row["amount_cents"],
        "rule": rule,
        "evidence": words,
    }


def _named(connection: Connection, row: dict[str, Any]) -> str:
    """The lockbox checks that a line names by number, whatever their amount, in words."""
    numbers = sorted({one for one in _short(row) if one})
    rows = connection.execute(
        select(receipt.c.receipt_no, receipt.c.check_number, receipt.c.amount_cents)
        .where(
            receipt.c.channel == "LOCKBOX",
            func.ltrim(receipt.c.check_number, "0").in_(numbers),
            receipt.c.received_date >= _first_day(row),
            receipt.c.received_date <= str(row["value_date"]),
        )
        .order_by(receipt.c.receipt_no)
    ).all()
    return ", ".join(
        f"check {one.check_number} over {format_cents(one.amount_cents)}" for one in rows[:3]
    )


def _first_day(row: dict[str, Any]) -> str:
    first = dt.date.fromisoformat(str(row["value_date"])) - dt.timedelta(days=WINDOW_DAYS)
    return first.isoformat()


def announced_debits(connection: Connection, run: Run, lines: Sequence[dict[str, Any]]) -> pa.Table:
    """PAIRS of debits with payments of which a person said before that they came back."""
    named = {row["line_no"]: _of_line(connection, run, row, "BANK_RETURN") for row in lines}
    cents = {row["line_no"]: row["amount_cents"] for row in lines}
    return announced.met(connection, named, cents)


def again(connection: Connection, run: Run, lines: pa.Table) -> pa.Table:
    """Put back the checks that the bank brings again: a credit over a returned check's amount
    that names its number, and no other's (domain E23). Returns PAIRS of deposits and lines."""
    gone = connection.execute(
        select(item.c.amount_cents).where(item.c.kind == "BANK_RETURN").distinct()
    )
    amounts = pa.array([row[0] for row in gone], pa.int64())
    pairs = []
    for row in lines.filter(pc.is_in(lines["amount_cents"], value_set=amounts)).to_pylist():
        back = _of_line(connection, run, row, "REDEPOSIT")
        found = _fitting(connection, back)
        if len(found) == 1:
            deposit_no = takeback.restore(connection, run, back, found[0])
            words = "the bank brings a returned check again, by its number"
            pairs.append(_pair(deposit_no, row, "redeposit", words))
    return pa.Table.from_pylist(pairs, schema=PAIRS)


def _of_line(connection: Connection, run: Run, row: dict[str, Any], kind: str) -> Back:
    """What a statement line takes back or brings again: the receipts that it names by number."""
    cents = abs(row["amount_cents"])
    said = set(token(row["customer_reference"], row["reference"], row["text"]).split())
    said |= {one for one in _short(row) if one}
    channels = ("LOCKBOX",) if kind == ADJUSTMENT else BY_NUMBER
    rows = connection.execute(
        select(receipt.c.receipt_no, receipt.c.check_number, receipt.c.trace_number)
        .where(
            _over(cents),
            receipt.c.channel.in_(channels),
            receipt.c.received_date >= _first_day(row),
            receipt.c.received_date <= str(row["value_date"]),
        )
        .order_by(receipt.c.receipt_no)
    ).all()
    named = tuple(
        one.receipt_no
        for one in rows
        if {(one.check_number or "").lstrip("0"), (one.trace_number or "").lstrip("0")} & said
    )
    word = "credit" if kind == "REDEPOSIT" else "debit"
    return Back(
        row["file_no"], row["ordinal"], kind, row["type_code"] or "", cents,
        str(row["value_date"]), named,
        f"bank {word} of {format_cents(cents)} (type {row['type_code']})",
        run.today.isoformat(),
    )  # fmt: skip


def _over(cents: int) -> ColumnElement[bool]:
    """Whether a payment is over that many cents: as it was read, or as the bank corrected it."""
    fixed = item.c.kind == ADJUSTMENT
    less = select(func.sum(item.c.reversed_cents)).where(
        fixed, item.c.receipt_no == receipt.c.receipt_no
    )
    known = receipt.c.receipt_no.in_(select(item.c.receipt_no).where(fixed))
    corrected = and_(known, receipt.c.amount_cents - less.scalar_subquery() == cents)
    return or_(receipt.c.amount_cents == cents, corrected)


def _short(row: dict[str, Any]) -> list[str]:
    """Numbers of a line however short: check numbers may have three digits."""
    text = " ".join(str(row[n] or "") for n in ("customer_reference", "text"))
    return [part.lstrip("0") for part in text.split() if part.isdecimal()]


def _live(connection: Connection, receipts: Iterable[int]) -> list[moves.Standing]:
    """Receipts that still stand in the books: posted, not voided, not returned before."""
    return [
        owner
        for owner in moves.standing(connection, receipts).values()
        if owner.version and not owner.in_bucket(VOIDED) and worth(owner)
    ]


def _gone(connection: Connection, receipts: Iterable[int], cents: int) -> list[moves.Standing]:
    """Receipts that stand nowhere any more, and of which that many cents came back last."""
    return [
        owner
        for owner in moves.standing(connection, receipts).values()
        if {stand.bucket for stand in owner.stands} == {RETURNED}
        and owner.stands[-1].cents == cents
    ]


def _fitting(connection: Connection, one: Back) -> list[moves.Standing]:
    """The payments that the item can be about: taken back before where it brings money again,
    standing where it takes money."""
    if one.restores:
        return _gone(connection, one.originals, one.cents)
    return [owner for owner in _live(connection, one.originals) if worth(owner) == one.cents]


def waiting_of(connection: Connection, question_id: str) -> Back | None:
    """The returned item that a question of code RETURN_NOT_FOUND or RETURN_REPEATED is about."""
    for one in _waiting(connection):
        about = subject(connection, one)
        if question_id in {exception_id(code, about) for code in (NOT_FOUND, AGAIN)}:
            return one
    return None


def of_debit(connection: Connection, run: Run, row: dict[str, Any], receipt_no: int) -> Back:
    """What a debit takes back because a person says which payment it was: the payment, or, where
    its code may correct what was read, a part of a lockbox check."""
    back = _of_line(connection, run, row, _kind(row))
    found = _live(connection, [receipt_no])
    part = may_correct(row["type_code"]) and any(
        owner.channel == "LOCKBOX" and worth(owner) > back.cents for owner in found
    )
    return replace(back, kind=ADJUSTMENT) if part else back


def can_return(connection: Connection, one: Back, receipt_no: int) -> bool:
    """Whether that payment is of the amount and still stands; a correction may be over a part."""
    if one.restores:
        return bool(_gone(connection, [receipt_no], one.cents))
    over = [worth(owner) for owner in _live(connection, [receipt_no])]
    return over == [one.cents] or (one.kind == ADJUSTMENT and over > [one.cents])


def reverse(connection: Connection, run: Run, one: Back, receipt_no: int) -> None:
    """Take that payment back (or put it back) because a person says that it is the original."""
    (owner,) = moves.standing(connection, [receipt_no]).values()
    _book(connection, run, one, owner)


# --- questions ------------------------------------------------------------------------------------


def _question(connection: Connection, code: str, one: Back, words: str, cents: int) -> Question:
    return Question(code, subject(connection, one), words, cents, file_no=one.file_no)


def _ask(connection: Connection, run: Run, one: Back, found: Sequence[moves.Standing]) -> None:
    if one.originals and not found:
        said = "stands: it was not returned" if one.restores else "was returned or voided before"
        code, words = AGAIN, f"{one.told}: its original {said}"
    elif found:
        code, words = NOT_FOUND, f"{one.told}: {len(found)} payments could be the original"
    else:
        code, words = NOT_FOUND, f"{one.told}: no payment is its original"
    question = _question(connection, code, one, words, one.cents)
    known = select(schema.exception.c.exception_no).where(
        schema.exception.c.exception_id == exception_id(code, question.subject)
    )
    if connection.scalar(known) is None:
        run.desk(connection).open([question])


def _ask_notices(connection: Connection, run: Run) -> None:
    """Notices of change: a proposal for the mandate, never made by itself."""
    file, table = schema.file.c, schema.exception.c
    rows = connection.execute(
        select(aside, file.name, file.file_id)
        .join(schema.file, file.file_no == aside.c.file_no)
        .where(aside.c.kind == NOTICE, file.state.in_(("accepted", "partly_held")))
        .order_by(aside.c.file_no, aside.c.ordinal)
    ).all()
    if not rows:
        return
    known = set(
        connection.scalars(select(table.exception_id).where(table.code == "NOTICE_OF_CHANGE"))
    )
    questions = [
        Question(
            "NOTICE_OF_CHANGE",
            f"{row.file_id}/notice/{row.ordinal}",
            f"{row.name}, line {row.line}: {row.code} for {row.payer_name or row.reference or ''},"
            f" original trace {row.original}; change the mandate in the billing system",
            file_no=row.file_no,
        )
        for row in rows
    ]
    fresh = [q for q in questions if exception_id(q.code, q.subject) not in known]
    run.desk(connection).open(fresh)
