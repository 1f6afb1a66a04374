"""Deposits, what clears them, and the drawers and statements between.

A deposit says which money is expected at the bank, a clearing which statement line brought it. The
state of both is the sum of their clearings; `open_deposit` and `open_line` only name what is not
yet explained, so that a run need not read history (`check` proves them).
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table

from recond.store.schema.base import INT, TEXT, cents, keyed_only, metadata, text

# One row an account and day of a final statement; opening and closing as the bank states them.
statement = keyed_only(
    "statement",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    text("bank_account", nullable=False),
    text("first_date", nullable=False),
    text("as_of_date", nullable=False),
    cents("opening_cents", nullable=True),
    cents("closing_cents", nullable=True),
    cents("lines_cents"),  # the sum of its lines
    PrimaryKeyConstraint("file_no", "bank_account"),
)

Index("ix_statement_chain", statement.c.bank_account, statement.c.first_date)

# What should reach the bank. `amount_cents` = receipts + aside + fees + over/short.
deposit = Table(
    "deposit",
    metadata,
    Column("deposit_no", INT, primary_key=True, autoincrement=False),
    Column("deposit_id", TEXT, nullable=False, unique=True),
    Column("file_no", INT, nullable=False),
    Column("batch_ord", INT, nullable=False),  # its first batch; of a close its ordinal
    text("kind", nullable=False),  # lockbox, ach, card, drawer, drawer_other, return, redeposit
    text("channel", nullable=False),  # of its receipts
    text("business_date", nullable=False),
    text("expected_date", nullable=False),
    cents("amount_cents"),
    cents("receipts_cents"),  # receipts that it holds
    cents("aside_cents"),  # refunds and chargebacks within it
    cents("fee_cents"),  # fees taken from it, negative
    text("reference"),
    text("own"),  # tokens by which a statement line names this deposit, separated by blanks
    text("streams"),  # tokens of where it comes from: box, originator, merchant
    text("made_date", nullable=False),  # business date of the run that made it
    text("period", nullable=False),  # the month whose books it belongs to
    Column("entry_no", INT),  # the entry that booked its fees, its over and short or the return
    Column("withdraws_no", INT),  # the deposit that it takes back (its file was replaced)
    CheckConstraint(
        "kind IN ('lockbox','ach','card','drawer','drawer_other','return','redeposit')",
        name="kind_known",
    ),
    Index("ix_deposit_file_no", "file_no"),
    sqlite_strict=True,
)

# What a drawer's close came to against its receipts; a later version where receipts came later.
drawer_session = keyed_only(
    "drawer_session",
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),  # of the close
    Column("version", INT, nullable=False),
    cents("expected_cash_cents"),
    cents("expected_checks_cents"),
    cents("over_cents"),
    cents("short_cents"),
    cents("swapped_cents"),  # checks in place of cash; negative: cash in place of checks
    Column("deposit_no", INT),
    text("settled_date", nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal", "version"),
)

# What came back: the record (or bank line) that says so, and the receipt that it took back.
return_item = keyed_only(
    "return_item",
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),
    Column("receipt_no", INT, nullable=False),
    Column("account_key", INT),  # of its payer, where the payment stood on accounts
    # RETURN, BANK_RETURN, REFUND, CHARGEBACK; CHARGEBACK_REVERSAL, REDEPOSIT; SAID by a person,
    # whose place is the payment's own
    text("kind", nullable=False),
    text("code", nullable=False),
    cents("amount_cents", minimum=0),
    cents("reversed_cents"),  # negative: money that came again
    text("return_date", nullable=False),
    Column("deposit_no", INT),  # the debit that is expected at the bank
    text("taken_date", nullable=False),
    text("period", nullable=False),  # of the entry that took it back, else of its return date
    PrimaryKeyConstraint("file_no", "ordinal"),
)

# What billing shall charge a payer for: the return fee, and money that the payer had back before
# its payment was returned. recond invents no item; the next snapshot brings it.
charge = keyed_only(
    "charge",
    Column("file_no", INT, nullable=False),  # of the returned item
    Column("ordinal", INT, nullable=False),
    text("kind", nullable=False),  # RETURN_FEE, REFUND_RECOVERY; …_CANCELLED: shall not after all
    Column("number", INT, nullable=False),  # from 1 within the item and kind
    Column("receipt_no", INT, nullable=False),
    Column("account_key", INT),
    cents("cents", minimum=0),
    text("charge_date", nullable=False),
    text("made_date", nullable=False),
    text("period", nullable=False),  # in whose pack it stands: `periods.Cutoff` of its date
    text("reason", nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal", "kind", "number"),
)

Index("ix_charge_receipt_no", charge.c.receipt_no)

# Until when an account takes cash only, after so many returned items; beside billing's own day.
cash_only = keyed_only(
    "cash_only",
    Column("account_key", INT, nullable=False),
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),
    text("until_date", nullable=False),
    text("made_date", nullable=False),
    PrimaryKeyConstraint("account_key", "file_no", "ordinal"),
)

# Which line brought which deposit, and what a line was that is none of them (a fee).
clearing = Table(
    "clearing",
    metadata,
    Column("clearing_no", INT, primary_key=True, autoincrement=False),
    Column("clearing_id", TEXT, nullable=False, unique=True),
    Column("file_no", INT, nullable=False),  # of the line
    Column("ordinal", INT, nullable=False),
    Column("deposit_no", INT),
    cents("cents"),  # signed as the line
    text("rule", nullable=False),
    text("evidence", nullable=False),
    Column("entry_no", INT),  # null where money only moves from one deposit to another
    text("business_date", nullable=False),
    text("cleared_at", nullable=False),
    Index("ix_clearing_line", "file_no", "ordinal"),
    Index("ix_clearing_deposit_no", "deposit_no"),
    sqlite_strict=True,
)

# Lines that are items of another line's total (BAI2 116 below 115): shown, never posted.
line_part = keyed_only(
    "line_part",
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

# Work lists, rewritten as they are worked off. Sums of posted receipts (and, negative, of receipts
# that left the books) which no deposit holds yet; blank where a channel has no such column.
undeposited = Table(
    "undeposited",
    metadata,
    Column("undeposited_no", INT, primary_key=True, autoincrement=False),
    Column("file_no", INT, nullable=False),
    Column("batch_ord", INT, nullable=False),
    text("channel", nullable=False),
    text("batch", nullable=False),
    text("tender", nullable=False),
    text("received_date", nullable=False),
    text("deposit_date", nullable=False),
    text("drawer", nullable=False),
    text("taken_by", nullable=False),
    text("brand", nullable=False),
    Column("receipts", INT, nullable=False),
    cents("cents"),
    Index("ix_undeposited_drawer", "drawer", "received_date"),
    sqlite_strict=True,
)

open_deposit = keyed_only(
    "open_deposit",
    Column("deposit_no", INT, primary_key=True),
    cents("left_cents"),
)

open_line = keyed_only(
    "open_line",
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT, nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal"),
)
