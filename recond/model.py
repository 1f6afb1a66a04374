"""The tables that flow through the corridor, and the few small values beside them.

Every grammar ends in some of these Arrow tables; every later room takes them. A schema is the
documentation of its table: money is int64 cents, dates are date32, text is as read from the file.
`ordinal` numbers the money records of one file from 1, in file order, over all its chunks;
`line` is the physical line from 1 (the record's number where there are no line breaks);
`byte_offset` and `byte_length` point into the unpacked archived bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from pydantic import BaseModel

CENTS = pa.int64()
DATE = pa.date32()
TEXT = pa.string()

PLACE = [
    pa.field("line", pa.int64()),
    pa.field("byte_offset", pa.int64()),
    pa.field("byte_length", pa.int64()),
]


def tabled(*fields: tuple[str, pa.DataType] | pa.Field) -> pa.Schema:
    """A schema of fields, or of their names and types."""
    return pa.schema([f if isinstance(f, pa.Field) else pa.field(*f) for f in fields])


# One row a tender or money record: a fact read from a file.
RECEIPTS = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("batch_ord", pa.int32()),  # BATCHES.batch_ord; 0 where the format has no batches
    ("batch", TEXT),  # the batch's own number, as read
    ("sequence", TEXT),  # number of the item in its batch; at the counter the receipt number
    ("channel", TEXT),  # LOCKBOX, ACH_CREDIT, CARD, CASHIER
    ("tender", TEXT),  # CHECK, CASH, CARD, MONEY_ORDER, CASHIERS_CHECK, ACH
    ("amount_cents", CENTS),  # negative only for change given at the counter
    ("received_date", DATE),
    ("deposit_date", DATE),  # null until a drawer close brings it
    ("account_on_item", TEXT),  # as read, several joined by ';'
    ("reference", TEXT),  # as read, several joined by ';'
    ("check_number", TEXT),
    ("trace_number", TEXT),
    ("payer_name", TEXT),
    ("payer_account", TEXT),  # routing and account as read; stored only as a keyed hash
    ("drawer", TEXT),  # counter only
    ("taken_by", TEXT),  # the cashier; counter only
    ("brand", TEXT),  # the card's; card settlements only
    ("payment", TEXT),  # rows with the same text are tenders of one payment; null: its own
)

# What the payer says a receipt is for: advice, not money.
REMITTANCES = tabled(
    ("ordinal", pa.int64()),  # RECEIPTS.ordinal
    ("sequence", pa.int32()),  # from 1 within the receipt
    *PLACE,
    # REFERENCE: account, item, bill number or scan line; ACCOUNT and ITEM: the format says which;
    # HINT: weak (an ACH individual id beside remittance lines): ignored unless it is known, and
    # then it must not contradict the others. WORD: a word of free text (ACH addenda), see
    # matching/leads.py: no reference, a lead and a suggestion at most.
    ("kind", TEXT),
    ("reference", TEXT),
    ("amount_cents", CENTS),  # null: no amount is given for this reference
)

# Records that are kept and asked about, and move no money yet: returns, notifications of change,
# debits, card refunds and chargebacks, voids.
SET_ASIDE = tabled(
    ("ordinal", pa.int64()),  # numbered apart from receipts, from 1
    *PLACE,
    ("batch_ord", pa.int32()),
    ("kind", TEXT),  # RETURN, NOC, DEBIT, PRENOTE, ADVICE, REFUND, …, FEE, VOID, VOID_HELD …
    ("code", TEXT),  # R01, C05, transaction code …
    ("amount_cents", CENTS),
    ("trace_number", TEXT),
    ("original", TEXT),  # original trace number, transaction or voided receipt number
    ("reference", TEXT),
    ("payer_name", TEXT),
    ("approved_by", TEXT),
    ("drawer", TEXT),
    ("effective_date", DATE),
)

BATCHES = tabled(
    ("batch_ord", pa.int32()),  # from 1, in file order
    ("batch", TEXT),
    ("identity", TEXT),  # the sender's own, where the format has one: a lockbox, day and number
    ("line", pa.int64()),
    ("declared_count", pa.int64()),
    ("declared_cents", CENTS),
    ("found_count", pa.int64()),
    ("found_cents", CENTS),
    ("source", TEXT),  # who sent it: the lockbox number, the originator's company id
)

# Declared against found, at every level of the format; `controls.compare` makes the problems.
CONTROLS = tabled(
    ("code", TEXT),  # the problem code when they differ
    ("batch_ord", pa.int32()),  # null at file level
    ("measure", TEXT),  # what is compared, in words: "checks in batch 001"
    ("unit", TEXT),  # "cents", "count" or "hash": how to print the figures
    ("declared", pa.int64()),  # null: the trailer is blank or missing
    ("found", pa.int64()),
    ("line", pa.int64()),
    ("byte_offset", pa.int64()),
    ("field", TEXT),  # columns as the specification prints them, or the column's name
)

BANK_LINES = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("bank_account", TEXT),
    ("value_date", DATE),
    ("type_code", TEXT),
    ("amount_cents", CENTS),  # credits +, debits -
    ("reference", TEXT),  # bank reference
    ("customer_reference", TEXT),
    ("text", TEXT),
    ("same_day", pa.bool_()),  # intraday, not final or in another currency: never posted
    # The line's own identity within its account, null where the format has none: the same
    # identity with the same content is the same line, in whichever files it comes.
    ("line_id", TEXT),
)

BANK_BALANCES = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("bank_account", TEXT),
    ("as_of_date", DATE),
    ("type_code", TEXT),
    ("amount_cents", CENTS),
    # The number of its statement, where a bank numbers those of an account without gaps: "51/1".
    ("statement_number", TEXT),
)

RECEIVABLES = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("account_number", TEXT),
    ("customer_name", TEXT),
    ("item_number", TEXT),
    ("charge_type", TEXT),
    ("bill_number", TEXT),
    ("bill_date", DATE),
    ("due_date", DATE),
    ("original_cents", CENTS),
    ("open_cents", CENTS),  # the billing system's figure
    ("service_address", TEXT),
    ("reference", TEXT),
    ("period", TEXT),
    ("disputed", TEXT),
    ("fund", TEXT),
    ("service", TEXT),
    ("arrangement_number", TEXT),
    ("installment", TEXT),
)

ACCOUNTS = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("account_number", TEXT),
    ("customer_name", TEXT),
    ("status", TEXT),  # active, final, closed, collections, bankruptcy
    ("family", TEXT),
    ("old_account_number", TEXT),  # several separated by ';'
    ("old_number_from", DATE),  # the old numbers are taken for payments received from this day
    ("old_number_until", DATE),  # to this day
    ("service_address", TEXT),
    ("mailing_address", TEXT),
    ("autopay", TEXT),
    ("hold_code", TEXT),
    ("cash_only_until", DATE),
    ("credit_balance_cents", CENTS),
    ("budget_cents", CENTS),
)

DRAWER_CLOSES = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("drawer", TEXT),
    ("cashier", TEXT),
    ("business_date", DATE),
    ("opening_float_cents", CENTS),
    ("counted_cash_cents", CENTS),
    ("counted_checks_cents", CENTS),
    ("deposit_bag", TEXT),
    ("deposit_date", DATE),
    ("verified_by", TEXT),
    ("counts", TEXT),
)

# Answers to files that recond wrote (contract section 4).
ACKS = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("file_id", TEXT),  # of the answered file
    ("posting_id", TEXT),
    ("status", TEXT),  # ACCEPTED, REJECTED, DUPLICATE, PENDING
    ("code", TEXT),
    ("billing_transaction_id", TEXT),
)

# What an X12 820 says of a payment that the bank brings: advice, not money. It is tied to a
# receipt by trace number and amount.
ADVICES = tabled(
    ("ordinal", pa.int64()),  # from 1 in file order: that of its batch
    *PLACE,  # of the whole transaction set
    ("batch_ord", pa.int32()),
    ("handling", TEXT),  # BPR01: C payment and remittance, I remittance only, …
    ("method", TEXT),  # BPR04: ACH, CHK, FWT …
    ("amount_cents", CENTS),  # BPR02: of the whole payment
    ("trace_number", TEXT),  # TRN02
    ("payer_name", TEXT),
    ("effective_date", DATE),
    ("netted", pa.bool_()),  # its lines make the payment only when each is net of its own ADX
    ("lines", pa.int64()),
)

ADVICE_LINES = tabled(
    ("ordinal", pa.int64()),  # ADVICES.ordinal; the advice follows its lines
    ("sequence", pa.int32()),  # from 1 within the advice
    *PLACE,
    ("qualifier", TEXT),  # RMR01
    ("reference", TEXT),
    ("amount_cents", CENTS),  # RMR04; null where it is empty
    ("adjusted_cents", CENTS),  # sum of the ADX inside the RMR
)

# A deposit of check images (X9.37): what the bank will credit as one amount. No receipts.
IMAGE_DEPOSITS = tabled(
    ("ordinal", pa.int64()),
    *PLACE,
    ("level", TEXT),  # FILE or CASH_LETTER: one deposit and its parts, never to be added up
    ("identity", TEXT),  # of the cash letter; of the file its modifier
    ("origin", TEXT),
    ("destination", TEXT),
    ("business_date", DATE),
    ("amount_cents", CENTS),
    ("items", pa.int64()),
    ("returned_cents", CENTS),  # of the amount: what stands in return records (31)
    ("test", pa.bool_()),  # marked as a test: no deposit, never matched
)

# Everything that a grammar may return, by the name it has in `Parsed.tables`.
TABLES: Mapping[str, pa.Schema] = {
    "receipts": RECEIPTS,
    "remittances": REMITTANCES,
    "set_aside": SET_ASIDE,
    "batches": BATCHES,
    "controls": CONTROLS,
    "bank_lines": BANK_LINES,
    "bank_balances": BANK_BALANCES,
    "receivables": RECEIVABLES,
    "accounts": ACCOUNTS,
    "drawer_closes": DRAWER_CLOSES,
    "acks": ACKS,
    "advices": ADVICES,
    "advice_lines": ADVICE_LINES,
    "image_deposits": IMAGE_DEPOSITS,
}

# Where cents of a receipt stand: `bucket` of PLACEMENTS and of the placement table.
ITEM, CREDIT, SUSPENSE, RETURNED, REFUNDED, VOIDED = 1, 2, 3, 4, 5, 6
BUCKETS: Mapping[int, str] = {
    ITEM: "applied",
    CREDIT: "on_account",
    SUSPENSE: "suspense",
    RETURNED: "returned",
    REFUNDED: "refunded",
    VOIDED: "voided",
}

# The order in which one `process` run takes files (contract section 3).
# Advices come before the payments that they explain.
KINDS = (
    "manifest", "accounts", "receivables", "advices", "payments", "drawer_closes", "deposits",
    "bank", "acks",
)  # fmt: skip
PAYMENT_KINDS = ("advices", "payments")  # receipts, and what explains them
MONEY_KINDS = (*PAYMENT_KINDS, "bank")  # statements too: a line can become a receipt


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file, with its place and what to do about it.

    Severity and scope belong to the code (`exceptions.codes.CODES`), not to the problem. `field`
    names columns as the specification prints them ("7-17") or a column by its name. `ordinal`
    names the receipt of an item-level problem.
    """

    code: str
    message: str
    line: int | None = None
    byte_offset: int | None = None
    field: str | None = None
    batch_ord: int | None = None
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class Transmission:
    """Who sent a file, what it declares and what was found (`formats.md` section 0).

    `identity` is the sender's own identity of the transmission (its header's, never its totals),
    None where the format has none. `detail_digest` is a SHA-256 over the detail records that
    survives another wrapper (line ends, padding, header time), None for a file without detail
    and for formats whose rows carry their own identity. `found_*` count what `declared_*`
    declares; all four are None where nothing is declared.
    """

    identity: str | None = None
    detail_digest: str | None = None
    declared_count: int | None = None
    declared_cents: int | None = None
    found_count: int | None = None
    found_cents: int | None = None


