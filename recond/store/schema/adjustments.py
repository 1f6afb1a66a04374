"""What recond itself changes of what is owed: added to, never changed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint
from sqlalchemy import text as sql

from recond.store.schema.base import INT, cents, keyed_only, text

# Open items that owe more or less because people decided so, and others approved (`adjusting`).
# A row without a payment is pending until the billing system's next snapshot, which shows what
# billing made of it; one that goes along with a placement is in a snapshot when that is.
adjustment = keyed_only(
    "adjustment",
    Column("entry_no", INT, nullable=False),
    Column("line", INT, nullable=False),
    Column("item_key", INT, nullable=False),
    text("charge_type", nullable=False),
    text("fund", nullable=False),
    text("kind", nullable=False),
    text("gl_account", nullable=False),  # of the fund, against its receivables
    cents("cents"),  # what the item owes more; negative: less
    text("decision_id"),
    Column("receipt_no", INT),  # the placement that it goes along with
    Column("version", INT),
    Column("placement_line", INT),
    PrimaryKeyConstraint("entry_no", "line"),
    CheckConstraint("cents <> 0", name="something"),
    CheckConstraint(
        "kind IN ('write_off','reinstated','recovered','commission','released','assessed')",
        name="kind_known",
    ),
    CheckConstraint(
        "(receipt_no IS NULL) = (placement_line IS NULL)"
        " AND (receipt_no IS NULL) = (version IS NULL)",
        name="whole_placement",
    ),
)

Index("ix_adjustment_item_key", adjustment.c.item_key)
Index(
    "ix_adjustment_placement",
    adjustment.c.receipt_no,
    sqlite_where=sql("receipt_no IS NOT NULL"),
    postgresql_where=sql("receipt_no IS NOT NULL"),
)
