"""What matching takes of the books, and what it decides: the tables on both sides of the cascade.

Money is int64 cents, dates are date32. `ordinal` is that of the receipts that it was given (any
unique int64).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from recond.model import CENTS, DATE, TEXT, tabled

# What matching takes of the books: only what these receipts could touch.
BOOK_ACCOUNTS = tabled(
    ("account_key", pa.int64()),
    ("account_number", TEXT),
    ("status", TEXT),
    ("family", TEXT),
    ("customer_name", TEXT),
    ("cash_only_until", DATE),
)

BOOK_ITEMS = tabled(
    ("item_key", pa.int64()),
    ("account_key", pa.int64()),
    ("item_number", TEXT),
    ("charge_type", TEXT),
    ("fund", TEXT),
    ("service", TEXT),  # of a penalty: the service that it belongs to
    ("bill_number", TEXT),
    ("due_date", DATE),
    ("open_cents", CENTS),  # effective open; zero when paid
    ("since_entry", pa.int64()),
    ("arrangement_number", TEXT),
    ("prior_owner", TEXT),  # whose the item is, where that is somebody who had the account before
)

# What a reference key means: every meaning is a row, so two candidates are two rows.
BOOK_REFERENCES = tabled(
    ("reference_key", TEXT),  # as references.key() makes it
    ("kind", TEXT),  # ACCOUNT, ALIAS, ITEM, BILL
    ("number", TEXT),  # the account, old, item or bill number as it stands in the books
    ("account_key", pa.int64()),
    ("item_key", pa.int64()),  # null for ACCOUNT and ALIAS; a BILL has one row an item
    ("valid_from", DATE),  # of an ALIAS: the received dates for which it means the account
    ("valid_until", DATE),
)

# Payments that stand on the touched accounts, for telling suspected duplicates.
BOOK_RECENT = tabled(
    ("account_key", pa.int64()),
    ("amount_cents", CENTS),
    ("received_date", DATE),
    ("receipt_no", pa.int64()),
)

# Accounts that weak evidence names for a payment that nothing else decides. A lead posts only
# when exactly one leads to an account whose due is the payment; a row is no answer by itself.
BOOK_LEADS = tabled(
    ("ordinal", pa.int64()),
    ("account_key", pa.int64()),
    ("rule", TEXT),  # scan_repair, payer_memory
)


@dataclass(frozen=True, slots=True)
class Book:
    """The accounts, items, references, recent payments and leads that some receipts could
    touch."""

    accounts: pa.Table
    items: pa.Table
    references: pa.Table
    recent: pa.Table
    leads: pa.Table = field(default_factory=BOOK_LEADS.empty_table)


# What matching decides. `ordinal` is that of the receipts it was given (any unique int64).
DECISIONS = tabled(
    ("ordinal", pa.int64()),
    ("account_key", pa.int64()),  # null: no account
    ("rule", TEXT),
    ("evidence", TEXT),
)

PLACEMENTS = tabled(
    ("ordinal", pa.int64()),
    ("line", pa.int32()),  # from 1 within the receipt
    ("bucket", pa.int32()),  # ITEM, CREDIT or SUSPENSE
    ("account_key", pa.int64()),
    ("item_key", pa.int64()),
    ("charge_type", TEXT),
    ("fund", TEXT),
    ("cents", CENTS),
)

QUESTIONS = tabled(
    ("ordinal", pa.int64()),
    ("code", TEXT),
    ("amount_cents", CENTS),
    ("account_key", pa.int64()),
    ("message", TEXT),
    ("other", pa.int64()),  # another receipt, which the message names as {other}
)


@dataclass(frozen=True, slots=True)
class Matched:
    """What the cascade says of some receipts: one decision a receipt, placements that sum to
    each receipt's amount, and the questions that remain."""

    decisions: pa.Table
    placements: pa.Table
    questions: pa.Table
