"""Receipts, where their cents stand, and the journal: added to, never changed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql

from recond.store.schema.base import INT, TEXT, cents, keyed_only, metadata, place, text

receipt = Table(
    "receipt",
    metadata,
    Column("receipt_no", INT, primary_key=True, autoincrement=False),
    *place(),
    Column("batch_ord", INT, nullable=False),
    text("batch"),
    text("sequence"),
    text("channel", nullable=False),
    text("tender", nullable=False),
    cents("amount_cents"),
    text("received_date", nullable=False),
    text("deposit_date"),
    text("account_on_item"),
    text("reference"),
    text("check_number"),
    text("trace_number"),
    text("payer_name"),
    Column("payer_key", INT),  # keyed 64-bit hash of routing and account; never the number
    Column("repeat_key", INT),  # hash of payer, amount and check or trace number
    text("drawer"),
    text("taken_by"),
    text("brand"),
    text("payment"),
    Index("ix_receipt_repeat_key", "repeat_key"),
    Index(
        "ix_receipt_payer_key",  # what a payer paid before, asked for each open question
        "payer_key",
        sqlite_where=sql("payer_key IS NOT NULL"),
        postgresql_where=sql("payer_key IS NOT NULL"),
    ),
    Index(
        "ix_receipt_drawer",
        "drawer",
        "received_date",
        sqlite_where=sql("drawer IS NOT NULL"),
        postgresql_where=sql("drawer IS NOT NULL"),
    ),
    sqlite_strict=True,
)

# Remittances of receipts that nobody has placed yet (suspense, held): what a second look needs.
remittance = keyed_only(
    "remittance",
    Column("receipt_no", INT, nullable=False),
    Column("sequence", INT, nullable=False),
    *place(),
    text("kind", nullable=False),
    text("reference"),
    cents("amount_cents", nullable=True),
    Column("file_no", INT),  # of a line that stands in another file: the payer's advice (820)
    PrimaryKeyConstraint("receipt_no", "sequence"),
)

# Receipts held until a day comes (received after the business date); taken out when they post.
future_receipt = keyed_only(
    "future_receipt",
    Column("receipt_no", INT, primary_key=True),
    text("due_date", nullable=False),
)

# Records with a number of their own (counter receipts, card transactions), to tell a repetition
# from a conflict.
numbered_record = keyed_only(
    "numbered_record",
    text("source", nullable=False),  # "cashier:DRAWER" or "card:MERCHANT"
    text("number", nullable=False),
    text("content", nullable=False),  # digest of the rows
    Column("file_no", INT, nullable=False),
    PrimaryKeyConstraint("source", "number"),
)

set_aside = keyed_only(
    "set_aside",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    Column("batch_ord", INT),
    text("kind", nullable=False),
    text("code"),
    cents("amount_cents", nullable=True),
    text("trace_number"),
    text("original"),
    text("reference"),
    text("payer_name"),
    text("approved_by"),
    text("drawer"),
    text("effective_date"),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

# Money: added to, never changed.
entry = Table(
    "entry",
    metadata,
    Column("entry_no", INT, primary_key=True, autoincrement=False),
    Column("entry_id", TEXT, nullable=False, unique=True),
    Column("file_no", INT),
    text("source", nullable=False),  # file, snapshot, match, reverse …
    text("effective_date", nullable=False),  # the GL date
    text("original_date", nullable=False),  # the GL date, were its month not closed
    text("period", nullable=False),
    text("business_date", nullable=False),  # the as-of date of the run that posted it
    text("posted_at", nullable=False),
    text("decided_by", nullable=False),
    text("description", nullable=False),
    text("placed_sha256"),  # of the placements that it made, for the audit log
    sqlite_strict=True,
)

decision = keyed_only(
    "decision",
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("entry_no", INT, nullable=False),
    Column("account_key", INT),
    text("rule", nullable=False),
    text("evidence", nullable=False),
    PrimaryKeyConstraint("receipt_no", "version"),
)

Index("ix_decision_account_key", decision.c.account_key)

placement = keyed_only(
    "placement",
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("line", INT, nullable=False),
    Column("bucket", INT, nullable=False),
    Column("account_key", INT),
    Column("item_key", INT),
    text("charge_type"),
    text("fund"),
    cents("cents"),
    Column("reverses_version", INT),
    Column("reverses_line", INT),
    PrimaryKeyConstraint("receipt_no", "version", "line"),
    CheckConstraint("bucket BETWEEN 1 AND 6", name="bucket_known"),
    CheckConstraint("(bucket = 1) = (item_key IS NOT NULL)", name="item_when_applied"),
)

Index(
    "ix_placement_credit",
    placement.c.account_key,
    placement.c.receipt_no,
    sqlite_where=sql("bucket = 2"),
    postgresql_where=sql("bucket = 2"),
)

Index(
    "ix_placement_suspense",
    placement.c.receipt_no,
    sqlite_where=sql("bucket = 3"),
    postgresql_where=sql("bucket = 3"),
)

journal_line = keyed_only(
    "journal_line",
    Column("entry_no", INT, nullable=False),
    Column("line", INT, nullable=False),
    text("fund", nullable=False),
    text("gl_account", nullable=False),
    cents("debit_cents", minimum=0),
    cents("credit_cents", minimum=0),
    PrimaryKeyConstraint("entry_no", "line"),
    CheckConstraint("(debit_cents = 0) <> (credit_cents = 0)", name="one_side"),
)
