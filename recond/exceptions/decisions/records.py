"""Decisions as they are written down: rows that are never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import func, insert, select

from recond.exceptions.decisions.case import Case, Plan
from recond.ledger import instant
from recond.store import schema

made = schema.decision_made


def record(
    case: Case,
    identity: str,
    status: str,
    plan: Plan,
    *,
    needed: int = 0,
    placed_version: int | None = None,
    answers_id: str | None = None,
    args: Mapping[str, object] | None = None,
) -> None:
    """Write a decision down: a row that is never changed."""
    connection, run, question = case.connection, case.run, case.question
    last = connection.scalar(select(func.max(made.c.decision_no))) or 0
    moved = plan.moved if plan.move is None else plan.move.receipt_no
    connection.execute(
        insert(made).values(
            decision_no=last + 1,
            decision_id=identity,
            exception_no=question.exception_no,
            version=question.version,
            action=case.answer.action,
            args=json.dumps(case.answer.args() if args is None else args, sort_keys=True),
            note=case.answer.note,
            receipt_no=question.receipt_no if moved is None else moved,
            account_key=plan.account_key,
            placed_version=placed_version,
            amount_cents=plan.cents,
            decided_by=case.actor,
            decided_at=instant(run.clock()),
            decided_date=run.today.isoformat(),
            status=status,
            approvals=needed,
            answers_id=answers_id,
            result=plan.words,
        )
    )
