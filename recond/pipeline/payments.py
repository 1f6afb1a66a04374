"""The effect of a payment file: receipts in, placed or held, one chunk after the other.

Receipts go straight into their final table. Those that are sound are matched against the books
as the chunks before left them, and posted; the rest is listed as held, with its remittances kept
for the day when somebody decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from recond import ids
from recond.arrays import Bools, bools
from recond.exceptions.desk import Question
from recond.ledger import FACTS, Source
from recond.matching.cascade import match
from recond.matching.tables import Matched
from recond.model import SUSPENSE, Parsed
from recond.pipeline import advices, deposits, numbered, sources
from recond.pipeline.own import with_own_debits
from recond.pipeline.reading import Reading
from recond.pipeline.run import Run
from recond.receivables.book import fetch_book
from recond.store import schema
from recond.store.engine import insert_table

# Counter and card receipts count on the day they were taken, the others on the day of deposit.
DATED_BY_RECEIPT = ("CASHIER", "CARD")


@dataclass(slots=True)
class Tally:
    """What a payment file came to, in receipts and cents."""

    posted: int = 0
    posted_cents: int = 0
    suspense: int = 0
    suspense_cents: int = 0
    held: int = 0
    future: int = 0
    skipped: int = 0
    advices: int = 0
    advised_cents: int = 0
    explained: int = 0  # advices whose payment was there already
    conflicts: list[Question] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The file whose effect is written."""

    file_no: int
    file_id: str
    name: str
    held: bool  # the whole file is held: list its receipts, post nothing
    held_batches: frozenset[int]


def take_payments(connection: Connection, run: Run, arrival: Arrival, reading: Reading) -> Tally:
    """Write the receipts of a file that was read: match and post what is sound, list the rest."""
    tally = Tally()
    run = sources.restricted(connection, run, arrival.file_no)
    source = Source("file", arrival.file_id[1:], arrival.name, arrival.file_no)
    for number, chunk in enumerate(joined(reading.chunks(), run.chunk_receipts())):
        part = source if number == 0 else _part_of(source, number)
        mine = with_own_debits(chunk, reading, run.home.settings.ach.company_ids)
        _take_chunk(connection, run, arrival, mine, part, tally)
    if tally.advices:
        tally.explained = advices.explain_stored(connection, arrival.file_no)
    run.desk(connection).open(tally.conflicts)
    return tally


def joined(chunks: Iterator[Parsed], limit: int) -> Iterator[Parsed]:
    """The parser's small chunks as few large ones: each is one round trip to the books.

    Tenders of one payment are matched and told from repetitions together, wherever in the file
    they stand, so a file that has such payments (the counter's) is one piece.
    """
    parts: list[Parsed] = []
    receipts, whole = 0, False
    for chunk in chunks:
        rows = chunk.table("receipts").num_rows + chunk.table("advice_lines").num_rows
        payments = chunk.table("receipts")["payment"]
        whole = whole or payments.null_count < len(payments)
        if parts and receipts + rows > limit and not whole:
            yield _one(parts)
            parts, receipts = [], 0
        parts.append(chunk)
        receipts += rows
    if parts:
        yield _one(parts)


def _one(parts: list[Parsed]) -> Parsed:
    names = ("receipts", "remittances", "set_aside", "advices", "advice_lines")
    return Parsed(
        {n: pa.concat_tables([p.table(n) for p in parts]).combine_chunks() for n in names}
    )


def _part_of(source: Source, number: int) -> Source:
    return Source(source.kind, f"{source.key}.{number}", source.description, source.file_no)


def _take_chunk(
    connection: Connection,
    run: Run,
    arrival: Arrival,
    chunk: Parsed,
    source: Source,
    tally: Tally,
) -> None:
    receipts = keyed(chunk.table("receipts"), arrival.file_no)
    remittances = keyed(chunk.table("remittances"), arrival.file_no)
    set_aside = chunk.table("set_aside")
    seen = numbered.judge(connection, arrival, receipts, set_aside)
    receipts = receipts.filter(pa.array(~seen.skipped))
    conflicting = seen.conflicting[~seen.skipped]
    tally.skipped += seen.skipped_rows
    set_aside = numbered.with_held(set_aside, seen)
    insert_table(connection, schema.set_aside, set_aside, constants={"file_no": arrival.file_no})
    held = None if arrival.held else arrival.held_batches
    tally.advised_cents += advices.keep(connection, arrival.file_no, chunk, held)
    tally.advices += chunk.table("advices").num_rows
    if receipts.num_rows == 0:
        return
    _insert_receipts(connection, run, receipts)
    remittances = advices.explain_new(connection, receipts, remittances)
    sound = _sound(receipts, arrival) & ~conflicting
    due = sound & _due(receipts, run)
    tally.held += int((~sound).sum())
    _ask_conflicts(arrival, receipts.filter(pa.array(conflicting)), tally)
    tally.future += put_off(connection, receipts.filter(pa.array(sound & ~due)))
    chosen = receipts.filter(pa.array(due))
    placed = place(connection, run, chosen, _of(remittances, chosen), source)
    tally.posted += chosen.num_rows
    tally.posted_cents += int(pc.sum(chosen["amount_cents"]).as_py() or 0)
    tally.suspense += len(placed)
    in_suspense = chosen.filter(pc.is_in(chosen["ordinal"], value_set=placed))
    tally.suspense_cents += int(pc.sum(in_suspense["amount_cents"]).as_py() or 0)
    waiting = pa.concat_arrays(
        [placed, receipts["ordinal"].filter(pa.array(~due)).combine_chunks()]
    )
    _keep_remittances(connection, remittances, waiting)


