"""Statements of the bank and closes of drawers, as they were read."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy import text as sql

from recond.store.schema.base import INT, cents, keyed_only, place, text

bank_line = keyed_only(
    "bank_line",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    text("bank_account"),
    text("value_date"),
    text("type_code"),
    cents("amount_cents"),
    text("reference"),
    text("customer_reference"),
    text("text"),
    Column("same_day", INT, nullable=False),
    text("period", nullable=False),  # in whose pack it stands: `periods.Cutoff` of its value date
    text("line_id"),  # the line's identity within its account, where the format gives one
    PrimaryKeyConstraint("file_no", "ordinal"),
)

Index(
    "ix_bank_line_line_id",
    bank_line.c.bank_account,
    bank_line.c.line_id,
    sqlite_where=sql("line_id IS NOT NULL"),
    postgresql_where=sql("line_id IS NOT NULL"),
)

# Where a source names the bank account of a statement: charge types that the money of its lines may
# pay, `;` between, "" for all. Without a row: what the file's money may pay.
line_limit = keyed_only(
    "line_limit",
    Column("limit_no", INT, primary_key=True, autoincrement=False),
    Column("file_no", INT, nullable=False),
    text("bank_account", nullable=False),
    text("pays_only", nullable=False),
    UniqueConstraint("file_no", "bank_account"),
)

# What a corrected statement took the place of (`files accept --replace`): lines that it does not
# repeat, and, without an ordinal, the balances of the whole file.
withdrawn = keyed_only(
    "withdrawn",
    Column("withdrawn_no", INT, primary_key=True, autoincrement=False),
    Column("file_no", INT, nullable=False),
    Column("ordinal", INT),
    Column("by_file_no", INT, nullable=False),
    text("business_date", nullable=False),
    text("period", nullable=False),
    UniqueConstraint("file_no", "ordinal"),
)

bank_balance = keyed_only(
    "bank_balance",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    text("bank_account"),
    text("as_of_date"),
    text("type_code"),
    cents("amount_cents"),
    text("statement_number"),  # where the bank numbers the statements of an account
    PrimaryKeyConstraint("file_no", "ordinal"),
)

Index(
    "ix_bank_balance_statement_number",
    bank_balance.c.file_no,
    bank_balance.c.ordinal,
    sqlite_where=sql("statement_number IS NOT NULL"),
    postgresql_where=sql("statement_number IS NOT NULL"),
)

drawer_close = keyed_only(
    "drawer_close",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    text("drawer", nullable=False),
    text("cashier"),
    text("business_date", nullable=False),
    cents("opening_float_cents"),
    cents("counted_cash_cents"),
    cents("counted_checks_cents"),
    text("deposit_bag"),
    text("deposit_date"),
    text("verified_by"),
    text("counts"),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

# Deposits of check images (X9.37), to be matched with the line of the bank that credits them.
image_deposit = keyed_only(
    "image_deposit",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *place(),
    text("level", nullable=False),  # FILE, CASH_LETTER
    text("identity"),
    text("origin"),
    text("destination"),
    text("business_date"),
    cents("amount_cents"),
    Column("items", INT, nullable=False),
    cents("returned_cents"),
    Column("test", INT, nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal"),
)
