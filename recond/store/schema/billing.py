"""To and from the billing system: files that recond wrote, and the answers to them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table

from recond.store.schema.base import INT, cents, keyed_only, metadata, text

# Files that recond hands on. A row is written before its file gets its name, and `delivered`
# becomes 1 when the file was read back.
outbox = keyed_only(
    "outbox",
    Column("outbox_no", INT, primary_key=True, autoincrement=False),
    text("kind", nullable=False),
    text("file_id", nullable=False),  # the file's stem
    text("business_date", nullable=False),
    text("written_at", nullable=False),
    text("written_by", nullable=False),
    Column("rows", INT, nullable=False),
    cents("total_cents"),
    text("sha256", nullable=False),
    text("layout"),  # of journals: entry, day or month, detailed; of a disposal: why
    # The last answer of billing that was known when it was written: what it left out for one.
    Column("known_ack", INT, nullable=False),
    Column("delivered", INT, nullable=False),
    CheckConstraint(
        "kind IN ('postings','refunds','journals','disposals','letters','collections')",
        name="kind_known",
    ),
)

# Which posting file holds the postings of an entry.
posted_entry = keyed_only(
    "posted_entry",
    Column("entry_no", INT, primary_key=True, autoincrement=False),
    Column("outbox_no", INT, nullable=False),
)

# Which file for accounts payable asks for which refund: one row a receipt and its last version
# that the file knew of; negative: an earlier one is to be stopped.
refund_line = keyed_only(
    "refund_line",
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("outbox_no", INT, nullable=False),
    cents("cents"),
    PrimaryKeyConstraint("receipt_no", "version"),
)

# Which file of letters to owners of unclaimed credit wrote to whom: one row a receipt, account and
# report that the letter is for.
letter_line = keyed_only(
    "letter_line",
    Column("receipt_no", INT, nullable=False),
    Column("account_key", INT, nullable=False),
    text("report_date", nullable=False),
    text("letter_id", nullable=False),
    Column("outbox_no", INT, nullable=False),
    cents("cents"),
    text("dormant_date", nullable=False),
    PrimaryKeyConstraint("receipt_no", "account_key", "report_date"),
)

# What files for the collection agency told it of which debt: by how much what it has of it changes.
agency_line = keyed_only(
    "agency_line",
    Column("outbox_no", INT, nullable=False),
    Column("line", INT, nullable=False),  # from 1 in its file
    Column("item_key", INT, nullable=False),
    text("kind", nullable=False),
    cents("cents"),
    PrimaryKeyConstraint("outbox_no", "line"),
    CheckConstraint("kind IN ('PLACE', 'PAID', 'RECALL')", name="kind_known"),
)

# Which journal of which journal file holds an entry.
journaled_entry = keyed_only(
    "journaled_entry",
    Column("entry_no", INT, primary_key=True, autoincrement=False),
    Column("outbox_no", INT, nullable=False),
    Column("journal_no", INT, nullable=False),  # from 1 in its file
)

# What was said of a refund or of a journal, each answer once.
file_answer = Table(
    "file_answer",
    metadata,
    Column("answer_no", INT, primary_key=True, autoincrement=False),
    Column("outbox_no", INT, nullable=False),
    text("subject", nullable=False),  # the refund's or journal's id
    Column("receipt_no", INT),  # of a refund
    Column("version", INT),
    Column("file_no", INT, nullable=False),
    Column("line", INT, nullable=False),
    text("status", nullable=False),
    text("code"),
    text("reference"),  # of the payment, of the entry there
    CheckConstraint(
        "status IN ('ACCEPTED', 'REJECTED', 'DUPLICATE', 'PENDING')", name="status_known"
    ),
    Index("ix_file_answer_subject", "subject"),
    sqlite_strict=True,
)

# What the billing system said of a posting (a placement row), each answer once.
acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("ack_no", INT, primary_key=True, autoincrement=False),
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("posting_line", INT, nullable=False),
    Column("file_no", INT, nullable=False),
    Column("line", INT, nullable=False),
    text("status", nullable=False),
    text("code"),
    text("billing_transaction_id"),
    CheckConstraint(
        "status IN ('ACCEPTED', 'REJECTED', 'DUPLICATE', 'PENDING')", name="status_known"
    ),
    Index("ix_acknowledgement_posting", "receipt_no", "version", "posting_line"),
    sqlite_strict=True,
)

# Items that a snapshot shows with more open than acknowledged postings leave: a question asks
# when the next snapshot does not heal it.
drift = keyed_only(
    "drift",
    Column("item_key", INT, nullable=False),
    cents("expected_cents"),
    Column("since_file", INT, nullable=False),
    PrimaryKeyConstraint("item_key"),
)
