"""The tamper-evident log, and the audits of registers that were done. Added to, never changed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table

from recond.store.schema.base import INT, keyed_only, metadata, text

# One event a change; its hash covers the event before it.
audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", INT, primary_key=True, autoincrement=False),
    text("kind", nullable=False),
    Column("object_no", INT, nullable=False),
    text("digest", nullable=False),  # of the object's rows
    text("previous", nullable=False),
    text("hash", nullable=False),
    Index("ix_audit_event_object", "kind", "object_no"),
    sqlite_strict=True,
)

# A register audit that was done: of which days, by whom, and what it found. The report is in the
# archive under its hash.
register_audit = keyed_only(
    "register_audit",
    Column("audit_no", INT, primary_key=True, autoincrement=False),
    text("kind", nullable=False),
    text("first_date", nullable=False),
    text("last_date", nullable=False),
    text("business_date", nullable=False),
    text("done_by", nullable=False),
    text("done_at", nullable=False),
    Column("looked", INT, nullable=False),
    Column("found", INT, nullable=False),
    text("note"),
    text("sha256", nullable=False),
    CheckConstraint("kind IN ('weekly', 'monthly', 'yearly')", name="kind"),
    CheckConstraint("found = 0 OR note IS NOT NULL", name="findings_have_words"),
)
