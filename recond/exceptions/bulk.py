"""One answer to all questions of one reason, with their total shown before anything is decided.

The rows are those that `queue export` would write with the same filters, and each is decided by
itself in its own transaction: what one refuses leaves the others as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import Connection, and_

from recond.errors import RefusedError, UsageError
from recond.exceptions.answers import Answer, AnswerError, read_answer
from recond.exceptions.decisions.deciding import Verdict, decide
from recond.exceptions.queue import UNRESOLVED, Asked, Filters, asked_questions
from recond.money import format_cents
from recond.pipeline.run import Run
from recond.store import schema

# What is said of one question at a time: each has its own amounts or its own counterpart.
SINGLY = frozenset({"split", "link", "approve", "deny"})


def chosen(connection: Connection, key: bytes, filters: Filters, today: dt.date) -> list[Asked]:
    """The questions of one reason that wait, in order; what waits for approval is not among
    them."""
    asked = schema.exception.c
    wanted = and_(asked.status.in_(UNRESOLVED), asked.code == filters.code)
    found = asked_questions(connection, key, wanted)
    return [
        asked
        for asked in found
        if asked.question.status != "pending_approval" and filters.keep(asked, today)
    ]


def total_cents(rows: Sequence[Asked]) -> int:
    """What the questions are about, together."""
    return sum(asked.question.amount_cents or 0 for asked in rows)


def answer_of(action: str, to: str, note: str) -> Answer:
    """The answer that all rows get. Raises UsageError."""
    try:
        answer = read_answer({"action": action, "to_account": to, "note": note})
    except AnswerError as error:
        raise UsageError(str(error)) from error
    if not answer.action or answer.action in SINGLY:
        raise UsageError(f"{action or 'nothing'} is answered one by one, on a work list")
    return answer


def answer_all(
    run: Run, rows: Sequence[Asked], answer: Answer, total: int
) -> list[tuple[Asked, Verdict]]:
    """Give the answer to each row, as `run.actor`; what became of each. Raises RefusedError when
    `total` is not what the rows are about: something changed since the person looked."""
    if total != total_cents(rows):
        raise RefusedError(
            f"the {len(rows)} questions are about {format_cents(total_cents(rows))}, not"
            f" {format_cents(total)}; look at them again"
        )
    done = []
    for asked in rows:
        with run.store.write() as connection:
            verdict = decide(connection, run, asked.question, answer, asked.suggested)
        done.append((asked, verdict))
    return done
