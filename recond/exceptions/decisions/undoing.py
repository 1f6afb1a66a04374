"""What undoing a decision does: what it did goes back by new entries, its question is asked again.

What one person could decide, one person can undo. What needed another person is undone only with
another person's word: two pairs of eyes are not undone by one. Every kind of decision has its
reversing one; what cannot be undone says what to do instead.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from recond import adjusting
from recond.exceptions.answers import Answer, decision_id
from recond.exceptions.decisions import bank_links
from recond.exceptions.decisions.case import (
    APPLIED,
    PENDING_APPROVAL,
    REQUESTS,
    Case,
    Effect,
    Plan,
    open_case,
    question_of,
    refuse,
)
from recond.exceptions.decisions.records import record
from recond.exceptions.decisions.writeoffs import booking
from recond.exceptions.desk import Question as Opening
from recond.ids import receipt_name
from recond.model import SUSPENSE
from recond.money import format_cents
from recond.pipeline import announced, deposits, moves, unlinking
from recond.pipeline.moves import Move
from recond.pipeline.run import Run
from recond.pipeline.takeback import CHANGE_OF_RETURNED
from recond.store import schema

made = schema.decision_made
INSTEAD = {
    "undo": "answer its question again instead",
    "deny": "ask for it again instead",
    "fee": "a fee that a person named is corrected in the general ledger",
}


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
    if action in INSTEAD:
        raise refuse(f"{identity} is no decision that is undone ({action}): {INSTEAD[action]}")
    if row is None or row.status != APPLIED:
        raise refuse(f"{identity} has no effect that could be undone")
    if connection.scalar(
        select(made.c.decision_no).where(
            made.c.answers_id == row.decision_id, made.c.action == "undo"
        )
    ):
        raise refuse(f"{identity} was undone before")
    return row, action


def plan_of(case: Case, row: Row[tuple[object, ...]], action: str) -> Plan:
    """What undoing does to the books. Raises RefusedAnswerError."""
    words = f"{row.decision_id} undone by {case.actor}: {case.answer.note}"
    back: list[Move] = []
    if row.placed_version is not None:
        moved = _moved(case.connection, row.receipt_no, row.placed_version)
        back = [_back(case.connection, *one, words) for one in moved]
    effects = _BESIDE.get(action, _nothing)(case, row, words)
    return Plan(
        words, row.amount_cents or 0, next(iter(back), None), row.account_key, effects=effects,
        along=tuple(back[1:]),
    )  # fmt: skip


def _moved(connection: Connection, number: int, version: int) -> list[tuple[int, int]]:
    """The receipt that a decision moved with the version that it made, and the cash that went off
    the items with it where it is a returned check."""
    decision = schema.decision.c
    rows = connection.execute(
        select(decision.receipt_no, decision.version).where(
            decision.entry_no == _entry_of(connection, number, version),
            decision.rule == CHANGE_OF_RETURNED,
            decision.receipt_no != number,
        )
    )
    return [(number, version), *((row.receipt_no, row.version) for row in rows)]


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
        keep_asked(done, plan.words)

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


def keep_asked(case: Case, words: str) -> None:
    """Money that is in suspense again is asked about, whatever became of its question."""
    number = case.question.receipt_no
    if number is None:
        return
    cents = moves.standing(case.connection, [number])[number].in_bucket(SUSPENSE)
    desk = replace(case.run, actor=case.actor).desk(case.connection)
    asked = [question_of(case.connection, one) for one in desk.open_of_receipts([number])]
    if cents <= 0 or any(question.code not in REQUESTS for question in asked):
        return
    told = f"{words}; {format_cents(cents)} wait in suspense"
    desk.open(
        [Opening("REVERSED", receipt_name(case.connection, number), told, cents,
                 file_no=number >> schema.ORDINAL_BITS, receipt_no=number)]
    )  # fmt: skip


# --- what decisions did beside moving a payment ---------------------------------------------------

Beside = Callable[[Case, Any, str], tuple[Effect, ...]]


def _nothing(_case: Case, _row: Any, _words: str) -> tuple[Effect, ...]:
    return ()


def _deposited_again(_case: Case, row: Any, _words: str) -> tuple[Effect, ...]:
    """A payment that was no duplicate, and one that was not voided, is in its deposit again."""
    number: int = row.receipt_no

    def note(case: Case, _identity: str) -> None:
        deposits.note(case.connection, deposits.of_receipts(case.connection, [number]))

    return (note,)


def _unbooked(case: Case, row: Any, words: str) -> tuple[Effect, ...]:
    """What a decision changed of what is owed changes back."""
    identity = row.answers_id or row.decision_id
    changes = adjusting.reversal(case.connection, identity)
    return (booking(changes, words),) if changes.num_rows else ()


def _untied(case: Case, row: Any, _words: str) -> tuple[Effect, ...]:
    """The returned item waits for its payment again, and its debit is not expected any more."""
    number: int = row.receipt_no
    entry_no = _entry_of(case.connection, number, row.placed_version)
    tied = announced.of_entry(case.connection, number, entry_no)
    if tied is not None and announced.is_met(case.connection, tied.deposit_no):
        raise refuse(
            "the bank's debit met it already; if it was another payment's, undo this when the bank"
            " brings the money again, or move the money with recond transfer"
        )

    def forget(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        version = moves.standing(done.connection, [number])[number].version
        made_no = _entry_of(done.connection, number, version)
        announced.forget(done.connection, run, number, entry_no, made_no)

    return (forget,)


def _unlinked(case: Case, row: Any, words: str) -> tuple[Effect, ...]:
    """What a link tied is free again."""
    asked = question_of(case.connection, row.exception_no)
    if row.placed_version is not None:
        voided = asked.code.startswith("VOID_")
        return (_deposited_again if voided else _untied)(case, row, words)
    target = _target(case.connection, row)
    if target == bank_links.FEE:
        raise refuse(f"{row.decision_id} cannot be undone here: {INSTEAD['fee']}")
    about = open_case(case.connection, case.run, asked, Answer("link", target), case.actor)
    pair = bank_links.pair_of(about, target)
    if pair is None or not unlinking.linked_cents(case.connection, *pair):
        raise refuse(f"{target} is linked to it no more")
    deposit_no, line_key = pair

    def unpair(done: Case, _identity: str) -> None:
        run = replace(done.run, actor=done.actor)
        unlinking.unpair(done.connection, run, deposit_no, line_key, words)

    return (unpair,)


def _target(connection: Connection, row: Any) -> str:
    """`to_account` of a decision, or of the request that it approved."""
    args = row.args
    if row.answers_id is not None:
        args = connection.scalar(select(made.c.args).where(made.c.decision_id == row.answers_id))
    return str(json.loads(args).get("to", ""))


_BESIDE: Mapping[str, Beside] = {
    "duplicate": _deposited_again,
    "write_off": _unbooked,
    "recover": _unbooked,
    "return_item": _untied,
    "link": _unlinked,
}


def _entry_of(connection: Connection, receipt_no: int, version: int) -> int:
    decision = schema.decision.c
    return int(
        connection.scalar(
            select(decision.entry_no).where(
                decision.receipt_no == receipt_no, decision.version == version
            )
        )
        or 0
    )


def _back(connection: Connection, number: int, version: int, words: str) -> Move:
    """The move that takes a receipt back to where it stood before a decision: refused unless it
    stands as that decision left it (what moved it since was undone)."""
    owner = moves.standing(connection, [number])[number]
    left, made_there = _left_by(connection, number, version)
    if Counter(_place(stand) for stand in owner.stands) != left:
        raise refuse("the payment was moved since; undo what moved it first")
    taken = []
    for stand in owner.stands:
        if made_there[_place(stand)]:
            made_there[_place(stand)] -= 1
            taken.append(stand)
    return Move(number, "undo", words, taken, unlinking.back_to(connection, number, version), None)


Place = tuple[int, int | None, int | None, int]


def _place(stand: Any) -> Place:
    return stand.bucket, stand.account_key, stand.item_key, stand.cents


def _left_by(
    connection: Connection, receipt_no: int, version: int
) -> tuple[Counter[Place], Counter[Place]]:
    """Where a receipt's cents stood after a version, and which of those places it made."""
    placement = schema.placement.c
    rows = connection.execute(
        select(schema.placement).where(
            placement.receipt_no == receipt_no, placement.version <= version
        )
    ).all()
    gone = {(row.reverses_version, row.reverses_line) for row in rows}
    standing = [
        row for row in rows if row.reverses_version is None and (row.version, row.line) not in gone
    ]
    return (
        Counter(_place(row) for row in standing),
        Counter(_place(row) for row in standing if row.version == version),
    )
