"""What recond itself asks people for, where an office wants it (`queue.draft_refunds`).

Money for a closed account that owes nothing is the payer's (domain example E14). The draft is a
request like any other: it moves nothing, and a person has to approve it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from recond.exceptions.answers import Answer
from recond.exceptions.decisions.case import AUTOMATIC, DRAFTED, PENDING_APPROVAL, question_of
from recond.exceptions.decisions.deciding import decide
from recond.pipeline.run import Run
from recond.store import schema

exception, made = schema.exception, schema.decision_made


def draft_refunds(connection: Connection, run: Run) -> int:
    """Ask for the refund of what closed accounts have on account; how many are new.

    One draft a question: what was denied or withdrawn is not drafted again. What the office's
    limits refuse (too small, a check that is too young) is tried again with the next pass.
    """
    if not run.home.settings.queue.draft_refunds:
        return 0
    before = (
        select(made.c.decision_no)
        .where(made.c.exception_no == exception.c.exception_no, made.c.action == "refund")
        .exists()
    )
    waiting = connection.scalars(
        select(exception.c.exception_no)
        .where(exception.c.code == DRAFTED, exception.c.status == "open", ~before)
        .order_by(exception.c.exception_no)
    ).all()
    asking = replace(run, actor=AUTOMATIC)
    answer = Answer("refund", note="drafted: the account is closed")
    verdicts = [
        decide(connection, asking, question_of(connection, number), answer) for number in waiting
    ]
    return sum(verdict.status == PENDING_APPROVAL for verdict in verdicts)
