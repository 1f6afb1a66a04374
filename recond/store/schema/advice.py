"""What payers say of payments that the bank brings (X12 820): advice, never money."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy import text as sql

from recond.store.schema.base import INT, cents, keyed_only, place, text

advice = keyed_only(
    "advice",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    Column("batch_ord", INT, nullable=False),
    text("handling"),
    text("method"),
    cents("amount_cents"),
    text("trace_number"),
    text("trace_key"),  # the trace number without leading zeros, in upper case
    text("payer_name"),
    text("effective_date"),
    Column("netted", INT, nullable=False),
    Column("lines", INT, nullable=False),
    text("state", nullable=False),  # waiting, held, rejected, attached
    Column("receipt_no", INT),  # the receipt that it explains
    PrimaryKeyConstraint("file_no", "ordinal"),
)

Index(
    "ix_advice_trace_key",
    advice.c.trace_key,
    advice.c.amount_cents,
    sqlite_where=sql("receipt_no IS NULL"),
    postgresql_where=sql("receipt_no IS NULL"),
)

advice_line = keyed_only(
    "advice_line",
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),
    Column("sequence", INT, nullable=False),
    *place(),
    text("qualifier"),
    text("reference"),
    cents("amount_cents", nullable=True),
    cents("adjusted_cents"),
    PrimaryKeyConstraint("file_no", "ordinal", "sequence"),
)
