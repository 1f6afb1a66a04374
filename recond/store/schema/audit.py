"""The tamper-evident log."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from recond.store.schema.base import INT, metadata, text

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
