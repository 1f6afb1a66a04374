"""Named queries → Arrow: the datasets of contract section 5, its columns first and in its order.

Ids are text, amounts decimal128(18, 2) made from int64 cents, dates date32, instants ISO text in
UTC. Rows come in a fixed order and in batches, so that memory is bounded whatever the books hold.

As of a day D the books hold what entries with a business date up to D put there; questions and
files are shown as they were at the end of D (`store.past`), items as they were (`history`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, and_, func, select, tuple_

from recond.errors import UsageError
from recond.exceptions.suggest import suggestions
from recond.exports import adjusted, bank, owners, returned
from recond.exports.columns import AMOUNT, ROWS, FileIds, Int64, fetch, fetch_table, int64s
from recond.exports.proof import tables as proof
from recond.exports.receipts import RECEIPTS, receipts
from recond.exports.scope import Scope
from recond.exports.sources import SOURCES, sources
from recond.model import ITEM
from recond.money import decimal_from_cents
from recond.receivables import history
from recond.store import past, schema
from recond.store.engine import stage

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()

FILES = pa.schema(
    [("file_id", TEXT), ("inbox", TEXT), ("name", TEXT), ("sha256", TEXT), ("size", INT64),
     ("format", TEXT), ("arrived_at", TEXT), ("state", TEXT), ("declared_count", INT64),
     ("declared_amount", AMOUNT), ("found_count", INT64), ("found_amount", AMOUNT),
     ("message", TEXT)]
)  # fmt: skip
APPLICATIONS = pa.schema(
    [("application_id", TEXT), ("receipt_id", TEXT), ("account_number", TEXT),
     ("item_number", TEXT), ("charge_type", TEXT), ("fund", TEXT), ("amount", AMOUNT),
     ("rule", TEXT), ("effective_date", DATE), ("posted_at", TEXT), ("decided_by", TEXT),
     ("reverses_id", TEXT)]
)  # fmt: skip
# Beyond the contract's columns: why each suggestion is made.
EXCEPTIONS = pa.schema(
    [("exception_id", TEXT), ("version", INT64), ("code", TEXT), ("scope", TEXT),
     ("severity", TEXT), ("amount", AMOUNT), ("file_id", TEXT), ("receipt_id", TEXT),
     ("opened_at", TEXT), ("age_days", INT64), ("status", TEXT), ("suggest_1", TEXT),
     ("suggest_2", TEXT), ("suggest_3", TEXT), ("message", TEXT), ("suggest_1_why", TEXT),
     ("suggest_2_why", TEXT), ("suggest_3_why", TEXT)]
)  # fmt: skip
RECEIVABLES = pa.schema(
    [("account_number", TEXT), ("item_number", TEXT), ("charge_type", TEXT), ("fund", TEXT),
     ("bill_number", TEXT), ("due_date", DATE), ("original_amount", AMOUNT),
     ("open_amount", AMOUNT), ("pending_amount", AMOUNT)]
)  # fmt: skip
JOURNAL = pa.schema(
    [("entry_id", TEXT), ("line", INT64), ("effective_date", DATE), ("period", TEXT),
     ("fund", TEXT), ("gl_account", TEXT), ("debit", AMOUNT), ("credit", AMOUNT),
     ("source", TEXT), ("description", TEXT)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's columns and how its rows are read."""

    schema: pa.Schema
    rows: Callable[[Connection, Scope], Iterator[pa.RecordBatch]]


def stream(connection: Connection, name: str, scope: Scope) -> pa.RecordBatchReader:
    """The dataset as record batches, read while they are taken; `connection` must see one moment
    of the books (`Store.read`) as long as that lasts.

    Raises UsageError for an unknown name or limits that the dataset does not have.
    """
    if name not in DATASETS:
        raise UsageError(f"There is no dataset {name!r}; there are {', '.join(DATASETS)}.")
    if name == "receivables":
        _receivables_can(scope)
    chosen = DATASETS[name]
    return pa.RecordBatchReader.from_batches(chosen.schema, chosen.rows(connection, scope))


def dataset(
    connection: Connection,
    name: str,
    *,
    today: dt.date,
    as_of: dt.date | None = None,
    date_from: dt.date | None = None,
    date_to: dt.date | None = None,
) -> pa.Table:
    """The whole dataset as one table; arguments and errors as those of `Scope` and `stream`."""
    return stream(connection, name, Scope(today, as_of, date_from, date_to)).read_all()


