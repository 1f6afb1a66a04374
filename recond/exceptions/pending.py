"""What was asked for and waits for another person: found, and withdrawn when there is nothing left
to decide because its question was answered by what happened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select

from recond.exceptions.answers import decision_id
from recond.store import schema

made, exception = schema.decision_made, schema.exception
ENDED = ("approve", "deny", "withdraw")


def requests() -> Select[Any]:
    """Decisions that ask another person and that nobody has answered."""
    answering = made.alias()
    ended = (
        select(answering.c.decision_no)
        .where(
            answering.c.answers_id == made.c.decision_id,
            answering.c.action.in_(ENDED),
            answering.c.status == "APPLIED",
        )
        .exists()
    )
    return select(made).where(
        made.c.status == "PENDING_APPROVAL", made.c.answers_id.is_(None), ~ended
    )


def of_questions(connection: Connection, exception_nos: Sequence[int]) -> list[Row[Any]]:
    """The open requests of questions that wait for approval, with `exception_id`."""
    waiting = (
        requests()
        .add_columns(exception.c.exception_id)
        .join(exception, exception.c.exception_no == made.c.exception_no)
        .where(exception.c.status == "pending_approval", made.c.exception_no.in_(exception_nos))
        .order_by(made.c.decision_no)
    )
    return list(connection.execute(waiting))


def withdraw(
    connection: Connection, found: Sequence[Row[Any]], actor: str, now: str, today: str, words: str
) -> None:
    """Write down that requests need no approval any more, and why."""
    last = connection.scalar(select(func.max(made.c.decision_no))) or 0
    for number, row in enumerate(found, last + 1):  # requests: a handful
        args = {"of": row.decision_id}
        told = {
            "decision_no": number,
            "decision_id": decision_id(row.exception_id, row.version, "withdraw", args),
            "exception_no": row.exception_no, "version": row.version, "action": "withdraw",
            "args": json.dumps(args), "note": words, "receipt_no": row.receipt_no,
            "account_key": row.account_key, "amount_cents": 0, "decided_by": actor,
            "decided_at": now, "decided_date": today, "status": "APPLIED", "approvals": 0,
            "answers_id": row.decision_id, "result": f"{row.action} is not needed: {words}",
        }  # fmt: skip
        connection.execute(insert(made).values(told))
