"""What is owed and no longer asked for: added to, never changed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint

from recond.store.schema.base import INT, cents, keyed_only, text

# Open items that somebody wrote off and somebody else approved, or that a policy writes off. It is
# pending until the billing system's next snapshot, which shows what billing made of it.
write_off = keyed_only(
    "write_off",
    Column("entry_no", INT, nullable=False),
    Column("item_key", INT, nullable=False),
    text("charge_type", nullable=False),
    text("fund", nullable=False),
    cents("cents", minimum=0),
    text("gl_account", nullable=False),  # the allowance that it was booked against
    text("decision_id", nullable=False),
    PrimaryKeyConstraint("entry_no", "item_key"),
    CheckConstraint("cents > 0", name="something"),
)
