"""What undoing a decision does: the payment goes back to where it stood, its question is asked
again.

What one person could decide, one person can undo. What needed another person is undone only with
another person's word: two pairs of eyes are not undone by one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, Row, select

from recond.exceptions.answers import decision_id
from recond.exceptions.decisions.case import (
    APPLIED,
    PENDING_APPROVAL,
    REQUESTS,
    Case,
    Effect,
    Plan,
    question_of,
    refuse,
)
from recond.exceptions.decisions.records import record
from recond.pipeline import deposits, moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.store import schema

made = schema.decision_made
NEVER = frozenset({"undo", "deny", "link"})  # without an effect of their own, or not to be undone


def undoable(connection: Connection, identity: str) -> tuple[Row[tuple[object, ...]], str]:
    """The decision that has the effect, and what it did. What was asked for stands for its
    approval. Raises RefusedAnswerError."""
    row = connection.execute(select(made).where(made.c.decision_id == identity)).first()
    if row is None:
        raise refuse(f"there is no decision {identity}")
    action = str(row.action)
    if row.status == PENDING_APPROVAL:
        row = connection.execute(
            select(made).where(
                made.c.answers_id == identity, made.c.action == "approve", made.c.status == APPLIED
            )
        ).first()
    elif action == "approve":
        action = str(
            connection.scalar(select(made.c.action).where(made.c.decision_id == row.answers_id))
        )
    if row is None or row.status != APPLIED or action in NEVER:
        raise refuse(f"{identity} has no effect that could be undone")
    if row.amount_cents and row.placed_version is None:
        raise refuse(f"{identity} did more than move a payment; it cannot be undone here")
    if connection.scalar(
        select(made.c.decision_no).where(
            made.c.answers_id == row.decision_id, made.c.action == "undo"
        )
    ):
        raise refuse(f"{identity} was undone before")
    return row, action


def plan_of(case: Case, row: Row[tuple[object, ...]], action: str) -> Plan:
    """What undoing does to the money. Raises RefusedAnswerError."""
    words = f"{row.decision_id} undone by {case.actor}: {case.answer.note}"
    move = None if row.placed_version is None else _back(case.connection, row, words)
    effects = (_deposited_again(row.receipt_no),) if action == "duplicate" else ()
    return Plan(words, row.amount_cents or 0, move, row.account_key, effects=effects)


def plan_undo(case: Case) -> Plan:
    """Undo what needed another person: asked of another person itself (UNDO_REQUESTED)."""
    row, action = undoable(case.connection, case.answer.target)
    plan = plan_of(case, row, action)

    def note(done: Case, _identity: str) -> None:
        """Write down beside the undone decision that it is, and ask its question again."""
        question = question_of(done.connection, row.exception_no)
        args = {"of": row.decision_id}
        identity = decision_id(question.exception_id, question.version, "undo", args)
        about = replace(done, question=question)
        record(about, identity, APPLIED, Plan(plan.words), answers_id=row.decision_id, args=args)
        ask_again(
            replace(done.run, actor=done.actor), done.connection, row.exception_no, plan.words
        )

    return replace(plan, effects=(*plan.effects, note))


def ask_again(run: Run, connection: Connection, exception_no: int, words: str) -> None:
    """Ask the question of an undone decision again; what was only asked for is not."""
    question = question_of(connection, exception_no)
    if question.code in REQUESTS:
        return
    desk = run.desk(connection)
    if question.status != "resolved":
        desk.restate(exception_no, f"{words}. {question.message}", question.amount_cents)
        desk.set_status(exception_no, "open")
        return
    desk.reopen(exception_no, f"{words}. {question.message}")


def _deposited_again(receipt_no: int) -> Effect:
    """A payment that was no duplicate is in its deposit again."""

    def note(case: Case, _identity: str) -> None:
        deposits.note(case.connection, deposits.of_receipts(case.connection, [receipt_no]))

    return note


def _back(connection: Connection, row: Row[tuple[object, ...]], words: str) -> Move:
    """The move that takes a receipt back to where it stood before a decision."""
    number, version = row.receipt_no, row.placed_version
    owner = moves.standing(connection, [number])[number]
    if owner.version != version:
        raise refuse("the payment was moved since; undo what moved it first")
    taken = [stand for stand in owner.stands if stand.version == version]
    placement = schema.placement.c
    rows = connection.execute(
        select(schema.placement)
        .where(
            placement.receipt_no == number,
            placement.version == version,
            placement.reverses_version.is_not(None),
        )
        .order_by(placement.line)
    )
    placed = [
        Stand(row.bucket, -row.cents, row.account_key, row.item_key, row.charge_type, row.fund)
        for row in rows
    ]
    return Move(number, "undo", words, taken, placed, None)
