"""What people ask for outside a work list: transfers, approvals, undoing, who works on what."""

from __future__ import annotations

from sqlalchemy import Connection, Row, func, insert, select

from recond import ids
from recond.errors import RefusedError, UsageError
from recond.exceptions.answers import Answer, decision_id, target_of
from recond.exceptions.decisions import approvals, undoing
from recond.exceptions.decisions.case import (
    APPLIED,
    PENDING_APPROVAL,
    Question,
    RefusedAnswerError,
    open_case,
    question_of,
)
from recond.exceptions.decisions.deciding import ANSWERS, Verdict, carry_out, decide
from recond.exceptions.decisions.records import record
from recond.exceptions.desk import Question as Opening
from recond.exceptions.questions import exception_id
from recond.ledger import instant
from recond.model import CREDIT, ITEM
from recond.money import format_cents
from recond.pipeline import moves
from recond.pipeline.run import Run
from recond.store import schema

made, exception = schema.decision_made, schema.exception


def find_question(connection: Connection, text: str) -> Question:
    """The question with this id, or that of the decision with this id. Raises UsageError."""
    number = connection.scalar(
        select(exception.c.exception_no).where(exception.c.exception_id == text)
    )
    if number is None:
        number = connection.scalar(select(made.c.exception_no).where(made.c.decision_id == text))
    if number is None:
        raise UsageError(f"there is no question or decision {text}")
    return question_of(connection, number)


def _said(verdict: Verdict) -> str:
    if verdict.status not in {APPLIED, PENDING_APPROVAL}:
        raise RefusedError(f"{verdict.status}: {verdict.message}")
    return f"{verdict.status}: {verdict.message}"


def transfer(connection: Connection, run: Run, receipt_id: str, to: str, reason: str) -> str:
    """Ask for a misapplied payment to be moved to another account with the date on which it was
    received. Returns a sentence; raises UsageError or RefusedError."""
    owner, target = _posted(connection, receipt_id), target_of(to)
    cents = owner.in_bucket(ITEM) + owner.in_bucket(CREDIT)
    words = f"{run.actor} asks to move {receipt_id} to {target}: {reason}"
    subject = f"{receipt_id}/{owner.version}/{target}"
    asked = _opening("TRANSFER_REQUESTED", subject, words, cents, owner.receipt_no)
    return _ask(connection, run, asked, Answer("transfer", target, note=reason))


def write_off(connection: Connection, run: Run, to: str, cents: int | None, reason: str) -> str:
    """Ask for what an account or item owes to be forgiven. Returns a sentence; raises
    RefusedError."""
    target = target_of(to)
    words = f"{run.actor} asks to write off {target}: {reason}"
    subject = f"write_off/{target}/{cents}/{reason}"
    asked = _opening("WRITE_OFF_REQUESTED", subject, words, cents)
    return _ask(connection, run, asked, Answer("write_off", target, cents, reason))


def recover(
    connection: Connection, run: Run, receipt_id: str, to: str, kept: int | None, reason: str
) -> str:
    """Ask for the waiting money of a payment to pay debt that was written off; `kept` cents more
    of it were paid by what the agency kept as its commission. Returns a sentence; raises
    UsageError or RefusedError."""
    owner, target = _posted(connection, receipt_id), target_of(to)
    words = f"{run.actor} says that {receipt_id} is of written-off debt of {target}: {reason}"
    subject = f"{receipt_id}/{owner.version}/{target}/{kept}"
    asked = _opening(
        "RECOVERY_REQUESTED", subject, words, owner.amount_cents, owner.receipt_no
    )  # fmt: skip
    return _ask(connection, run, asked, Answer("recover", target, kept, reason))


def release(connection: Connection, run: Run, receipt_id: str, reason: str) -> str:
    """Ask for a deposit that is held for a customer, and that this payment paid, to be given
    back. Returns a sentence; raises UsageError or RefusedError."""
    owner = _posted(connection, receipt_id)
    words = f"{run.actor} asks to give back the deposit that {receipt_id} paid: {reason}"
    subject = f"{receipt_id}/{owner.version}/release"
    asked = _opening(
        "DEPOSIT_RELEASE_REQUESTED", subject, words, owner.amount_cents, owner.receipt_no
    )  # fmt: skip
    return _ask(connection, run, asked, Answer("release", note=reason))


def _posted(connection: Connection, receipt_id: str) -> moves.Standing:
    number = ids.find_receipt(connection, receipt_id)
    if number is None:
        raise UsageError(f"there is no receipt {receipt_id}")
    return moves.standing(connection, [number])[number]


def _opening(
    code: str, subject: str, words: str, cents: int | None, receipt_no: int | None = None
) -> Opening:
    file_no = None if receipt_no is None else receipt_no >> schema.ORDINAL_BITS
    return Opening(code, subject, words, cents, file_no=file_no, receipt_no=receipt_no)


