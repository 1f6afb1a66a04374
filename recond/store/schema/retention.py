"""How long bytes are kept: holds, and what was disposed of. Added to, never changed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column

from recond.store.schema.base import INT, keyed_only, text

# A series or a file that may not be disposed of, and the end of such a hold.
legal_hold = keyed_only(
    "legal_hold",
    Column("hold_no", INT, primary_key=True, autoincrement=False),
    Column("releases_no", INT),  # the hold that this row ends
    text("series"),
    Column("file_no", INT),
    text("reason", nullable=False),
    text("decided_by", nullable=False),
    text("decided_at", nullable=False),
    text("business_date", nullable=False),
    CheckConstraint(
        "releases_no IS NOT NULL OR (series IS NULL) <> (file_no IS NULL)", name="one_subject"
    ),
)

# Files whose bytes are in the archive no more, with the certificate that says so.
disposal = keyed_only(
    "disposal",
    Column("file_no", INT, primary_key=True, autoincrement=False),
    Column("outbox_no", INT, nullable=False),  # its certificate
    text("series", nullable=False),
    text("sha256", nullable=False),
    text("due_date", nullable=False),  # the day from which it might go
)