def _files(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """One row an arrival, then what stands in an inbox and waits. Dates limit the day of arrival,
    which is the business date of the run that took the file."""
    file, then = schema.file.c, past.files_at(scope.as_of)
    raw = _cents_of(FILES, {"declared_amount", "found_amount"})
    statement = select(
        file.file_id, file.inbox, file.name, file.sha256, file.size, file.format, file.arrived_at,
        then.c.state, file.declared_count, file.declared_cents, file.found_count,
        file.found_cents, then.c.message,
    )  # fmt: skip
    if then is not schema.file:
        statement = statement.join(then, then.c.file_no == file.file_no)
    statement = statement.where(
        scope.known(file.business_date), scope.of_month(file.business_date, file.period)
    ).order_by(file.file_no)
    for batch in fetch(connection, statement, raw):
        yield _with_decimal_from_cents(batch, FILES)
    if not scope.record and scope.day >= scope.today and _inside(scope, scope.today):
        yield _waiting(connection)


def _waiting(connection: Connection) -> pa.RecordBatch:
    """What stands in the inboxes, as few rows as files that are being delivered."""
    waiting = schema.waiting.c
    found = connection.execute(select(schema.waiting).order_by(waiting.inbox, waiting.name))
    rows = [
        {
            "file_id": "W" + hashlib.sha256(f"{row.inbox}/{row.name}".encode()).hexdigest()[:12],
            "inbox": row.inbox,
            "name": row.name,
            "sha256": "",
            "size": row.size,
            "arrived_at": row.since_at,
            "state": "waiting",
            "message": row.reason,
        }
        for row in found
    ]
    return pa.RecordBatch.from_pylist(rows, FILES)


def _applications(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Money on items, reversals negative, by receipt, version and line; dates limit the effective
    date."""
    files, entries = FileIds.load(connection), _entries(connection)
    for found in _placed(connection, scope):
        numbers = int64s(found["receipt_no"])
        made = _of_entries(entries, int64s(found["entry_no"]))
        made |= _of_items(connection, found["item_key"])
        made |= {
            "application_id": files.applications(numbers, found["version"], found["line"]),
            "receipt_id": files.receipts(numbers),
            "amount": decimal_from_cents(found["cents"]),
            "reverses_id": files.applications(
                numbers, found["reverses_version"], found["reverses_line"]
            ),
        }
        yield _picked(found, made, APPLICATIONS)


_PLACED = pa.schema(
    [("receipt_no", INT64), ("version", INT64), ("line", INT64), ("item_key", INT64),
     ("charge_type", TEXT), ("fund", TEXT), ("cents", INT64), ("reverses_version", INT64),
     ("reverses_line", INT64), ("rule", TEXT), ("entry_no", INT64)]
)  # fmt: skip


def _placed(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Placements on items with their rules and entries, in windows of their key."""
    placed, decision, entry = schema.placement.c, schema.decision.c, schema.entry.c
    key = (placed.receipt_no, placed.version, placed.line)
    statement = (
        select(*(placed[name] for name in _PLACED.names if name in placed), decision.rule,
               decision.entry_no)
        .join(schema.decision, and_(decision.receipt_no == placed.receipt_no,
                                    decision.version == placed.version))
        .where(placed.bucket == ITEM)
        .order_by(*key)
        .limit(ROWS)
    )  # fmt: skip
    if scope.as_of is not None or scope.bounded:
        statement = statement.join(schema.entry, entry.entry_no == decision.entry_no).where(
            scope.known(entry.business_date), scope.within(entry.effective_date)
        )
    last, more = (-1, 0, 0), True
    while more:
        found = fetch_table(connection, statement.where(tuple_(*key) > tuple_(*last)), _PLACED)
        more = found.num_rows == ROWS
        if found.num_rows:
            end = found.slice(found.num_rows - 1).to_pylist()[0]
            last = (end["receipt_no"], end["version"], end["line"])
            yield found.to_batches()[0]


def _of_items(connection: Connection, keys: pa.Array) -> dict[str, pa.Array]:
    """Account and item number of each key. Looked up in order of the key: each page of the mirror
    is then read once, and not as often as payments point to it."""
    item, account = schema.item.c, schema.account.c
    distinct = pc.unique(keys).sort()
    staged = stage(
        connection, "exported_items", pa.table({"item_key": distinct}), key=("item_key",)
    )
    statement = (
        select(item.item_key, account.account_number, item.item_number)
        .join(schema.account, account.account_key == item.account_key)
        .where(item.item_key.in_(select(staged.c.item_key)))
        .order_by(item.item_key)
    )
    to = pa.schema([("item_key", INT64), ("account_number", TEXT), ("item_number", TEXT)])
    found = fetch_table(connection, statement, to)
    rows = pa.array(np.searchsorted(int64s(found["item_key"]), int64s(keys)))
    return {name: found[name].combine_chunks().take(rows) for name in to.names[1:]}


def _entries(connection: Connection) -> pa.Table:
    """What applications show of their entries, which are few: one a batch and day of deposit."""
    entry = schema.entry.c
    shown = pa.schema(
        [("entry_no", INT64), ("effective_date", DATE), ("posted_at", TEXT), ("decided_by", TEXT)]
    )
    statement = select(*(entry[name] for name in shown.names)).order_by(entry.entry_no)
    return fetch_table(connection, statement, shown)


def _of_entries(entries: pa.Table, numbers: Int64) -> dict[str, pa.Array]:
    """The columns of `entries`, whose numbers ascend, for each of some entry numbers."""
    rows = pa.array(np.searchsorted(int64s(entries["entry_no"]), numbers))
    columns = entries.drop_columns(["entry_no"])
    return {
        name: column.combine_chunks().take(rows)
        for name, column in zip(columns.column_names, columns.columns, strict=True)
    }


def _exceptions(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    return questions(connection, scope)


def questions(
    connection: Connection, scope: Scope, only: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Questions by number; `only` keeps these exception_no. Dates limit the business date of
    opening; `age_days` counts from there to the scope's day. Suggestions are today's, so they are
    left out of an earlier day's books."""
    question = past.questions_at(scope.as_of).c
    shown = ("exception_no", "exception_id", "version", "code", "scope", "severity",
             "amount_cents", "file_no", "receipt_no", "opened_at", "opened_date", "status",
             "resolved_date", "message")  # fmt: skip
    numbers = {"exception_no", "version", "amount_cents", "file_no", "receipt_no"}
    dates = {"opened_date", "resolved_date"}
    raw = pa.schema([(n, INT64 if n in numbers else DATE if n in dates else TEXT) for n in shown])
    statement = (
        select(*(question[name] for name in shown))
        .where(scope.known(question.opened_date), scope.within(question.opened_date))
        .order_by(question.exception_no)
    )
    if only is not None:
        statement = statement.where(question.exception_no.in_(list(only)))
    files = FileIds.load(connection)
    later = _later_entries(connection, scope)
    candidates = None if later or scope.record else suggestions(connection, only).candidates
    for found in fetch(connection, statement, raw):
        yield _picked(found, _question_columns(found, files, candidates, scope), EXCEPTIONS)


def _question_columns(
    found: pa.RecordBatch, files: FileIds, candidates: pa.Table | None, scope: Scope
) -> dict[str, pa.Array]:
    days = pa.scalar(scope.day).cast(pa.int32()).as_py()
    about = _keys(found["receipt_no"])
    owner = np.where(about >= 0, about >> schema.ORDINAL_BITS, _keys(found["file_no"]))
    made = {
        "amount": decimal_from_cents(found["amount_cents"]),
        "file_id": _where(owner >= 0, files.of_files, owner),
        "receipt_id": _where(about >= 0, files.receipts, about),
        "age_days": pc.subtract(days, found["opened_date"].cast(pa.int32())).cast(INT64),
    }
    for rank in (1, 2, 3):
        number, why = _suggested(found["exception_no"], candidates, rank)
        made[f"suggest_{rank}"], made[f"suggest_{rank}_why"] = number, why
    return made


def _suggested(
    questions: pa.Array, candidates: pa.Table | None, rank: int
) -> tuple[pa.Array, pa.Array]:
    """The account number and the reason of the suggestion of that rank of each question."""
    if candidates is None:
        return pa.nulls(len(questions), TEXT), pa.nulls(len(questions), TEXT)
    ranked = candidates.filter(pc.equal(candidates["rank"], rank)).combine_chunks()
    rows = pc.index_in(questions, value_set=ranked["exception_no"].combine_chunks())
    return (
        ranked["account_number"].combine_chunks().take(rows),
        ranked["why"].combine_chunks().take(rows),
    )


def _receivables(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Every item of the mirror by account and item number; of an earlier day every item that was
    known then."""
    item, balance, account = schema.item.c, schema.item_balance.c, schema.account.c
    if _later_entries(connection, scope):
        then = history.as_of(scope.day.isoformat()).subquery().c
        shown = (then.charge_type, then.fund, then.bill_number, then.due_date,
                 then.original_cents, then.snapshot_cents, then.pending)  # fmt: skip
        statement = (
            select(account.account_number, item.item_number, *shown)
            .join(schema.item, item.item_key == then.item_key)
            .join(schema.account, account.account_key == item.account_key)
        )
    else:
        shown = (item.charge_type, item.fund, item.bill_number, item.due_date,
                 item.original_cents, balance.snapshot_cents, balance.pending_cents)  # fmt: skip
        statement = (
            select(account.account_number, item.item_number, *shown)
            .select_from(schema.item_and_balance)
            .join(schema.account, account.account_key == item.account_key)
        )
    statement = statement.order_by(account.account_number, item.item_number)
    raw = _cents_of(RECEIVABLES, {"original_amount", "open_amount", "pending_amount"})
    for batch in fetch(connection, statement, raw):
        yield _with_decimal_from_cents(batch, RECEIVABLES)


def _receivables_can(scope: Scope) -> None:
    if scope.bounded:
        raise UsageError("receivables have no effective date; leave out --from and --to.")


def _later_entries(connection: Connection, scope: Scope) -> bool:
    if scope.as_of is None:
        return False
    last = connection.scalar(select(func.max(schema.entry.c.business_date)))
    return last is not None and last > scope.as_of.isoformat()


def _journal(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Journal lines by entry and line; dates limit the effective date."""
    entry, line = schema.entry.c, schema.journal_line.c
    statement = (
        select(entry.entry_id, line.line, entry.effective_date, entry.period, line.fund,
               line.gl_account, line.debit_cents, line.credit_cents, entry.source,
               entry.description)
        .join(schema.journal_line, line.entry_no == entry.entry_no)
        .where(scope.known(entry.business_date), scope.within(entry.effective_date))
        .order_by(entry.entry_no, line.line)
    )  # fmt: skip
    for batch in fetch(connection, statement, _cents_of(JOURNAL, {"debit", "credit"})):
        yield _with_decimal_from_cents(batch, JOURNAL)


def _receipts(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    return receipts(connection, scope)


DATASETS = {
    "files": Dataset(FILES, _files),
    "receipts": Dataset(RECEIPTS, _receipts),
    "applications": Dataset(APPLICATIONS, _applications),
    "exceptions": Dataset(EXCEPTIONS, _exceptions),
    "receivables": Dataset(RECEIVABLES, _receivables),
    "deposits": Dataset(bank.DEPOSITS, bank.deposits),
    "bank_lines": Dataset(bank.BANK_LINES, bank.bank_lines),
    "clearings": Dataset(bank.CLEARINGS, bank.clearings),
    "returns": Dataset(returned.RETURNS, returned.returns),
    "adjustments": Dataset(adjusted.ADJUSTMENTS, adjusted.adjustments),
    "charges": Dataset(returned.CHARGES, returned.charges),
    "return_rates": Dataset(returned.RETURN_RATES, returned.return_rates),
    "drawers": Dataset(bank.DRAWERS, bank.drawers),
    "proof_of_cash": Dataset(proof.PROOF, proof.proof_of_cash),
    "proof_by_channel": Dataset(proof.CHANNELS, proof.proof_by_channel),
    "proof_items": Dataset(proof.ITEMS, proof.proof_items),
    "journal": Dataset(JOURNAL, _journal),
    "sources": Dataset(SOURCES, sources),
    "payers": Dataset(owners.PAYERS, owners.payers),
    "do_not_disconnect": Dataset(owners.DO_NOT_DISCONNECT, owners.do_not_disconnect),
}


def _inside(scope: Scope, day: dt.date) -> bool:
    return (scope.date_from or day) <= day <= (scope.date_to or day)


def _cents_of(shown: pa.Schema, names: set[str]) -> pa.Schema:
    """The schema in which rows are fetched: amounts as int64 cents."""
    return pa.schema([pa.field(f.name, INT64) if f.name in names else f for f in shown])


def _with_decimal_from_cents(batch: pa.RecordBatch, shown: pa.Schema) -> pa.RecordBatch:
    columns = [
        decimal_from_cents(column) if field.type == AMOUNT else column
        for column, field in zip(batch.columns, shown, strict=True)
    ]
    return pa.record_batch(columns, schema=shown)


def _picked(found: pa.RecordBatch, made: dict[str, pa.Array], shown: pa.Schema) -> pa.RecordBatch:
    columns = [made[name] if name in made else found[name] for name in shown.names]
    return pa.record_batch(columns, schema=shown)


def _keys(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Keys with -1 for null."""
    return int64s(pc.fill_null(column, -1))


def _where(
    known: np.ndarray[tuple[int], np.dtype[np.bool_]],
    ids: Callable[[np.ndarray[tuple[int], np.dtype[np.int64]]], pa.Array],
    keys: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> pa.Array:
    """The ids of the known keys, null for the others."""
    rows = np.cumsum(known) - 1
    return ids(keys[known]).take(pa.array(rows, mask=~known))