def _ask(connection: Connection, run: Run, opening: Opening, answer: Answer) -> str:
    """Open the question by which something is asked for, and ask for it."""
    run.desk(connection).open([opening])
    asked = find_question(connection, exception_id(opening.code, opening.subject))
    said = _said(decide(connection, run, asked, answer))
    return f"{said} ({asked.exception_id})"


def approve(
    connection: Connection, run: Run, identity: str, reason: str, *, deny: bool = False
) -> str:
    """Approve or deny, as `run.actor`, what another person asked for."""
    question = find_question(connection, identity)
    answer = Answer("deny" if deny else "approve", note=reason)
    return _said(decide(connection, run, question, answer))


def assign(connection: Connection, run: Run, identity: str, person: str | None) -> str:
    """Say who works on a question."""
    question = find_question(connection, identity)
    if question.status == "resolved":
        raise RefusedError(f"{question.exception_id} is resolved")
    run.desk(connection).assign(question.exception_no, person)
    return f"{question.exception_id} is {f'for {person}' if person else 'for nobody'} now"


def comment(connection: Connection, run: Run, identity: str, words: str) -> str:
    """Write a comment beside a question."""
    question = find_question(connection, identity)
    table = schema.comment
    last = connection.scalar(
        select(func.max(table.c.comment_no)).where(table.c.exception_no == question.exception_no)
    )
    connection.execute(
        insert(table).values(
            exception_no=question.exception_no, comment_no=(last or 0) + 1, said_by=run.actor,
            said_at=instant(run.clock()), words=words,
        )
    )  # fmt: skip
    return f"noted beside {question.exception_id}"


def undo(connection: Connection, run: Run, identity: str, reason: str) -> str:
    """Undo a decision by a reversing one: what it moved goes back, its question is asked again.

    Only while nothing moved the payment since. What needed another person is only asked for: it
    is undone when another person approves that. Raises UsageError or RefusedError.
    """
    if connection.scalar(select(made.c.decision_no).where(made.c.decision_id == identity)) is None:
        raise UsageError(f"there is no decision {identity}")
    try:
        row, action = undoing.undoable(connection, identity)
        if row.action in ANSWERS:
            return _ask_to_undo(connection, run, row, reason)
        question = question_of(connection, row.exception_no)
        case = open_case(connection, run, question, Answer("undo", note=reason), run.actor)
        approvals.may_answer(case)
        plan = undoing.plan_of(case, row, action)
        new = decision_id(question.exception_id, question.version, "undo", {"of": identity})
        version = carry_out(case, plan, new)
    except RefusedAnswerError as refusal:
        raise RefusedError(f"{refusal.status}: {refusal.sentence}") from None
    record(case, new, APPLIED, plan, placed_version=version, answers_id=identity,
           args={"of": identity})  # fmt: skip
    undoing.ask_again(run, connection, row.exception_no, plan.words)
    undoing.keep_asked(case, plan.words)
    return plan.words


def _ask_to_undo(
    connection: Connection, run: Run, row: Row[tuple[object, ...]], reason: str
) -> str:
    """Ask another person whether what took two may be undone."""
    subject = str(row.decision_id)
    words = f"{run.actor} asks to undo {subject}: {reason}"
    asked = _opening("UNDO_REQUESTED", subject, words, row.amount_cents, row.receipt_no)
    return _ask(connection, run, asked, Answer("undo", subject, note=reason))


def pending(connection: Connection) -> list[dict[str, object]]:
    """What waits for another person, oldest first."""
    waiting = connection.execute(
        select(exception.c.exception_no, exception.c.exception_id, exception.c.message)
        .where(exception.c.status == "pending_approval")
        .order_by(exception.c.exception_no)
    )
    told: list[dict[str, object]] = []
    for row in waiting.all():
        identity = approvals.open_request(connection, row.exception_no)
        request = connection.execute(select(made).where(made.c.decision_id == identity)).first()
        if request is None:
            continue
        told.append(
            {
                "exception_id": row.exception_id,
                "decision_id": identity,
                "action": request.action,
                "amount": format_cents(request.amount_cents or 0),
                "decided_by": request.decided_by,
                "decided_at": request.decided_at,
                "approvals": request.approvals,
                "message": row.message,
            }
        )
    return told


def statistics(connection: Connection) -> list[dict[str, object]]:
    """Decisions by person, code and action: how many, over how many cents, how many undone."""
    undone = made.alias()
    gone = (
        select(undone.c.decision_no)
        .where(undone.c.answers_id == made.c.decision_id, undone.c.action == "undo")
        .exists()
    )
    cents = func.coalesce(func.sum(made.c.amount_cents), 0)
    keys = (made.c.decided_by, exception.c.code, made.c.action)
    rows = connection.execute(
        select(*keys, func.count().label("decisions"), cents.label("cents"))
        .join(exception, exception.c.exception_no == made.c.exception_no)
        .where(~gone)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        {
            "decided_by": row.decided_by, "code": row.code, "action": row.action,
            "decisions": row.decisions, "amount": format_cents(int(row.cents)),
        }
        for row in rows
    ]  # fmt: skip
