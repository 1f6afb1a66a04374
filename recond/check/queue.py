"""Invariants of decisions, write-offs and work lists (see `check`)."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from recond import intake
from recond.adjusting import FORGIVEN
from recond.check.books import Books, Broken
from recond.exceptions.decisions.approvals import open_request
from recond.store import schema
from recond.store.sql import total

made, exception, decision = schema.decision_made, schema.exception, schema.decision
line, adjustment = schema.journal_line, schema.adjustment


def written_off_differs(books: Books) -> list[Broken]:
    """The allowance in the journal is not what is written off, or more of an item was recovered
    than was written off."""
    entries, accounts = select(adjustment.c.entry_no), select(adjustment.c.gl_account)
    journal = books.number(
        select(total(line.c.debit_cents) - total(line.c.credit_cents)).where(
            line.c.entry_no.in_(entries), line.c.gl_account.in_(accounts)
        )
    )
    rows = books.number(select(-total(adjustment.c.cents)))
    beyond = (
        select(adjustment.c.item_key, total(adjustment.c.cents).label("beyond"))
        .where(adjustment.c.kind.in_(FORGIVEN))
        .group_by(adjustment.c.item_key)
        .having(func.sum(adjustment.c.cents) > 0)
    )
    differs = [] if journal == rows else [{"journal": journal, "written_off": rows}]
    return differs + books.rows(beyond)


def effects_differ(books: Books) -> list[Broken]:
    """Questions that were answered twice at one version, and decisions that moved a payment
    without the version that they name."""
    twice = (
        select(made.c.exception_no, made.c.version, func.count().label("effects"))
        .where(made.c.status == "APPLIED", made.c.action.not_in(["hold", "undo"]))
        .group_by(made.c.exception_no, made.c.version)
        .having(func.count() > 1)
    )
    lost = (
        select(made.c.decision_id, made.c.receipt_no, made.c.placed_version)
        .outerjoin(
            decision,
            (decision.c.receipt_no == made.c.receipt_no)
            & (decision.c.version == made.c.placed_version),
        )
        .where(made.c.placed_version.is_not(None), decision.c.receipt_no.is_(None))
    )
    return books.rows(twice) + books.rows(lost)


def unasked_approvals(books: Books) -> list[Broken]:
    """Questions that wait for approval without anything that was asked for, or the reverse."""
    requested = select(made.c.exception_no).where(made.c.status == "PENDING_APPROVAL")
    rows = books.connection.execute(
        select(exception.c.exception_no, exception.c.exception_id, exception.c.status)
        .where(
            or_(
                exception.c.status == "pending_approval",
                exception.c.exception_no.in_(requested),
            )
        )
        .order_by(exception.c.exception_no)
    ).all()
    return [
        {"exception_id": row.exception_id, "status": row.status}
        for row in rows
        if (open_request(books.connection, row.exception_no) is None)
        == (row.status == "pending_approval")
    ]


def missing_lists(books: Books) -> list[Broken]:
    """Work lists that came back and are not in the archive under their SHA-256."""
    work = schema.work_file.c
    rows = books.connection.execute(
        select(work.name, work.sha256, work.size).order_by(work.work_no)
    )
    broken: list[Broken] = []
    for row in rows:
        path = intake.archived(books.home.path, row.sha256)
        if not path.is_file() or path.stat().st_size != row.size:
            broken.append({"name": row.name, "sha256": row.sha256, "found": "missing or cut"})
        elif books.read_archive and intake.hash_of(path) != row.sha256:
            broken.append({"name": row.name, "sha256": row.sha256, "found": "other bytes"})
    return broken
