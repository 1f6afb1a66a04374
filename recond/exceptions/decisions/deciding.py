"""One answer to one question, inside the caller's transaction: planned, allowed, carried out or
asked of another person, and written down.

A decision is a row that is never changed. What needs another person is written as
PENDING_APPROVAL and moves nothing; the approval is a row of its own, and only with the last one
needed the answer is planned again, on the books as they stand then, and carried out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, select, update

from recond.errors import InvariantError, PeriodClosedError
from recond.exceptions.answers import Answer, Part, decision_id
from recond.exceptions.decisions import approvals
from recond.exceptions.decisions.actions import plan as planned
from recond.exceptions.decisions.case import (
    ALREADY_DONE,
    APPLIED,
    PENDING_APPROVAL,
    PERIOD_CLOSED,
    REQUESTS,
    STALE,
    Case,
    Plan,
    Question,
    RefusedAnswerError,
    open_case,
    question_of,
    refuse,
)
from recond.exceptions.decisions.placing import live_cents
from recond.exceptions.decisions.records import record
from recond.exceptions.pending import ENDED
from recond.money import format_cents
from recond.pipeline import moves
from recond.pipeline.run import Run
from recond.store import schema

made, exception = schema.decision_made, schema.exception
ANSWERS = ("approve", "deny")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one answer: a row status of the contract, a sentence, the decision."""

    status: str
    message: str
    decision_id: str | None = None


def decide(
    connection: Connection,
    run: Run,
    question: Question,
    answer: Answer,
    suggested: tuple[str, ...] = (),
) -> Verdict:
    """Give one answer to a question, at the version that the clerk saw, as `run.actor`.

    Never raises for what a clerk can do wrong: the verdict says it. The caller's transaction
    holds all of it or nothing.
    """
    identity = decision_id(question.exception_id, question.version, answer.action, answer.args())
    before = known(connection, identity)
    if before is not None:
        return before
    now = question_of(connection, question.exception_no)
    if now.version != question.version or not _locked(connection, now):
        return Verdict(STALE, stale_words(now))
    case = open_case(connection, run, now, answer, run.actor, suggested)
    try:
        with connection.begin_nested():
            return _decided(case, identity)
    except RefusedAnswerError as refusal:
        return Verdict(refusal.status, refusal.sentence)


def _decided(case: Case, identity: str) -> Verdict:
    if case.answer.action in ANSWERS:
        return _answered(case, identity)
    if case.question.status == "pending_approval":
        raise refuse("it waits for approval; only approve or deny answers it")
    approvals.may_answer(case)
    plan = planned(case)
    needed = approvals.approvals_needed(case, plan)
    if needed:
        return _asked(case, plan, identity, needed)
    return _done(case, plan, identity)


def known(connection: Connection, identity: str) -> Verdict | None:
    """What became of this very decision before, None when it is new."""
    row = connection.execute(select(made).where(made.c.decision_id == identity)).first()
    if row is None:
        return None
    told = f"{row.decided_by} at {row.decided_at}: {row.result}"
    if row.status == PENDING_APPROVAL and row.answers_id is None:
        ended = connection.execute(
            select(made).where(
                made.c.answers_id == identity,
                made.c.action.in_(ENDED),
                made.c.status == APPLIED,
            )
        ).first()
        if ended is None:
            return Verdict(PENDING_APPROVAL, f"waits for approval since {told}", identity)
        word = {"approve": "approved", "deny": "denied"}.get(ended.action, "withdrawn")
        return Verdict(ALREADY_DONE, f"{word} by {ended.decided_by}: {ended.result}", identity)
    return Verdict(ALREADY_DONE, f"done before by {told}", identity)


def stale_words(now: Question) -> str:
    """What changed since the clerk's list was written, and by whom."""
    if now.status == "resolved":
        return f"answered meanwhile by {now.resolved_by} at {now.resolved_at}: {now.resolution}"
    if now.status == "pending_approval":
        return "answered meanwhile; that answer waits for approval"
    return f"it changed meanwhile, now: {now.message}; take a new work list"


def _locked(connection: Connection, question: Question) -> bool:
    """Keep others from the question until the transaction ends; False when they were first."""
    done = connection.execute(
        update(exception)
        .where(
            exception.c.exception_no == question.exception_no,
            exception.c.version == question.version,
            exception.c.status != "resolved",
        )
        .values(version=question.version)
    )
    return done.rowcount == 1


# --- carrying out ---------------------------------------------------------------------------------


def _done(
    case: Case, plan: Plan, identity: str, args: Mapping[str, object] | None = None
) -> Verdict:
    """Carry a plan out and write the decision down."""
    version = carry_out(case, plan, identity)
    record(case, identity, APPLIED, plan, placed_version=version, args=args)
    _close(case, plan)
    return Verdict(APPLIED, plan.words, identity)


def carry_out(case: Case, plan: Plan, identity: str) -> int | None:
    """Move what a plan moves; the receipt's new version, None where nothing moved."""
    moved = plan.moved if plan.move is None else plan.move.receipt_no
    try:
        if plan.move is not None:
            run = replace(case.run, actor=case.actor)
            every = [plan.move, *plan.along]
            moves.write(case.connection, run, every, case.answer.action, plan.words)
        for effect in plan.effects:
            effect(case, identity)
    except PeriodClosedError as error:
        raise RefusedAnswerError(PERIOD_CLOSED, str(error)) from None
    except InvariantError as error:
        raise refuse(f"the books do not allow it: {error}") from None
    return None if moved is None else moves.standing(case.connection, [moved])[moved].version