def keyed(table: pa.Table, file_no: int) -> pa.Table:
    """The table with each `ordinal` made the receipt's key (`schema.receipt_key`)."""
    base = pa.scalar(schema.receipt_key(file_no, 0), pa.int64())
    index = table.schema.get_field_index("ordinal")
    return table.set_column(index, "ordinal", pc.add(table["ordinal"], base))


def _of(remittances: pa.Table, receipts: pa.Table) -> pa.Table:
    if remittances.num_rows == 0:
        return remittances
    wanted = receipts["ordinal"].combine_chunks()
    return remittances.filter(pc.is_in(remittances["ordinal"], value_set=wanted))


def _insert_receipts(connection: Connection, run: Run, receipts: pa.Table) -> None:
    table = receipts.drop_columns(["payer_account"]).rename_columns({"ordinal": "receipt_no"})
    run.ledger(connection).receive(table)


def _sound(receipts: pa.Table, arrival: Arrival) -> Bools:
    """Which receipts are believed: neither their file nor their batch is held, and the day on
    which they were received is known."""
    if arrival.held:
        return np.zeros(receipts.num_rows, np.bool_)
    sound = pc.is_valid(receipts["received_date"])
    if arrival.held_batches:
        wrong = pa.array(sorted(arrival.held_batches), pa.int32())
        sound = pc.and_(sound, pc.invert(pc.is_in(receipts["batch_ord"], value_set=wrong)))
    return bools(sound)


def _due(receipts: pa.Table, run: Run) -> Bools:
    """A receipt that was received after the business date waits for its day (contract 5)."""
    today = pa.scalar(run.today, pa.date32())
    due = pc.fill_null(pc.less_equal(receipts["received_date"], today), False)
    return bools(due)


def put_off(connection: Connection, receipts: pa.Table) -> int:
    """Let receipts (RECEIPTS, `ordinal` the key) wait for the day on which they are received;
    returns how many."""
    table = pa.table({"receipt_no": receipts["ordinal"], "due_date": receipts["received_date"]})
    return insert_table(connection, schema.future_receipt, table)


def _keep_remittances(connection: Connection, remittances: pa.Table, waiting: pa.Array) -> None:
    kept = remittances.filter(pc.is_in(remittances["ordinal"], value_set=waiting))
    insert_table(connection, schema.remittance, kept.rename_columns({"ordinal": "receipt_no"}))


def _ask_conflicts(arrival: Arrival, receipts: pa.Table, tally: Tally) -> None:
    for row in receipts.select(["ordinal", "sequence", "amount_cents", "line"]).to_pylist():
        ordinal = row["ordinal"] & ((1 << schema.ORDINAL_BITS) - 1)
        number = row["sequence"]
        tally.conflicts.append(
            Question(
                "RECEIPT_CONFLICT",
                ids.receipt_id(arrival.file_id, ordinal),
                f"{arrival.name}, line {row['line']}: receipt {number} came before with other"
                " content; the earlier one stands, this one is held",
                amount_cents=row["amount_cents"],
                file_no=arrival.file_no,
                receipt_no=row["ordinal"],
            )
        )


def facts_of(receipts: pa.Table) -> pa.Table:
    """FACTS of receipts (RECEIPTS with `ordinal` the key): what posting needs of them."""
    by_receipt = pc.is_in(receipts["channel"], value_set=pa.array(DATED_BY_RECEIPT))
    deposited = pc.coalesce(receipts["deposit_date"], receipts["received_date"])
    effective = pc.if_else(by_receipt, receipts["received_date"], deposited)
    return pa.table(
        {
            "receipt_no": receipts["ordinal"],
            "amount_cents": receipts["amount_cents"],
            "channel": receipts["channel"],
            "batch_ord": receipts["batch_ord"],
            "effective_date": effective,
        },
        schema=FACTS,
    )


def place(
    connection: Connection,
    run: Run,
    receipts: pa.Table,
    remittances: pa.Table,
    source: Source,
) -> pa.Array:
    """Match receipts and post them for the first time. `ordinal` is the receipt's key in both
    tables. Returns the keys of those that stand in suspense."""
    if receipts.num_rows == 0:
        return pa.array([], pa.int64())
    book = fetch_book(connection, receipts, remittances, run.rules, run.since(), run.today)
    matched = match(receipts, remittances, book, run.rules, run.today)
    run.ledger(connection).post(facts_of(receipts), matched, source)
    deposits.note(connection, receipts)
    ask(connection, run, matched)
    placements = matched.placements
    return pc.unique(placements["ordinal"].filter(pc.equal(placements["bucket"], SUSPENSE))).cast(
        pa.int64()
    )


def ask(connection: Connection, run: Run, matched: Matched) -> None:
    """Open the questions that matching leaves."""
    rows = matched.questions.to_pylist()  # questions only, never a whole file's receipts
    if not rows:
        return
    told = [row[name] for row in rows for name in ("ordinal", "other") if row[name] is not None]
    file_ids = ids.files_of(connection, {number >> schema.ORDINAL_BITS for number in told})
    low = (1 << schema.ORDINAL_BITS) - 1
    questions = []
    for row in rows:
        file_no, message = row["ordinal"] >> schema.ORDINAL_BITS, row["message"]
        if row["other"] is not None:
            owner = file_ids[row["other"] >> schema.ORDINAL_BITS]
            message = message.replace("{other}", ids.receipt_id(owner, row["other"] & low))
        questions.append(
            Question(
                row["code"],
                ids.receipt_id(file_ids[file_no], row["ordinal"] & low),
                message,
                amount_cents=row["amount_cents"],
                file_no=file_no,
                receipt_no=row["ordinal"],
                account_key=row["account_key"],
            )
        )
    run.desk(connection).open(questions)
