"""What stands in the way of closing a month (contract section 3, `close`), and who can clear it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, cast, func, or_, select

from recond.check import INVARIANTS, Books
from recond.model import SUSPENSE
from recond.money import format_cents
from recond.periods import last_day
from recond.pipeline.expected import RECEIVED, WAIVED, days
from recond.pipeline.handover import unanswered
from recond.pipeline.run import Run
from recond.store import schema

question, file, entry = schema.exception, schema.file, schema.entry
decision, placement = schema.decision, schema.placement

# Invariants about bytes and arrivals are `check`'s; a month closes on its books.
BOOKS = ("I1.", "I2.", "I8.")


@dataclass(frozen=True, slots=True)
class Gate:
    """One line of the checklist: what is looked at, how many stand in the way, what they are,
    who clears them, and their cents."""

    name: str
    says: str
    clears: str
    found: tuple[str, ...] = ()
    cents: int | None = None

    @property
    def blocks(self) -> bool:
        """Whether the month cannot be closed."""
        return bool(self.found)


def checklist(connection: Connection, run: Run, month: str, *, past: bool = False) -> list[Gate]:
    """Every gate, in the order in which a person works through them. `past`: the books are shown
    as they were on a past day, and only those of today can be proved."""
    gates: list[Callable[[Connection, Run, str], Gate]] = [
        _files, _expected, _questions, _suspense, _approvals, _acknowledgements,
    ]  # fmt: skip
    told = [gate(connection, run, month) for gate in gates]
    return [*told, Gate("books", *_BOOKS) if past else _books(connection, run)]


def people(run: Run, role: str) -> str:
    """Who has a role, as a person reads it: everybody, or by name."""
    named = getattr(run.home.settings.roles, role)
    return f"any {role}" if "*" in named else f"a {role} ({', '.join(named)})"


def _until(month: str) -> str:
    return last_day(month).isoformat()


def _files(connection: Connection, run: Run, month: str) -> Gate:
    rows = connection.execute(
        select(file.c.file_id, file.c.name, file.c.state)
        .where(file.c.state.in_(["held", "partly_held"]), file.c.business_date <= _until(month))
        .order_by(file.c.file_no)
    )
    found = tuple(f"{row.file_id} {row.name} is {row.state}" for row in rows)
    says = "no file or batch that arrived up to the month's end is held"
    clears = f"{people(run, 'clerk')}: files accept, files reject"
    return Gate("files", says, clears, found)


def _expected(connection: Connection, run: Run, month: str) -> Gate:
    due = days(connection, run, last_day(month))
    found = tuple(one.words for one in due if one.state not in {RECEIVED, WAIVED})
    says = "every file that [[expect]] names came for every day up to the month's end"
    clears = f"whoever sends it, or {people(run, 'clerk')}: acknowledge with a reason"
    return Gate("expected files", says, clears, found)


def _of_month(month: str) -> ColumnElement[bool]:
    """SQL: a question was asked by the month's end, or its money is dated there."""
    dated = (
        select(decision.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(
            decision.c.receipt_no == question.c.receipt_no,
            decision.c.version == 1,
            entry.c.period <= month,
        )
        .exists()
    )
    return or_(question.c.opened_date <= _until(month), dated)


def _asked(month: str, *status: str) -> Select[tuple[str, str, str]]:
    return (
        select(question.c.exception_id, question.c.code, question.c.message)
        .where(question.c.status.in_(status), _of_month(month))
        .order_by(question.c.exception_no)
    )


def _questions(connection: Connection, run: Run, month: str) -> Gate:
    rows = connection.execute(_asked(month, "open", "assigned", "on_hold"))
    found = tuple(f"{row.exception_id} {row.code}: {row.message}" for row in rows)
    says = "no question about the month is open or on hold"
    return Gate("questions", says, f"{people(run, 'clerk')}: queue list", found)


def _approvals(connection: Connection, run: Run, month: str) -> Gate:
    rows = connection.execute(_asked(month, "pending_approval"))
    found = tuple(f"{row.exception_id} {row.code}: {row.message}" for row in rows)
    says = "no decision waits for a second person"
    clears = f"{people(run, 'approver')}, never who asked: queue approve"
    return Gate("approvals", says, clears, found)


def _suspense(connection: Connection, run: Run, month: str) -> Gate:
    cents = cast(func.sum(placement.c.cents), schema.INT)
    same = and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )
    rows = connection.execute(
        select(placement.c.receipt_no, cents.label("cents"))
        .join(decision, same)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == SUSPENSE, entry.c.period <= month)
        .group_by(placement.c.receipt_no)
        .having(func.sum(placement.c.cents) != 0)
        .order_by(placement.c.receipt_no)
    ).all()
    total = sum(row.cents for row in rows)
    found = (f"{len(rows)} receipts hold {format_cents(total)}",) if rows else ()
    says = "no money of the month stands in suspense"
    return Gate("suspense", says, f"{people(run, 'clerk')}: queue list", found, total)


def _acknowledgements(connection: Connection, run: Run, month: str) -> Gate:
    says = "every posting file written up to the month's end is answered"
    waiting = []
    if run.home.settings.acknowledgements != "none":
        waiting = [one for one in unanswered(connection) if one.business_date <= _until(month)]
    found = tuple(
        f"{one.file_id} of {one.business_date}: {one.rows - one.settled} of {one.rows} postings"
        for one in waiting
    )
    return Gate("acknowledgements", says, "whoever runs the billing system", found)


def _books(connection: Connection, run: Run) -> Gate:
    books = Books(connection, run.home, run.chart)
    found = tuple(
        f"{one.name}: {one.says}: {rows[0]}"
        for one in INVARIANTS
        if one.name.startswith(BOOKS) and (rows := one.broken(books))
    )
    return Gate("books", *_BOOKS, found)


_BOOKS = ("journal and sub-ledger agree in every fund", "whoever looks after recond: check")
