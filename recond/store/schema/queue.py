"""Questions for clerks, what people decided about them, and the work lists that came back."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql

from recond.store.schema.base import INT, TEXT, cents, keyed_only, metadata, text

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
    text("assigned_to"),
    text("hold_until"),  # the day on which an answer `hold` ends by itself
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

# What questions were before each change, so that the books of a past day can be shown.
exception_past = keyed_only(
    "exception_past",
    Column("exception_no", INT, nullable=False),
    Column("change_no", INT, nullable=False),
    text("until_date", nullable=False),  # the business date of the change
    *(
        Column(column.name, column.type, nullable=column.nullable)
        for column in exception.c
        if column.name != "exception_no"
    ),
    PrimaryKeyConstraint("exception_no", "change_no"),
)

# What people decided: added to, never changed. An approval, a denial and an undoing are rows of
# their own that name the decision that they answer.
decision_made = Table(
    "decision_made",
    metadata,
    Column("decision_no", INT, primary_key=True, autoincrement=False),
    Column("decision_id", TEXT, nullable=False, unique=True),  # from content
    Column("exception_no", INT, nullable=False),
    Column("version", INT, nullable=False),  # of the question that was answered
    text("action", nullable=False),
    text("args", nullable=False),  # JSON, keys in order
    text("note", nullable=False),
    Column("receipt_no", INT),
    Column("account_key", INT),
    Column("placed_version", INT),  # the receipt's version that it wrote, if it moved money
    cents("amount_cents"),  # that it moves or forgives
    text("decided_by", nullable=False),
    text("decided_at", nullable=False),
    text("decided_date", nullable=False),
    text("status", nullable=False),  # as it was written: APPLIED or PENDING_APPROVAL
    Column("approvals", INT, nullable=False),  # how many other people it needs
    text("answers_id"),  # of an approval, denial or undoing: the decision that it is about
    text("result", nullable=False),
    CheckConstraint("status IN ('APPLIED','PENDING_APPROVAL')", name="status_known"),
    Index("ix_decision_made_exception_no", "exception_no"),
    Index("ix_decision_made_answers_id", "answers_id"),
    sqlite_strict=True,
)

# Work lists that came back, one row an arrival, and what became of each of their rows.
work_file = keyed_only(
    "work_file",
    Column("work_no", INT, primary_key=True),
    text("name", nullable=False),
    text("sha256", nullable=False),
    Column("size", INT, nullable=False),
    text("owner", nullable=False),  # who answers: never what a cell says
    text("arrived_at", nullable=False),
    text("business_date", nullable=False),  # of the pass that took it
    text("state", nullable=False),  # taken, done, refused
    text("message", nullable=False),
)

work_row = keyed_only(
    "work_row",
    Column("work_no", INT, nullable=False),
    Column("row_no", INT, nullable=False),
    text("cells", nullable=False),  # JSON: the columns that are read back, as they were read
    Column("exception_no", INT),
    text("status", nullable=False),
    text("message", nullable=False),
    text("decision_id"),
    PrimaryKeyConstraint("work_no", "row_no"),
)

comment = keyed_only(
    "comment",
    Column("exception_no", INT, nullable=False),
    Column("comment_no", INT, nullable=False),
    text("said_by", nullable=False),
    text("said_at", nullable=False),
    text("words", nullable=False),
    PrimaryKeyConstraint("exception_no", "comment_no"),
)
