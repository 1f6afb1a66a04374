"""The datasets of the bank: deposits, bank_lines, clearings (contract section 5)."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, and_, case, func, null, select

from recond.exports.columns import AMOUNT, FileIds, fetch, int64s
from recond.exports.scope import Scope
from recond.model import SUSPENSE, VOIDED
from recond.money import decimal_from_cents
from recond.store import schema
from recond.store.withdrawals import is_withdrawn

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()

DEPOSITS = pa.schema(
    [("deposit_id", TEXT), ("kind", TEXT), ("channel", TEXT), ("business_date", DATE),
     ("expected_date", DATE), ("amount", AMOUNT), ("reference", TEXT), ("state", TEXT),
     ("bank_line_id", TEXT), ("credited_amount", AMOUNT)]
)  # fmt: skip
BANK_LINES = pa.schema(
    [("bank_line_id", TEXT), ("file_id", TEXT), ("line", INT64), ("bank_account", TEXT),
     ("value_date", DATE), ("type_code", TEXT), ("amount", AMOUNT), ("reference", TEXT),
     ("text", TEXT), ("state", TEXT)]
)  # fmt: skip
CLEARINGS = pa.schema(
    [("clearing_id", TEXT), ("deposit_id", TEXT), ("bank_line_id", TEXT), ("amount", AMOUNT),
     ("rule", TEXT), ("cleared_at", TEXT), ("evidence", TEXT)]
)  # fmt: skip

# The contract's word for each channel of receipts.
CHANNELS = {"LOCKBOX": "lockbox", "ACH_CREDIT": "ach", "ACH_DEBIT": "ach", "CARD": "card",
            "CASHIER": "cashier"}  # fmt: skip

deposit, clearing, line = schema.deposit, schema.clearing, schema.bank_line


def deposits(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a deposit by number; dates limit the business date. `state`: in_transit, discrepant
    (another amount was credited), reconciled, withdrawn (its file was replaced). `bank_line_id`
    is its line; of several the first, dataset clearings has them all."""
    brought = select(func.sum(clearing.c.cents)).where(
        clearing.c.deposit_no == deposit.c.deposit_no, scope.known(clearing.c.business_date)
    )
    first = select(func.min(clearing.c.file_no * (1 << schema.ORDINAL_BITS) + clearing.c.ordinal))
    first = first.where(
        clearing.c.deposit_no == deposit.c.deposit_no, scope.known(clearing.c.business_date)
    )
    taken_back = schema.deposit.alias()
    withdrawn = (
        select(taken_back.c.deposit_no)
        .where(taken_back.c.withdraws_no == deposit.c.deposit_no,
               taken_back.c.receipts_cents != 0, scope.known(taken_back.c.made_date))
        .exists()
    )  # fmt: skip
    rounded = (
        select(func.coalesce(func.sum(taken_back.c.amount_cents), 0))
        .where(taken_back.c.withdraws_no == deposit.c.deposit_no,
               taken_back.c.receipts_cents == 0, scope.known(taken_back.c.made_date))
        .scalar_subquery()
    )  # fmt: skip
    cents = func.coalesce(brought.scalar_subquery(), 0)
    state = case(
        (withdrawn, "withdrawn"),
        (cents == deposit.c.amount_cents + rounded, "reconciled"),
        (cents == 0, "in_transit"),
        else_="discrepant",
    )
    channel = case(
        *((deposit.c.channel == name, word) for name, word in CHANNELS.items()),
        else_=deposit.c.channel,
    )
    statement = (
        select(
            deposit.c.deposit_id, deposit.c.kind, channel, deposit.c.business_date,
            deposit.c.expected_date, deposit.c.amount_cents, deposit.c.reference, state,
            case((and_(cents == 0, ~withdrawn), null()), else_=first.scalar_subquery()), cents,
        )
        .where(
            deposit.c.amount_cents != 0, deposit.c.withdraws_no.is_(None),
            deposit.c.kind.not_in(("return", "redeposit")), scope.known(deposit.c.made_date),
            scope.of_month(deposit.c.business_date, deposit.c.period),
        )
        .order_by(deposit.c.deposit_no)
    )  # fmt: skip
    raw = pa.schema(
        [pa.field(f.name, INT64 if f.name in {"amount", "bank_line_id", "credited_amount"}
                  else f.type) for f in DEPOSITS]
    )  # fmt: skip
    files = FileIds.load(connection)
    for found in fetch(connection, statement, raw):
        made = {
            "amount": decimal_from_cents(found["amount"]),
            "bank_line_id": line_ids(files, found["bank_line_id"]),
            "credited_amount": decimal_from_cents(found["credited_amount"]),
        }
        yield batch_of(found, made, DEPOSITS)


