"""The tables of the database: what is kept, and what the database itself refuses.

Money is BIGINT cents with a CHECK; dates are ISO text (`2026-03-16`), instants ISO text in UTC.
Tables of money (`IMMUTABLE`) are only ever added to: triggers refuse UPDATE and DELETE, and none
of them fires on an insert. Integer keys are internal; the ids that leave recond are text made
from content (`file.file_id`, receipt ordinal, decision version).

A receipt's key is `file_no << 32 | ordinal` (`receipt_key`). Its cents are placed by `placement`
rows: the first version of a receipt places its whole amount, every later version moves cents
between buckets and sums to zero. What a receipt's state is, is the sum of its placements.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.sql.schema import SchemaItem

SCHEMA_REVISION = "0001"
MAX_CENTS = 10**15
ORDINAL_BITS = 32

INT = BigInteger().with_variant(Integer, "sqlite")
# Compared and sorted by bytes on both databases, whatever locale a server was set up with.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def receipt_key(file_no: int, ordinal: int) -> int:
    """The integer key of a receipt: arrival number and ordinal in one."""
    return (file_no << ORDINAL_BITS) | ordinal


def _cents(name: str, *, nullable: bool = False, minimum: int = -MAX_CENTS) -> Column[int]:
    check = CheckConstraint(f"{name} BETWEEN {minimum} AND {MAX_CENTS}", name=f"{name}_range")
    return Column(name, INT, check, nullable=nullable)


def _text(name: str, *, nullable: bool = True) -> Column[str]:
    return Column(name, TEXT, nullable=nullable)


def _place() -> tuple[Column[int], Column[int], Column[int]]:
    return Column("line", INT), Column("byte_offset", INT), Column("byte_length", INT)


def _keyed_only(table: str, *columns: SchemaItem) -> Table:
    """A table that lives in its primary key (WITHOUT ROWID on SQLite)."""
    return Table(table, metadata, *columns, sqlite_with_rowid=False, sqlite_strict=True)


meta = _keyed_only("meta", Column("name", TEXT, primary_key=True), _text("value", nullable=False))

# One row an arrival, duplicates too. Not money: its state follows what people decide.
file = Table(
    "file",
    metadata,
    Column("file_no", INT, primary_key=True, autoincrement=False),
    Column("file_id", TEXT, nullable=False, unique=True),
    _text("inbox", nullable=False),
    _text("name", nullable=False),
    _text("sha256", nullable=False),
    Column("size", INT, nullable=False),
    _text("format"),
    _text("format_digest"),
    _text("kind"),  # model.KINDS; null while unknown
    _text("arrived_at", nullable=False),
    _text("business_date", nullable=False),
    _text("state", nullable=False),  # accepted, partly_held, held, rejected, duplicate
    Column("declared_count", INT),
    _cents("declared_cents", nullable=True),
    Column("found_count", INT),
    _cents("found_cents", nullable=True),
    _text("message", nullable=False),
    _text("transmission"),
    _text("detail_digest"),
    Column("duplicate_of", INT),  # file_no of the arrival with the same bytes
    CheckConstraint(
        "state IN ('accepted','partly_held','held','rejected','duplicate')", name="state_known"
    ),
    Index("ix_file_sha256", "sha256", unique=True, sqlite_where=text("duplicate_of IS NULL"),
          postgresql_where=text("duplicate_of IS NULL")),
    Index("ix_file_transmission", "transmission"),
    Index("ix_file_detail_digest", "detail_digest"),
    sqlite_strict=True,
)  # fmt: skip

# Files that stand in an inbox and are not taken yet, with the reason; rewritten by each scan.
waiting = _keyed_only(
    "waiting",
    _text("inbox", nullable=False),
    _text("name", nullable=False),
    Column("size", INT, nullable=False),
    _text("since_at", nullable=False),
    _text("reason", nullable=False),
    PrimaryKeyConstraint("inbox", "name"),
)

problem = _keyed_only(
    "problem",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("problem_no", INT, nullable=False),
    _text("code", nullable=False),
    _text("severity", nullable=False),
    _text("scope", nullable=False),
    Column("batch_ord", INT),
    Column("ordinal", INT),
    Column("line", INT),
    Column("byte_offset", INT),
    _text("field"),
    _text("message", nullable=False),
    PrimaryKeyConstraint("file_no", "problem_no"),
)

batch = _keyed_only(
    "batch",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("batch_ord", INT, nullable=False),
    _text("batch"),
    Column("line", INT),
    Column("declared_count", INT),
    _cents("declared_cents", nullable=True),
    Column("found_count", INT),
    _cents("found_cents", nullable=True),
    _text("state", nullable=False),  # accepted, held, rejected
    PrimaryKeyConstraint("file_no", "batch_ord"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("receipt_no", INT, primary_key=True, autoincrement=False),
    *_place(),
    Column("batch_ord", INT, nullable=False),
    _text("batch"),
    _text("sequence"),
    _text("channel", nullable=False),
    _text("tender", nullable=False),
    _cents("amount_cents"),
    _text("received_date", nullable=False),
    _text("deposit_date"),
    _text("account_on_item"),
    _text("reference"),
    _text("check_number"),
    _text("trace_number"),
    _text("payer_name"),
    Column("payer_key", INT),  # keyed 64-bit hash of routing and account; never the number
    Column("repeat_key", INT),  # hash of payer, amount and check or trace number
    _text("drawer"),
    _text("taken_by"),
    _text("payment"),
    Index("ix_receipt_repeat_key", "repeat_key"),
    sqlite_strict=True,
)

# Remittances of receipts that nobody has placed yet (suspense, held): what a second look needs.
remittance = _keyed_only(
    "remittance",
    Column("receipt_no", INT, nullable=False),
    Column("sequence", INT, nullable=False),
    *_place(),
    _text("kind", nullable=False),
    _text("reference"),
    _cents("amount_cents", nullable=True),
    PrimaryKeyConstraint("receipt_no", "sequence"),
)

# Receipts held until a day comes (received after the business date); taken out when they post.
future_receipt = _keyed_only(
    "future_receipt",
    Column("receipt_no", INT, primary_key=True),
    _text("due_date", nullable=False),
)

# Records with a number of their own (counter receipts, card transactions), to tell a repetition
# from a conflict.
numbered_record = _keyed_only(
    "numbered_record",
    _text("source", nullable=False),  # "cashier:DRAWER" or "card:MERCHANT"
    _text("number", nullable=False),
    _text("content", nullable=False),  # digest of the rows
    Column("file_no", INT, nullable=False),
    PrimaryKeyConstraint("source", "number"),
)

set_aside = _keyed_only(
    "set_aside",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *_place(),
    Column("batch_ord", INT),
    _text("kind", nullable=False),
    _text("code"),
    _cents("amount_cents", nullable=True),
    _text("trace_number"),
    _text("original"),
    _text("reference"),
    _text("payer_name"),
    _text("approved_by"),
    _text("drawer"),
    _text("effective_date"),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

bank_line = _keyed_only(
    "bank_line",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *_place(),
    _text("bank_account"),
    _text("value_date"),
    _text("type_code"),
    _cents("amount_cents"),
    _text("reference"),
    _text("customer_reference"),
    _text("text"),
    Column("same_day", INT, nullable=False),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

bank_balance = _keyed_only(
    "bank_balance",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *_place(),
    _text("bank_account"),
    _text("as_of_date"),
    _text("type_code"),
    _cents("amount_cents"),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

drawer_close = _keyed_only(
    "drawer_close",
    Column("file_no", INT, ForeignKey("file.file_no"), nullable=False),
    Column("ordinal", INT, nullable=False),
    *_place(),
    _text("drawer", nullable=False),
    _text("cashier"),
    _text("business_date", nullable=False),
    _cents("opening_float_cents"),
    _cents("counted_cash_cents"),
    _cents("counted_checks_cents"),
    _text("deposit_bag"),
    _text("deposit_date"),
    _text("verified_by"),
    _text("counts"),
    PrimaryKeyConstraint("file_no", "ordinal"),
)

# The mirror of the billing system.
account = Table(
    "account",
    metadata,
    Column("account_key", INT, primary_key=True, autoincrement=False),
    _text("account_number", nullable=False),
    _text("reference_key", nullable=False),  # number without blanks, dashes and leading zeros
    _text("customer_name"),
    _text("name_key"),  # normalised name
    _text("status", nullable=False),
    _text("family"),
    _text("service_address"),
    _text("mailing_address"),
    _text("autopay"),
    _text("hold_code"),
    _text("cash_only_until"),
    _cents("credit_balance_cents", nullable=True),
    _cents("budget_cents", nullable=True),
    Column("since_entry", INT, nullable=False),  # entry of the file that first named it
    UniqueConstraint("account_number"),
    Index("ix_account_reference_key", "reference_key"),
    Index("ix_account_name_key", "name_key"),
    sqlite_strict=True,
)

account_alias = _keyed_only(
    "account_alias",
    _text("reference_key", nullable=False),
    Column("account_key", INT, nullable=False),
    _text("kind", nullable=False),  # OLD_NUMBER
    _text("alias", nullable=False),  # as written
    PrimaryKeyConstraint("reference_key", "account_key", "kind"),
)

item = Table(
    "item",
    metadata,
    Column("item_key", INT, primary_key=True, autoincrement=False),
    Column("account_key", INT, nullable=False),
    _text("item_number", nullable=False),
    _text("item_reference", nullable=False),  # item number as references are compared
    _text("charge_type", nullable=False),
    _text("fund", nullable=False),
    _text("service"),
    _text("bill_number"),
    _text("bill_reference"),
    _text("bill_date"),
    _text("due_date"),
    _cents("original_cents"),
    _cents("snapshot_cents"),  # the billing system's last figure
    _cents("pending_cents"),  # posted by recond and in no snapshot yet
    _cents("open_cents"),  # effective open: max(snapshot - pending, 0)
    _text("period"),
    _text("disputed"),
    _text("service_address"),
    _text("reference"),
    _text("arrangement_number"),
    _text("installment"),
    Column("since_entry", INT, nullable=False),  # entry of the snapshot that first brought it
    UniqueConstraint("account_key", "item_number"),
    CheckConstraint("open_cents >= 0", name="not_over_applied"),
    CheckConstraint(
        "open_cents = CASE WHEN snapshot_cents > pending_cents"
        " THEN snapshot_cents - pending_cents ELSE 0 END",
        name="open_is_snapshot_less_pending",
    ),
    Index("ix_item_item_reference", "item_reference"),
    Index("ix_item_bill_reference", "bill_reference"),
    sqlite_strict=True,
    postgresql_with={"fillfactor": 50},
)

# Which shapes item and bill numbers have ("I:12:digits"): a reference of another shape need not
# be looked up.
reference_shape = _keyed_only(
    "reference_shape",
    _text("kind", nullable=False),  # ITEM, BILL, ALIAS
    Column("length", INT, nullable=False),
    Column("digits", INT, nullable=False),  # 1: digits only
    PrimaryKeyConstraint("kind", "length", "digits"),
)

snapshot = _keyed_only(
    "snapshot",
    Column("file_no", INT, primary_key=True),
    _text("source"),
    _text("snapshot"),
    _text("previous_snapshot"),
    _text("mode", nullable=False),  # full, delta
    _text("as_of"),
    Column("manifest", INT, nullable=False),
    Column("rows", INT, nullable=False),
    Column("accounts", INT, nullable=False),
    _cents("open_cents"),
    # postings up to this one are contained (entry 0: the file does not say)
    Column("contains_entry", INT, nullable=False),
    Column("contains_receipt", INT),
    Column("contains_version", INT),
    Column("contains_line", INT),
)

# Money: added to, never changed.
entry = Table(
    "entry",
    metadata,
    Column("entry_no", INT, primary_key=True, autoincrement=False),
    Column("entry_id", TEXT, nullable=False, unique=True),
    Column("file_no", INT),
    _text("source", nullable=False),  # file, snapshot, match, reverse …
    _text("effective_date", nullable=False),
    _text("period", nullable=False),
    _text("business_date", nullable=False),  # the as-of date of the run that posted it
    _text("posted_at", nullable=False),
    _text("decided_by", nullable=False),
    _text("description", nullable=False),
    sqlite_strict=True,
)

decision = _keyed_only(
    "decision",
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("entry_no", INT, nullable=False),
    Column("account_key", INT),
    _text("rule", nullable=False),
    _text("evidence", nullable=False),
    PrimaryKeyConstraint("receipt_no", "version"),
)
Index("ix_decision_account_key", decision.c.account_key)

placement = _keyed_only(
    "placement",
    Column("receipt_no", INT, nullable=False),
    Column("version", INT, nullable=False),
    Column("line", INT, nullable=False),
    Column("bucket", INT, nullable=False),
    Column("account_key", INT),
    Column("item_key", INT),
    _text("charge_type"),
    _text("fund"),
    _cents("cents"),
    Column("reverses_version", INT),
    Column("reverses_line", INT),
    PrimaryKeyConstraint("receipt_no", "version", "line"),
    CheckConstraint("bucket BETWEEN 1 AND 6", name="bucket_known"),
    CheckConstraint("(bucket = 1) = (item_key IS NOT NULL)", name="item_when_applied"),
)
Index(
    "ix_placement_credit",
    placement.c.account_key,
    placement.c.receipt_no,
    sqlite_where=text("bucket = 2"),
    postgresql_where=text("bucket = 2"),
)
Index(
    "ix_placement_suspense",
    placement.c.receipt_no,
    sqlite_where=text("bucket = 3"),
    postgresql_where=text("bucket = 3"),
)

journal_line = _keyed_only(
    "journal_line",
    Column("entry_no", INT, nullable=False),
    Column("line", INT, nullable=False),
    _text("fund", nullable=False),
    _text("gl_account", nullable=False),
    _cents("debit_cents", minimum=0),
    _cents("credit_cents", minimum=0),
    PrimaryKeyConstraint("entry_no", "line"),
    CheckConstraint("(debit_cents = 0) <> (credit_cents = 0)", name="one_side"),
)

# Questions for clerks. A question is not money: its status changes.
exception = Table(
    "exception",
    metadata,
    Column("exception_no", INT, primary_key=True, autoincrement=False),
    Column("exception_id", TEXT, nullable=False, unique=True),
    Column("version", INT, nullable=False),
    _text("code", nullable=False),
    _text("scope", nullable=False),
    _text("severity", nullable=False),
    _cents("amount_cents", nullable=True),
    Column("file_no", INT),
    Column("batch_ord", INT),
    Column("receipt_no", INT),
    Column("account_key", INT),
    _text("opened_at", nullable=False),
    _text("opened_date", nullable=False),
    _text("status", nullable=False),  # open, assigned, on_hold, pending_approval, resolved
    _text("resolved_at"),
    _text("resolved_date"),
    _text("resolved_by"),
    _text("resolution"),
    _text("message", nullable=False),
    Index("ix_exception_receipt_no", "receipt_no"),
    Index("ix_exception_open", "code", sqlite_where=text("status <> 'resolved'"),
          postgresql_where=text("status <> 'resolved'")),
    sqlite_strict=True,
)  # fmt: skip

# What the schedule remembers: due-ness is computed from here, never from the scheduler.
job = _keyed_only(
    "job",
    Column("job", TEXT, primary_key=True),
    _text("last_success_at"),
    _text("last_started_at"),
    _text("last_error"),
)

IMMUTABLE = (receipt, entry, decision, placement, journal_line)
