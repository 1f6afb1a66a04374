"""Returned items: what the bank, the ACH network or a card processor takes back.

The original is found by its trace number, else by check number and amount, else by account and
amount of a card. Every live placement of the receipt is reversed, wherever it stands now (after a
transfer too), its items open again, and the bank's debit is expected. What is not found by the end
of its day is asked about (capabilities 1.E, domain E20-E25).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from recond import ids
from recond.clearing.words import token
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.model import REFUNDED, RETURNED, VOIDED
from recond.money import format_cents
from recond.pipeline import deposits, moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import insert_table

aside, receipt, item = schema.set_aside, schema.receipt, schema.return_item
NETWORK = ("RETURN",)
CARD = ("REFUND", "CHARGEBACK")
NOTICE = "NOC"
NOT_FOUND, AGAIN, REFUNDED_BEFORE = "RETURN_NOT_FOUND", "RETURN_REPEATED", "RETURN_AFTER_REFUND"
WINDOW_DAYS = 180  # how long before a return its original is looked for
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


def take(connection: Connection, run: Run) -> int:
    """Reverse what came back since the last run; ask about what has no original."""
    waiting = _waiting(connection)
    done = 0
    for one in waiting:  # returns: a handful a day
        found = _live(connection, one.originals)
        if len(found) == 1:
            done += _reverse(connection, run, one, found[0])
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


def of_lines(connection: Connection, run: Run, lines: Sequence[dict[str, Any]]) -> list[int]:
    """Reverse the receipts that debits of a statement take back: the one check (or ACH entry) of
    the amount whose number stands in the line. Returns the lines that found their original."""
    done = []
    for row in lines:  # debits by which the bank takes items back: a few a day
        cents = -row["amount_cents"]
        said = set(token(row["customer_reference"], row["reference"], row["text"]).split())
        said |= {one for one in _short(row) if one}
        first = dt.date.fromisoformat(str(row["value_date"])) - dt.timedelta(days=WINDOW_DAYS)
        rows = connection.execute(
            select(receipt.c.receipt_no, receipt.c.check_number, receipt.c.trace_number)
            .where(
                receipt.c.amount_cents == cents,
                receipt.c.channel.in_(("LOCKBOX", "CASHIER", "ACH_CREDIT", "ACH_DEBIT")),
                receipt.c.received_date >= first.isoformat(),
                receipt.c.received_date <= str(row["value_date"]),
            )
            .order_by(receipt.c.receipt_no)
        ).all()
        named = tuple(
            one.receipt_no
            for one in rows
            if {(one.check_number or "").lstrip("0"), (one.trace_number or "").lstrip("0")} & said
        )
        back = Back(
            row["file_no"], row["ordinal"], "BANK_RETURN", row["type_code"] or "", cents,
            str(row["value_date"]), named,
            f"bank debit of {format_cents(cents)} (type {row['type_code']})",
            run.today.isoformat(),
        )  # fmt: skip
        found = _live(connection, named)
        if len(found) == 1:
            _reverse(connection, run, back, found[0])
            done.append(row["line_no"])
    return done


def _short(row: dict[str, Any]) -> list[str]:
    """Numbers of a line however short: check numbers may have three digits."""
    text = " ".join(str(row[n] or "") for n in ("customer_reference", "text"))
    return [part.lstrip("0") for part in text.split() if part.isdecimal()]


def _live(connection: Connection, receipts: Iterable[int]) -> list[moves.Standing]:
    """Receipts that still stand in the books: posted, not voided, not returned before."""
    return [
        owner
        for owner in moves.standing(connection, receipts).values()
        if owner.version and not owner.in_bucket(VOIDED) and not owner.in_bucket(RETURNED)
    ]


def waiting_of(connection: Connection, question_id: str) -> Back | None:
    """The return that a question of code RETURN_NOT_FOUND is about."""
    for one in _waiting(connection):
        if exception_id(NOT_FOUND, _subject(connection, one)) == question_id:
            return one
    return None


def can_return(connection: Connection, one: Back, receipt_no: int) -> bool:
    """Whether that payment is of the amount and still stands."""
    (owner,) = _live(connection, [receipt_no]) or (None,)
    return owner is not None and owner.amount_cents == one.cents


def reverse(connection: Connection, run: Run, one: Back, receipt_no: int) -> None:
    """Take that payment back because a person says that it is the original."""
    (owner,) = _live(connection, [receipt_no])
    _reverse(connection, run, one, owner)


# --- what it does to the books --------------------------------------------------------------------


def _reverse(connection: Connection, run: Run, one: Back, owner: moves.Standing) -> int:
    """Take back every live placement of the receipt, and expect the bank's debit."""
    stands = [stand for stand in owner.stands if stand.bucket != REFUNDED]
    cents = sum(stand.cents for stand in stands)
    reason = f"returned {one.code}: {one.words}"
    if cents:
        move = Move(owner.receipt_no, "returned", reason, stands, [Stand(RETURNED, cents)])
        moves.write(connection, run, [move], "return", reason)
    desk = run.desk(connection)
    desk.resolve(desk.open_of_receipts([owner.receipt_no]), "the payment was returned")
    deposit_no = None
    if one.kind not in CARD and cents:
        deposit_no = _expect(connection, run, one, owner, cents)
    row = {
        "file_no": one.file_no,
        "ordinal": one.ordinal,
        "kind": one.kind,
        "code": one.code,
        "receipt_no": owner.receipt_no,
        "amount_cents": one.cents,
        "reversed_cents": cents,
        "return_date": one.day,
        "deposit_no": deposit_no,
        "taken_date": run.today.isoformat(),
    }
    insert_table(connection, item, row)
    key = exception_id(NOT_FOUND, _subject(connection, one))
    number = connection.scalar(
        select(schema.exception.c.exception_no).where(schema.exception.c.exception_id == key)
    )
    if number is not None:
        desk.resolve([number], "its original came")
    if cents != one.cents:
        words = f"{one.words}: {format_cents(one.cents - cents)} of it was refunded before"
        desk.open([_question(connection, REFUNDED_BEFORE, one, words, one.cents - cents)])
    return 1


def _expect(connection: Connection, run: Run, one: Back, owner: moves.Standing, cents: int) -> int:
    """The bank's debit: a deposit the other way round."""
    day = dt.date.fromisoformat(one.day)
    made = deposits.Expected(
        one.file_no, one.ordinal, "return", owner.channel, day, run.calendar.bank_day(day),
        aside_cents=-cents, reference=f"{one.kind} {one.code}".strip(),
    )  # fmt: skip
    first = (connection.scalar(select(func.max(schema.deposit.c.deposit_no))) or 0) + 1
    deposits.write(connection, run, [made])
    return first


# --- questions ------------------------------------------------------------------------------------


def _subject(connection: Connection, one: Back) -> str:
    file_id = ids.files_of(connection, {one.file_no})[one.file_no]
    return f"{file_id}/return/{one.ordinal}"


def _question(connection: Connection, code: str, one: Back, words: str, cents: int) -> Question:
    return Question(code, _subject(connection, one), words, cents, file_no=one.file_no)


def _ask(connection: Connection, run: Run, one: Back, found: Sequence[moves.Standing]) -> None:
    if one.originals and not found:
        code, words = AGAIN, f"{one.words}: its original was returned or voided before"
    elif found:
        code, words = NOT_FOUND, f"{one.words}: {len(found)} payments could be the original"
    else:
        code, words = NOT_FOUND, f"{one.words}: no payment is its original"
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
