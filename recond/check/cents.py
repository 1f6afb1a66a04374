"""Invariants of cents: every one is in one place, with its decision and entry (I1, I3)."""

from __future__ import annotations

from sqlalchemy import and_, case, func, select

from recond.check.books import Books, Broken, keys_of_file
from recond.store import schema
from recond.store.sql import total

receipt, decision, placement = schema.receipt, schema.decision, schema.placement
entry, file = schema.entry, schema.file


def unplaced(books: Books) -> list[Broken]:
    """Receipts whose first version does not place their amount, or whose later ones move more
    or less than they take."""
    expected = case((decision.c.version == 1, receipt.c.amount_cents), else_=0)
    placed = (
        select(total(placement.c.cents))
        .where(
            placement.c.receipt_no == decision.c.receipt_no,
            placement.c.version == decision.c.version,
        )
        .scalar_subquery()
    )
    return books.rows(
        select(
            decision.c.receipt_no,
            decision.c.version,
            receipt.c.amount_cents,
            placed.label("placed"),
        )
        .join(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(placed != expected)
    )


def orphans(books: Books) -> list[Broken]:
    """Placements without their decision, decisions without their receipt or entry."""
    lost = (
        select(placement.c.receipt_no, placement.c.version)
        .outerjoin(
            decision,
            and_(
                decision.c.receipt_no == placement.c.receipt_no,
                decision.c.version == placement.c.version,
            ),
        )
        .where(decision.c.receipt_no.is_(None))
    )
    without = (
        select(decision.c.receipt_no, decision.c.version)
        .outerjoin(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .outerjoin(entry, entry.c.entry_no == decision.c.entry_no)
        .where(receipt.c.receipt_no.is_(None) | entry.c.entry_no.is_(None))
    )
    return books.rows(lost) + books.rows(without)


def undecided(books: Books) -> list[Broken]:
    """Receipts of accepted files and batches that are neither placed nor waiting for a reason."""
    reason = (
        select(schema.exception.c.receipt_no)
        .where(schema.exception.c.receipt_no == receipt.c.receipt_no)
        .exists()
    )
    later = (
        select(schema.future_receipt.c.receipt_no)
        .where(schema.future_receipt.c.receipt_no == receipt.c.receipt_no)
        .exists()
    )
    held_batch = (
        select(schema.batch.c.file_no)
        .where(
            schema.batch.c.file_no == file.c.file_no,
            schema.batch.c.batch_ord == receipt.c.batch_ord,
            schema.batch.c.state != "accepted",
        )
        .exists()
    )
    return books.rows(
        select(receipt.c.receipt_no, file.c.file_id, receipt.c.line)
        .join(file, receipt.c.receipt_no.between(*keys_of_file()))
        .outerjoin(decision, decision.c.receipt_no == receipt.c.receipt_no)
        .where(
            decision.c.receipt_no.is_(None),
            file.c.state.in_(["accepted", "partly_held"]),
            ~reason,
            ~later,
            ~held_batch,
        )
    )


def broken_versions(books: Books) -> list[Broken]:
    """Receipts whose versions are not 1, 2, 3 …"""
    return books.rows(
        select(
            decision.c.receipt_no,
            func.count().label("versions"),
            func.max(decision.c.version).label("last"),
        )
        .group_by(decision.c.receipt_no)
        .having(func.count() != func.max(decision.c.version))
    )