_EMPTY = {name: schema.empty_table() for name, schema in TABLES.items()}


@dataclass(frozen=True, slots=True)
class Parsed:
    """One chunk of a file: tables by name (schemas of `TABLES`), problems, and, on the last
    chunk only, the transmission."""

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    transmission: Transmission | None = None

    def table(self, name: str) -> pa.Table:
        """The table of that name, empty with its schema when this chunk has none."""
        found = self.tables.get(name)
        return _EMPTY[name] if found is None else found


@dataclass(frozen=True, slots=True)
class Format:
    """One declared format (`formats/NAME.toml`): which files it claims and how they are read."""

    name: str
    title: str
    grammar: str  # a key of parsers.GRAMMARS
    kind: str  # one of KINDS
    inboxes: tuple[str, ...]  # names of the inboxes where it may arrive
    layout: BaseModel  # the grammar's own Layout, validated
    channel: str | None = None
    tender: str | None = None
    currency: str = "USD"
    encoding: str = "utf-8"
    waives: frozenset[str] = frozenset()  # problem codes of controls that this bank is let off
    names: tuple[str, ...] = ("*",)  # file name patterns, case-blind
    first_line: str | None = None  # regular expression that the first line must match
    contains: str | None = None  # regular expression to be found in the first bytes
    lacks: str | None = None  # and one that must not be
    columns: tuple[str, ...] = ()  # column names that the first line must hold
    without_columns: tuple[str, ...] = ()  # column names that it must not hold
    instead_of: tuple[str, ...] = ()  # formats that do not claim what this one claims
    sample: str = ""  # one line of such a file, for `recond formats list`
    path: str = ""
    digest: str = ""  # SHA-256 of the format file's bytes
