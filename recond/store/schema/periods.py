"""Months: open until somebody closes them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column

from recond.store.schema.base import INT, keyed_only, text

# What people did to months, in order; added to, never changed. Every month up to
# `closed_through` of the last row is closed: a trigger refuses entries there.
period_change = keyed_only(
    "period_change",
    Column("change_no", INT, primary_key=True, autoincrement=False),
    text("month", nullable=False),
    text("action", nullable=False),
    text("closed_through", nullable=False),  # after the change; empty: every month is open
    # Up to here recond dates nothing by itself any more, people may; never before closed_through.
    text("soft_through", nullable=False),
    Column("last_entry", INT, nullable=False),  # the last entry before the change
    text("business_date", nullable=False),
    text("changed_at", nullable=False),
    text("changed_by", nullable=False),
    text("reason"),
    text("pack_sha256"),  # of the frozen pack's SHA256SUMS
    CheckConstraint(
        "action IN ('soft_close', 'end_soft', 'close', 'ask_reopen', 'reopen')",
        name="action_known",
    ),
)
