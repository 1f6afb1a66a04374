"""The mirror of the billing system: accounts, open items and the snapshots that brought them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from recond.store.schema.base import INT, cents, keyed_only, metadata, text

# The mirror of the billing system.
account = Table(
    "account",
    metadata,
    Column("account_key", INT, primary_key=True, autoincrement=False),
    text("account_number", nullable=False),
    text("reference_key", nullable=False),  # number without blanks, dashes and leading zeros
    text("customer_name"),
    text("name_key"),  # normalised name
    text("status", nullable=False),
    text("family"),
    text("service_address"),
    text("mailing_address"),
    text("autopay"),
    text("hold_code"),
    text("cash_only_until"),
    cents("credit_balance_cents", nullable=True),
    cents("budget_cents", nullable=True),
    Column("since_entry", INT, nullable=False),  # entry of the file that first named it
    UniqueConstraint("account_number"),
    Index("ix_account_reference_key", "reference_key"),
    Index("ix_account_name_key", "name_key"),
    sqlite_strict=True,
)

# What accounts were: a row when they were first named and one a change, with the file that said so.
account_version = keyed_only(
    "account_version",
    Column("account_key", INT, nullable=False),
    Column("version", INT, nullable=False),  # from 1
    text("since_date", nullable=False),  # the business date
    Column("file_no", INT),
    *(
        Column(column.name, column.type, nullable=column.nullable)
        for column in account.c
        if column.name not in {"account_key", "account_number", "reference_key", "since_entry"}
    ),
    PrimaryKeyConstraint("account_key", "version"),
)

account_alias = keyed_only(
    "account_alias",
    text("reference_key", nullable=False),
    Column("account_key", INT, nullable=False),
    text("kind", nullable=False),  # OLD_NUMBER
    text("alias", nullable=False),  # as written
    text("valid_from"),  # received dates for which it means the account; null: always
    text("valid_until"),
    PrimaryKeyConstraint("reference_key", "account_key", "kind"),
)

item = Table(
    "item",
    metadata,
    Column("item_key", INT, primary_key=True, autoincrement=False),
    Column("account_key", INT, nullable=False),
    text("item_number", nullable=False),
    text("item_reference", nullable=False),  # item number as references are compared
    text("charge_type", nullable=False),
    text("fund", nullable=False),
    text("service"),
    text("bill_number"),
    text("bill_reference"),
    text("bill_date"),
    text("due_date"),
    cents("original_cents"),
    text("period"),
    text("disputed"),
    text("service_address"),
    text("reference"),
    text("arrangement_number"),
    text("installment"),
    text("prior_owner"),  # the name on it, where somebody else had the account before
    # 1: recond made it of money that came without a bill (`pipeline.filings`)
    Column("assessed", INT, nullable=False, server_default="0"),
    Column("since_entry", INT, nullable=False),  # entry of the snapshot that first brought it
    UniqueConstraint("account_key", "item_number"),
    Index("ix_item_item_reference", "item_reference"),
    Index("ix_item_bill_reference", "bill_reference"),
    sqlite_strict=True,
)

# What is open of each item, one row an item. Apart from what the item is, because every payment
# changes it: in a row of its own it writes a seventh of the bytes.
item_balance = Table(
    "item_balance",
    metadata,
    Column("item_key", INT, primary_key=True, autoincrement=False),
    cents("snapshot_cents"),  # the billing system's last figure
    cents("pending_cents"),  # posted by recond and in no snapshot yet
    cents("open_cents"),  # effective open: max(snapshot - pending, 0)
    CheckConstraint("open_cents >= 0", name="not_over_applied"),
    CheckConstraint(
        "open_cents = CASE WHEN snapshot_cents > pending_cents"
        " THEN snapshot_cents - pending_cents ELSE 0 END",
        name="open_is_snapshot_less_pending",
    ),
    sqlite_strict=True,
    postgresql_with={"fillfactor": 85},
)

# To select from where both are wanted: what an item is, and what is open of it.
item_and_balance = item.join(item_balance, item_balance.c.item_key == item.c.item_key)

# Which shapes item and bill numbers have ("I:12:digits"): a reference of another shape need not
# be looked up.
reference_shape = keyed_only(
    "reference_shape",
    text("kind", nullable=False),  # ITEM, BILL, ALIAS
    Column("length", INT, nullable=False),
    Column("digits", INT, nullable=False),  # 1: digits only
    PrimaryKeyConstraint("kind", "length", "digits"),
)

snapshot = keyed_only(
    "snapshot",
    Column("file_no", INT, primary_key=True),
    text("source"),
    text("snapshot"),
    text("previous_snapshot"),
    text("mode", nullable=False),  # full, delta
    text("as_of"),
    Column("manifest", INT, nullable=False),
    Column("rows", INT, nullable=False),
    Column("accounts", INT, nullable=False),
    cents("open_cents"),
    Column("entry_no", INT, nullable=False),  # the entry of its changes
    # Postings up to this one are contained, in the order of posting files (0: does not say) …
    Column("contains_outbox", INT, nullable=False),
    Column("contains_entry", INT),
    Column("contains_receipt", INT),
    Column("contains_version", INT),
    Column("contains_line", INT),
    # … or those that billing had acknowledged up to this acknowledgement (0: none).
    Column("contains_ack", INT, nullable=False),
)

# What items were: one row an item and entry that changed it other than by placements.
item_version = keyed_only(
    "item_version",
    Column("item_key", INT, nullable=False),
    Column("entry_no", INT, nullable=False),
    text("charge_type", nullable=False),
    text("fund", nullable=False),
    text("bill_number"),
    text("due_date"),
    cents("original_cents"),
    cents("snapshot_cents"),
    cents("pending_cents"),
    cents("change_cents"),  # of the effective open amount
    PrimaryKeyConstraint("item_key", "entry_no"),
)
