"""Opening and closing questions: the rows of the `exception` table, inside the caller's
transaction. A question is never a state of money; it says that somebody has to look.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select, update

from recond.exceptions import pending
from recond.exceptions.codes import CODES
from recond.exceptions.questions import exception_id
from recond.ledger import instant
from recond.store import past, schema
from recond.store.engine import insert_table

exception = schema.exception
CHUNK = 500  # parameters of one statement


@dataclass(frozen=True, slots=True)
class Question:
    """A question to be opened. `subject` is the id of what it is about (receipt, file, batch)."""

    code: str
    subject: str
    message: str
    amount_cents: int | None = None
    file_no: int | None = None
    batch_ord: int | None = None
    receipt_no: int | None = None
    account_key: int | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions are opened and resolved."""

    connection: Connection
    now: dt.datetime
    today: dt.date
    actor: str

    def open(self, questions: Sequence[Question]) -> int:
        """Open questions; one that is known already is opened again as its next version, one
        that is open stays as it is. Returns how many are new or open again."""
        fresh = {exception_id(q.code, q.subject): q for q in questions}
        known = self._known(list(fresh))
        again = [key for key, status in known.items() if status == "resolved"]
        rows = [self._row(key, q) for key, q in fresh.items() if key not in known]
        first = (self.connection.scalar(select(func.max(exception.c.exception_no))) or 0) + 1
        if rows:
            table = pa.Table.from_pylist(rows, schema=_ROWS)
            numbers = pa.array(range(first, first + len(rows)), pa.int64())
            insert_table(self.connection, exception, table.append_column("exception_no", numbers))
        for key in again:
            self._reopen(key, fresh[key])
        return len(rows) + len(again)

    def _known(self, keys: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            rows = self.connection.execute(
                select(exception.c.exception_id, exception.c.status).where(
                    exception.c.exception_id.in_(part)
                )
            )
            found.update({row.exception_id: row.status for row in rows})
        return found

    def _row(self, key: str, question: Question) -> dict[str, object]:
        code = CODES[question.code]
        return {
            "exception_id": key,
            "version": 1,
            "code": code.code,
            "scope": code.scope,
            "severity": code.severity,
            "amount_cents": question.amount_cents,
            "file_no": question.file_no,
            "batch_ord": question.batch_ord,
            "receipt_no": question.receipt_no,
            "account_key": question.account_key,
            "opened_at": instant(self.now),
            "opened_date": self.today.isoformat(),
            "status": "open",
            "message": question.message,
        }

    def _keep(self, which: ColumnElement[bool]) -> None:
        """Keep what is about to change, for the books of past days."""
        past.keep_questions(self.connection, which, self.today)

    def _reopen(self, key: str, question: Question) -> None:
        self._keep(exception.c.exception_id == key)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_id == key)
            .values(
                version=exception.c.version + 1,
                status="open",
                amount_cents=question.amount_cents,
                account_key=question.account_key,
                opened_at=instant(self.now),
                opened_date=self.today.isoformat(),
                resolved_at=None,
                resolved_date=None,
                resolved_by=None,
                resolution=None,
                hold_until=None,
                message=question.message,
            )
        )

    def reopen(self, exception_no: int, message: str) -> None:
        """Ask a resolved question again, as its next version."""
        self._keep(exception.c.exception_no == exception_no)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_no == exception_no)
            .values(
                version=exception.c.version + 1,
                status="open",
                opened_at=instant(self.now),
                opened_date=self.today.isoformat(),
                resolved_at=None,
                resolved_date=None,
                resolved_by=None,
                resolution=None,
                hold_until=None,
                message=message,
            )
        )

    def resolve(self, exception_nos: Iterable[int], resolution: str) -> int:
        """Close open questions by their numbers, with the reason; returns how many were open. What
        was asked for about one that waits for approval needs none any more."""
        statement = (
            update(exception)
            .where(exception.c.exception_no == bindparam("number"))
            .where(exception.c.status != "resolved")
            .values(
                status="resolved",
                version=exception.c.version + 1,
                resolved_at=instant(self.now),
                resolved_date=self.today.isoformat(),
                resolved_by=self.actor,
                resolution=resolution,
            )
        )
        chosen = list(exception_nos)
        for start in range(0, len(chosen), CHUNK):
            part = chosen[start : start + CHUNK]
            self._keep(exception.c.exception_no.in_(part) & (exception.c.status != "resolved"))
            moot = pending.of_questions(self.connection, part)
            if moot:
                now, day = instant(self.now), self.today.isoformat()
                pending.withdraw(self.connection, moot, self.actor, now, day, resolution)
        numbers = [{"number": number} for number in chosen]
        return self.connection.execute(statement, numbers).rowcount if numbers else 0

    def restate(self, exception_no: int, message: str, amount_cents: int | None) -> None:
        """Say an open question anew, as its next version: what it asks has changed."""
        self._keep(exception.c.exception_no == exception_no)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_no == exception_no)
            .values(message=message, amount_cents=amount_cents, version=exception.c.version + 1)
        )

    def set_status(self, exception_no: int, status: str) -> None:
        """Say who has an unresolved question: open (assigned where it is somebody's), or
        pending_approval."""
        self._keep(exception.c.exception_no == exception_no)
        owned = "assigned" if status == "open" else status
        shown = case((exception.c.assigned_to.is_not(None), owned), else_=status)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_no == exception_no, exception.c.status != "resolved")
            .values(status=shown, hold_until=None)
        )

    def assign(self, exception_no: int, person: str | None) -> None:
        """Say whose question it is, or nobody's; its version stays."""
        self._keep(exception.c.exception_no == exception_no)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_no == exception_no)
            .values(assigned_to=person)
        )
        self.connection.execute(
            update(exception)
            .where(
                exception.c.exception_no == exception_no,
                exception.c.status.in_(["open", "assigned"]),
            )
            .values(status="assigned" if person else "open")
        )

    def put_on_hold(self, exception_no: int, until: str | None) -> None:
        """Put a question on hold, for ever or until a day; its version stays."""
        self._keep(exception.c.exception_no == exception_no)
        self.connection.execute(
            update(exception)
            .where(exception.c.exception_no == exception_no, exception.c.status != "resolved")
            .values(status="on_hold", hold_until=until)
        )

    def wake(self) -> int:
        """Open the questions whose hold has ended, as their next version; returns how many."""
        over = exception.c.hold_until <= self.today.isoformat()
        which = (exception.c.status == "on_hold") & over
        self._keep(which)
        ended = update(exception).where(which)
        return self.connection.execute(
            ended.values(status="open", hold_until=None, version=exception.c.version + 1)
        ).rowcount

    def open_of_file(self, file_no: int, batch_ord: int | None = None) -> list[int]:
        """Numbers of the open questions about a file, or about one batch of it; questions about
        single receipts are not among them."""
        wanted = select(exception.c.exception_no).where(
            exception.c.file_no == file_no,
            exception.c.receipt_no.is_(None),
            exception.c.status != "resolved",
        )
        if batch_ord is not None:
            wanted = wanted.where(exception.c.batch_ord == batch_ord)
        return list(self.connection.scalars(wanted.order_by(exception.c.exception_no)))

    def open_of_receipts(self, receipt_nos: Sequence[int]) -> list[int]:
        """Numbers of the open questions about receipts."""
        numbers: list[int] = []
        for start in range(0, len(receipt_nos), CHUNK):
            part = list(receipt_nos[start : start + CHUNK])
            numbers.extend(
                self.connection.scalars(
                    select(exception.c.exception_no)
                    .where(exception.c.receipt_no.in_(part), exception.c.status != "resolved")
                    .order_by(exception.c.exception_no)
                )
            )
        return numbers


_ROWS = pa.schema(
    [
        pa.field(column.name, pa.int64() if column.type is schema.INT else pa.string())
        for column in exception.c
        if column.name in {
            "exception_id", "version", "code", "scope", "severity", "amount_cents", "file_no",
            "batch_ord", "receipt_no", "account_key", "opened_at", "opened_date", "status",
            "message",
        }
    ]
)  # fmt: skip


def open_count(connection: Connection) -> int:
    """How many questions wait for a person."""
    waiting = select(func.count()).select_from(exception).where(exception.c.status != "resolved")
    return int(connection.scalar(waiting) or 0)