def bank_lines(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a line by arrival and place; dates limit the value date. `state`: cleared (it
    brought deposits, or is a fee), suspense and receipt (it is a receipt, in suspense or placed),
    open (a debit that nothing explains), shown (same-day), part (an item of another line's
    total), withdrawn (a corrected statement does not have it)."""
    part, placement = schema.line_part.c, schema.placement.c
    key = line.c.file_no * (1 << schema.ORDINAL_BITS) + line.c.ordinal
    in_part = select(part.ordinal).where(
        part.file_no == line.c.file_no, part.ordinal == line.c.ordinal
    )
    cleared = select(func.sum(clearing.c.cents)).where(
        clearing.c.file_no == line.c.file_no,
        clearing.c.ordinal == line.c.ordinal,
        scope.known(clearing.c.business_date),
    )
    decision, entry = schema.decision.c, schema.entry.c
    standing = (
        select(func.sum(placement.cents))
        .join(schema.decision, and_(decision.receipt_no == placement.receipt_no,
                                    decision.version == placement.version))
        .join(schema.entry, entry.entry_no == decision.entry_no)
        .where(placement.receipt_no == key, placement.bucket != VOIDED,
               scope.known(entry.business_date))
    )  # fmt: skip
    waiting = standing.where(placement.bucket == SUSPENSE)
    state = case(
        (is_withdrawn(scope.known(schema.withdrawn.c.business_date)), "withdrawn"),
        (line.c.same_day == 1, "shown"),
        (in_part.exists(), "part"),
        (func.coalesce(cleared.scalar_subquery(), 0) != 0, "cleared"),
        (func.coalesce(waiting.scalar_subquery(), 0) != 0, "suspense"),
        (func.coalesce(standing.scalar_subquery(), 0) != 0, "receipt"),
        else_="open",
    )
    file = schema.file.c
    statement = (
        select(
            line.c.ordinal, line.c.file_no, line.c.line, line.c.bank_account, line.c.value_date,
            line.c.type_code, line.c.amount_cents, line.c.reference, line.c.text, state,
        )
        .join(schema.file, file.file_no == line.c.file_no)
        .where(scope.known(file.business_date),
               scope.of_month(line.c.value_date, line.c.period))
        .order_by(line.c.file_no, line.c.ordinal)
    )  # fmt: skip
    numbers = {"bank_line_id", "file_id", "amount"}
    raw = pa.schema([pa.field(f.name, INT64 if f.name in numbers else f.type) for f in BANK_LINES])
    files = FileIds.load(connection)
    for found in fetch(connection, statement, raw):
        file_no = int64s(found["file_id"])
        keys = (file_no << schema.ORDINAL_BITS) | int64s(found["bank_line_id"])
        made = {
            "bank_line_id": line_ids(files, pa.array(keys)),
            "file_id": files.of_files(file_no),
            "amount": decimal_from_cents(found["amount"]),
        }
        yield batch_of(found, made, BANK_LINES)


def clearings(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a deposit and line, in order; dates limit the line's value date."""
    key = clearing.c.file_no * (1 << schema.ORDINAL_BITS) + clearing.c.ordinal
    statement = (
        select(
            clearing.c.clearing_id, deposit.c.deposit_id, key, clearing.c.cents, clearing.c.rule,
            clearing.c.cleared_at, clearing.c.evidence,
        )
        .join(deposit, deposit.c.deposit_no == clearing.c.deposit_no)
        .join(line, and_(line.c.file_no == clearing.c.file_no,
                         line.c.ordinal == clearing.c.ordinal))
        .outerjoin(schema.entry, schema.entry.c.entry_no == clearing.c.entry_no)
        .where(scope.known(clearing.c.business_date),
               scope.of_month(line.c.value_date, clearing_period()),
               deposit.c.kind.not_in(("return", "redeposit")))
        .order_by(clearing.c.clearing_no)
    )  # fmt: skip
    numbers = {"bank_line_id", "amount"}
    raw = pa.schema([pa.field(f.name, INT64 if f.name in numbers else f.type) for f in CLEARINGS])
    files = FileIds.load(connection)
    for found in fetch(connection, statement, raw):
        made = {
            "bank_line_id": line_ids(files, found["bank_line_id"]),
            "amount": decimal_from_cents(found["amount"]),
        }
        yield batch_of(found, made, CLEARINGS)


def clearing_period() -> ColumnElement[str]:
    """SQL: the month of a clearing (joined with its entry); of one that only moves money between
    deposits, its run's."""
    return func.coalesce(schema.entry.c.period, func.substr(clearing.c.business_date, 1, 7))


def line_ids(files: FileIds, keys: pa.Array) -> pa.Array:
    """`L` + file id without its letter + `-` + ordinal; null where the key is."""
    known = keys.is_valid()
    made = files.receipts(int64s(keys.fill_null(0))) if len(files.numbers) else keys
    text = pc.replace_substring_regex(made.cast(pa.string()), "^R", "L")
    return pc.if_else(known, text, pa.scalar(None, pa.string()))


def batch_of(found: pa.RecordBatch, made: dict[str, pa.Array], shown: pa.Schema) -> pa.RecordBatch:
    columns = [made[name] if name in made else found[name] for name in shown.names]
    return pa.record_batch(columns, schema=shown)


DRAWERS = pa.schema(
    [("drawer", TEXT), ("cashier", TEXT), ("business_date", DATE), ("expected_cash", AMOUNT),
     ("counted_cash", AMOUNT), ("expected_checks", AMOUNT), ("counted_checks", AMOUNT),
     ("over", AMOUNT), ("short", AMOUNT), ("swapped", AMOUNT), ("deposit_bag", TEXT),
     ("deposit_id", TEXT), ("verified_by", TEXT)]
)  # fmt: skip


def drawers(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row a drawer's close that was compared with its receipts; dates limit the business
    date. Over and short are never netted. A close is of the month of its first comparison; what
    receipts that came later made of it stands in statement over_short of theirs."""
    close, session = schema.drawer_close.c, schema.drawer_session
    later = session.alias()
    newest = (
        select(func.max(later.c.version))
        .where(later.c.file_no == session.c.file_no, later.c.ordinal == session.c.ordinal,
               scope.known(later.c.settled_date))
        .scalar_subquery()
    )  # fmt: skip
    bag = (
        select(deposit.c.deposit_id)
        .where(deposit.c.file_no == session.c.file_no, deposit.c.batch_ord == session.c.ordinal,
               deposit.c.kind == "drawer", deposit.c.amount_cents != 0)
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    first, of_first = session.alias(), deposit.alias()
    counted = close.counted_cash_cents - close.opening_float_cents
    statement = (
        select(
            close.drawer, close.cashier, close.business_date, session.c.expected_cash_cents,
            counted, session.c.expected_checks_cents, close.counted_checks_cents,
            session.c.over_cents, session.c.short_cents, session.c.swapped_cents,
            close.deposit_bag, bag, close.verified_by,
        )
        .join(schema.drawer_close, and_(close.file_no == session.c.file_no,
                                        close.ordinal == session.c.ordinal))
        .join(first, and_(first.c.file_no == session.c.file_no,
                          first.c.ordinal == session.c.ordinal, first.c.version == 1))
        .outerjoin(of_first, of_first.c.deposit_no == first.c.deposit_no)
        .where(session.c.version == newest,
               scope.of_month(close.business_date, of_first.c.period))
        .order_by(close.business_date, close.drawer, session.c.file_no, session.c.ordinal)
    )  # fmt: skip
    raw = pa.schema(
        [pa.field(f.name, INT64 if f.type == AMOUNT else f.type) for f in DRAWERS]
    )  # fmt: skip
    for found in fetch(connection, statement, raw):
        made = {f.name: decimal_from_cents(found[f.name]) for f in DRAWERS if f.type == AMOUNT}
        yield batch_of(found, made, DRAWERS)
