"""What arrived: files, their problems and batches, and what the schedule remembers."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql

from recond.store.schema.base import INT, TEXT, cents, keyed_only, metadata, text

meta = keyed_only("meta", Column("name", TEXT, primary_key=True), text("value", nullable=False))

# The same bytes count once: not as a duplicate, nor as a reading that was rejected.
_COUNTS = sql("duplicate_of IS NULL AND state <> 'rejected'")

# One row an arrival, duplicates too. Not money: its state follows what people decide.
file = Table(
    "file",
    metadata,
    Column("file_no", INT, primary_key=True, autoincrement=False),
    Column("file_id", TEXT, nullable=False, unique=True),
    text("inbox", nullable=False),
    text("name", nullable=False),
    text("sha256", nullable=False),
    Column("size", INT, nullable=False),
    text("format"),
    text("format_digest"),
    text("kind"),  # model.KINDS; null while unknown
    text("arrived_at", nullable=False),
    text("business_date", nullable=False),
    # the month in whose pack it stands: of its business date, or the first that was open then
    text("period", nullable=False),
    text("posted_by", nullable=False),  # recond, or billing: then no posting file has its money
    text("pays_only"),  # charge types that its money may pay, `;` between; null: all
    text("state", nullable=False),  # accepted, partly_held, held, rejected, duplicate
    Column("declared_count", INT),
    cents("declared_cents", nullable=True),
    Column("found_count", INT),
    cents("found_cents", nullable=True),
    text("message", nullable=False),
    text("transmission"),
    text("detail_digest"),
    Column("duplicate_of", INT),  # file_no of the arrival with the same bytes
    Column("taken_no", INT, unique=True),  # the order in which files had their effect
    CheckConstraint(
        "state IN ('accepted','partly_held','held','rejected','duplicate')", name="state_known"
    ),
    Index("ix_file_sha256", "sha256", unique=True, sqlite_where=_COUNTS, postgresql_where=_COUNTS),
    Index("ix_file_transmission", "transmission"),
    Index("ix_file_detail_digest", "detail_digest"),
    sqlite_strict=True,
)  # fmt: skip

# What files were before each decision about them.
file_past = keyed_only(
    "file_past",
    Column("file_no", INT, nullable=False),
    Column("change_no", INT, nullable=False),
    text("until_date", nullable=False),  # the business date of the decision
    text("state", nullable=False),
    text("message", nullable=False),
    PrimaryKeyConstraint("file_no", "change_no"),
)

# Files that stand in an inbox and are not taken yet, with the reason; rewritten by each scan.
waiting = keyed_only(
    "waiting",
    text("inbox", nullable=False),
    text("name", nullable=False),
    Column("size", INT, nullable=False),
    text("since_at", nullable=False),
    text("reason", nullable=False),
    PrimaryKeyConstraint("inbox", "name"),
)

problem = keyed_only(
    "problem",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("problem_no", INT, nullable=False),
    text("code", nullable=False),
    text("severity", nullable=False),
    text("scope", nullable=False),
    Column("batch_ord", INT),
    Column("ordinal", INT),
    Column("line", INT),
    Column("byte_offset", INT),
    text("field"),
    text("message", nullable=False),
    PrimaryKeyConstraint("file_no", "problem_no"),
)

batch = keyed_only(
    "batch",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("batch_ord", INT, nullable=False),
    text("batch"),
    text("identity"),
    Column("line", INT),
    Column("declared_count", INT),
    cents("declared_cents", nullable=True),
    Column("found_count", INT),
    cents("found_cents", nullable=True),
    text("source"),  # the lockbox number, the originator's company id
    text("state", nullable=False),  # accepted, held, rejected
    PrimaryKeyConstraint("file_no", "batch_ord"),
    Index("ix_batch_identity", "identity"),
)

# What the schedule remembers: due-ness is computed from here, never from the scheduler.
job = keyed_only(
    "job",
    Column("job", TEXT, primary_key=True),
    text("last_success_at"),
    text("last_started_at"),
    text("last_error"),
)
