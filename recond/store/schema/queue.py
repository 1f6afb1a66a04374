"""Questions for clerks."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table
from sqlalchemy import text as sql

from recond.store.schema.base import INT, TEXT, cents, metadata, text

# Questions for clerks. A question is not money: its status changes.
exception = Table(
    "exception",
    metadata,
    Column("exception_no", INT, primary_key=True, autoincrement=False),
    Column("exception_id", TEXT, nullable=False, unique=True),
    Column("version", INT, nullable=False),
    text("code", nullable=False),
    text("scope", nullable=False),
    text("severity", nullable=False),
    cents("amount_cents", nullable=True),
    Column("file_no", INT),
    Column("batch_ord", INT),
    Column("receipt_no", INT),
    Column("account_key", INT),
    text("opened_at", nullable=False),
    text("opened_date", nullable=False),
    text("status", nullable=False),  # open, assigned, on_hold, pending_approval, resolved
    text("resolved_at"),
    text("resolved_date"),
    text("resolved_by"),
    text("resolution"),
    text("message", nullable=False),
    Index("ix_exception_receipt_no", "receipt_no"),
    Index("ix_exception_open", "code", sqlite_where=sql("status <> 'resolved'"),
          postgresql_where=sql("status <> 'resolved'")),
    sqlite_strict=True,
)  # fmt: skip