def _close(case: Case, plan: Plan) -> None:
    """What becomes of the question, and of others about a payment that is gone."""
    number = case.question.exception_no
    desk = replace(case.run, actor=case.actor).desk(case.connection)
    words = f"{case.answer.action}: {plan.words}" + (
        f" ({case.answer.note})" if case.answer.note else ""
    )
    if plan.status == "on_hold":
        until = case.answer.until.isoformat() if case.answer.until else None
        desk.put_on_hold(number, until)
        return
    if plan.left:
        desk.restate(
            number, f"{words}; {format_cents(plan.left)} still wait: {case.question.message}",
            plan.left,
        )  # fmt: skip
        desk.set_status(number, "open")
        return
    desk.resolve([number, *plan.resolved], words)
    if plan.move is not None:
        owner = moves.standing(case.connection, [plan.move.receipt_no])[plan.move.receipt_no]
        if live_cents(owner) == 0:
            desk.resolve(desk.open_of_receipts([owner.receipt_no]), words)


# --- two pairs of eyes ----------------------------------------------------------------------------


def _asked(case: Case, plan: Plan, identity: str, needed: int) -> Verdict:
    """Write the answer down as a request; nothing moves until others agree."""
    args = dict(case.answer.args())
    if case.suggested:
        args["suggested"] = list(case.suggested)
    record(case, identity, PENDING_APPROVAL, plan, needed=needed, args=args)
    desk = replace(case.run, actor=case.actor).desk(case.connection)
    words = (
        f"{case.actor} asks for {case.answer.action}: {plan.words}"
        + (f" ({case.answer.note})" if case.answer.note else "")
        + f". {case.question.message}"
    )
    desk.restate(case.question.exception_no, words, case.question.amount_cents)
    desk.set_status(case.question.exception_no, "pending_approval")
    people = "another person has" if needed == 1 else f"{needed} other people have"
    return Verdict(PENDING_APPROVAL, f"{plan.words}; {people} to approve it", identity)


def _answered(case: Case, identity: str) -> Verdict:
    """Approve or deny what somebody else asked for."""
    wanted = approvals.open_request(case.connection, case.question.exception_no)
    if wanted is None:
        raise refuse("nothing waits for approval here")
    request = case.connection.execute(select(made).where(made.c.decision_id == wanted)).one()
    earlier = list(
        case.connection.scalars(
            select(made.c.decided_by).where(made.c.answers_id == wanted, made.c.action == "approve")
        )
    )
    approvals.may_approve(case, [request.decided_by, *earlier])
    if case.answer.action == "deny":
        return _denied(case, identity, request)
    if len(earlier) + 1 < request.approvals:
        words = f"approved by {case.actor}; one more person has to approve it"
        record(case, identity, PENDING_APPROVAL, Plan(words), answers_id=wanted)
        desk = case.run.desk(case.connection)
        desk.restate(
            case.question.exception_no, f"{words}. {case.question.message}",
            case.question.amount_cents,
        )  # fmt: skip
        return Verdict(PENDING_APPROVAL, words, identity)
    return _approved(case, identity, request)


def _approved(case: Case, identity: str, request: Row[tuple[object, ...]]) -> Verdict:
    """Plan the request again on today's books and carry it out."""
    answer, suggested = stored_answer(request)
    asked = replace(case, answer=answer, actor=request.decided_by, suggested=suggested)
    plan = planned(asked)
    approvals.not_own(case, plan)
    # it waits for nobody any more: what it does may close its question itself
    case.run.desk(case.connection).set_status(case.question.exception_no, "open")
    version = carry_out(asked, plan, request.decision_id)
    words = f"{plan.words}; approved by {case.actor}"
    record(
        case, identity, APPLIED, replace(plan, words=words), placed_version=version,
        answers_id=request.decision_id,
    )  # fmt: skip
    _close(replace(asked, actor=case.actor), replace(plan, words=words))
    return Verdict(APPLIED, words, identity)


def _denied(case: Case, identity: str, request: Row[tuple[object, ...]]) -> Verdict:
    words = f"{request.action} denied by {case.actor}: {case.answer.note}"
    if not case.answer.note:
        raise refuse("deny needs a note that says why")
    record(case, identity, APPLIED, Plan(words), answers_id=request.decision_id)
    desk = case.run.desk(case.connection)
    number = case.question.exception_no
    desk.restate(number, f"{words}. {case.question.message}", case.question.amount_cents)
    desk.set_status(number, "open")
    if case.question.code in REQUESTS:  # nothing is left to ask
        desk.resolve([number], words)
    return Verdict(APPLIED, words, identity)


def stored_answer(row: Row[tuple[object, ...]]) -> tuple[Answer, tuple[str, ...]]:
    """The answer of a stored decision, and the suggestions as its clerk saw them."""
    args = json.loads(row.args)
    parts = tuple(Part(target, cents) for target, cents in args.get("parts", ()))
    answer = Answer(row.action, args.get("to", ""), args.get("cents"), row.note, parts)
    return answer, tuple(args.get("suggested", ()))
