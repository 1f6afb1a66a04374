"""Statement lines that no deposit explains: money in suspense, fees, debits to ask about.

A credit becomes a receipt of channel BANK the same day: it is in the bank, so nobody's money must
wait outside the books. Wires and book transfers carry their remittance in the text and are matched
like any receipt. When a deposit explains the line after all (a late file, domain E43), the receipt
leaves again and the deposit takes its place: never twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from recond import ids
from recond.arrays import Ints, ints
from recond.clearing.kinds import DIRECT, TAKEN_BACK, tender_of
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.ledger import Source
from recond.matching.cascade import match
from recond.matching.resolve import NONE, RULES
from recond.matching.tables import Matched
from recond.model import RECEIPTS, REMITTANCES
from recond.money import format_cents
from recond.parsers.freetext import words_with_digits
from recond.pipeline import bankbook, sources
from recond.pipeline.payments import ask, facts_of
from recond.pipeline.run import Run
from recond.receivables.book import fetch_book
from recond.store import schema
from recond.store.engine import insert_table

UNMATCHED, REPEATED, DEBIT = "BANK_CREDIT_UNMATCHED", "BANK_CREDIT_REPEATED", "BANK_DEBIT_UNKNOWN"
DEBITS = (DEBIT, "RETURN_REPEATED")  # what is asked about debits
UNDECIDED = RULES[NONE]  # the rule of a receipt that matching could not place
REPEAT_DAYS = 7  # calendar days within which the same credit again is suspected
LOW = (1 << schema.ORDINAL_BITS) - 1


@dataclass(frozen=True, slots=True)
class Taken:
    """Lines that became receipts, lines booked as fees, questions opened."""

    suspense: int
    fees: int
    asked: int


def take(
    connection: Connection, run: Run, lines: pa.Table, doubts: dict[int, tuple[str, str]]
) -> Taken:
    """Give the open lines that no deposit explains their place. `doubts`: code and words of the
    lines that several deposits fit, or that contradict the one they fit."""
    cents = ints(lines["amount_cents"])
    fresh = np.asarray(pc.invert(lines["suspended"]).to_numpy(zero_copy_only=False), np.bool_)
    credits_ = lines.filter(pa.array(fresh & (cents > 0)))
    _receive(connection, run, credits_, doubts)
    debits = lines.filter(pa.array(cents < 0))
    fee_codes = pa.array(run.home.settings.clearing.fee_codes, pa.string())
    is_fee = pc.fill_null(pc.is_in(debits["type_code"], value_set=fee_codes), False)
    fees = debits.filter(is_fee)
    book_fees(connection, run, fees)
    asked = _ask_debits(connection, run, debits.filter(pc.invert(is_fee)), doubts)
    return Taken(credits_.num_rows, fees.num_rows, asked + credits_.num_rows)


# --- credits --------------------------------------------------------------------------------------


def _receive(
    connection: Connection, run: Run, lines: pa.Table, doubts: dict[int, tuple[str, str]]
) -> None:
    """Receipts of channel BANK, their key the line's: matched where the text is a remittance,
    else in suspense with a question."""
    if lines.num_rows == 0:
        return
    receipts = _receipts(lines)
    remittances = _remittances(lines)
    stored = receipts.drop_columns(["payer_account"]).rename_columns({"ordinal": "receipt_no"})
    run.ledger(connection).receive(stored)
    keys = receipts["ordinal"].combine_chunks()
    for allowed, mine in sources.by_restriction(connection, run, keys):
        some = [table.filter(pc.is_in(table["ordinal"], value_set=mine))
                for table in (receipts, remittances)]  # fmt: skip
        waiting = _place(connection, allowed, *some)
        chosen = lines.filter(pc.is_in(lines["line_no"], value_set=waiting))
        _ask_credits(connection, run, chosen, doubts)


def _place(connection: Connection, run: Run, receipts: pa.Table, remittances: pa.Table) -> pa.Array:
    """Match and post them; the keys of those that matching cannot place, whose remittances are
    kept for later looks."""
    book = fetch_book(connection, receipts, remittances, run.rules, run.since(), run.today)
    matched = match(receipts, remittances, book, run.rules, run.today)
    decisions = matched.decisions
    waiting = decisions["ordinal"].filter(pc.equal(decisions["rule"], UNDECIDED)).combine_chunks()
    for source, part in _by_file(connection, receipts, matched):
        run.ledger(connection).post(facts_of(part[0]), part[1], source)
    kept = pc.invert(pc.is_in(matched.questions["ordinal"], value_set=waiting))
    ask(connection, run, Matched(decisions, matched.placements, matched.questions.filter(kept)))
    remembered = remittances.filter(pc.is_in(remittances["ordinal"], value_set=waiting))
    insert_table(
        connection, schema.remittance, remembered.rename_columns({"ordinal": "receipt_no"})
    )
    return waiting


def _receipts(lines: pa.Table) -> pa.Table:
    count = lines.num_rows
    made = {
        "ordinal": lines["line_no"],
        "line": lines["line"],
        "byte_offset": lines["byte_offset"],
        "byte_length": lines["byte_length"],
        "batch_ord": pa.repeat(pa.scalar(0, pa.int32()), count),
        "channel": pa.repeat(pa.scalar("BANK"), count),
        "tender": pa.array([tender_of(code) for code in lines["type_code"].to_pylist()]),
        "amount_cents": lines["amount_cents"],
        "received_date": lines["value_date"],
        "deposit_date": lines["value_date"],
        "reference": pc.coalesce(lines["customer_reference"], lines["text"]),
        "trace_number": lines["reference"],
    }
    columns = [made[f.name] if f.name in made else pa.nulls(count, f.type) for f in RECEIPTS]
    return pa.table(columns, schema=RECEIPTS)


def _remittances(lines: pa.Table) -> pa.Table:
    """Words of the text of wires and book transfers that could be references, as hints."""
    direct = lines.filter(
        pc.fill_null(pc.is_in(lines["type_code"], value_set=pa.array(sorted(DIRECT))), False)
    )
    if direct.num_rows == 0:
        return REMITTANCES.empty_table()
    texts = pc.binary_join_element_wise(
        pc.fill_null(direct["customer_reference"], ""), pc.fill_null(direct["text"], ""), " "
    ).combine_chunks()
    row, token = _references(texts)
    place = direct.take(pa.array(row))
    sequence = np.arange(len(row)) - np.searchsorted(row, row) + 1
    made = {
        "ordinal": place["line_no"],
        "sequence": pa.array(sequence, pa.int32()),
        "line": place["line"],
        "byte_offset": place["byte_offset"],
        "byte_length": place["byte_length"],
        "kind": pa.repeat(pa.scalar("HINT"), len(row)),
        "reference": token,
        "amount_cents": pa.nulls(len(row), pa.int64()),
    }
    return pa.table([made[f.name] for f in REMITTANCES], schema=REMITTANCES)


def _references(texts: pa.StringArray) -> tuple[Ints, pa.Array]:
    """Words with a digit: what could be an account, item or bill number."""
    texts = pa.concat_arrays([texts])  # a copy whose offsets begin at 0
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    edges = np.frombuffer(texts.buffers()[1], dtype=np.int32, count=len(texts) + 1)
    row, _, word = words_with_digits(data, edges.astype(np.int64))
    return row, word


def _by_file(
    connection: Connection, receipts: pa.Table, matched: Matched
) -> list[tuple[Source, tuple[pa.Table, Matched]]]:
    """Receipts with their decisions by statement file: entries are named by their file."""
    file_no = ints(receipts["ordinal"]) >> schema.ORDINAL_BITS
    names = ids.files_of(connection, set(np.unique(file_no).tolist()))
    found = []
    for number in np.unique(file_no).tolist():
        low, high = schema.receipt_key(number, 0), schema.receipt_key(number + 1, 0) - 1
        part = receipts.filter(_between(receipts["ordinal"], low, high))
        own = Matched(
            matched.decisions.filter(_between(matched.decisions["ordinal"], low, high)),
            matched.placements.filter(_between(matched.placements["ordinal"], low, high)),
            matched.questions,
        )
        first = int(part["ordinal"][0].as_py()) & LOW
        key = f"bank-{names[number][1:]}-{first}"
        found.append((Source("bank", key, "bank credits without a deposit", number), (part, own)))
    return found


def _between(column: pa.ChunkedArray, low: int, high: int) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))


def _ask_credits(
    connection: Connection, run: Run, lines: pa.Table, doubts: dict[int, tuple[str, str]]
) -> None:
    names = ids.files_of(connection, set(pc.unique(lines["file_no"]).to_pylist()))
    questions = []
    for row in lines.to_pylist():  # credits that nobody explains, never a whole statement
        code, words_ = doubts.get(row["line_no"], (UNMATCHED, "no deposit explains it"))
        if code == UNMATCHED and _came_before(connection, row):
            code, words_ = REPEATED, "an equal credit came a short time before"
        file_id = names[row["file_no"]]
        questions.append(
            Question(
                code,
                ids.receipt_id(file_id, row["ordinal"]),
                f"{_what(row)}: {words_}; the money stands in suspense",
                row["amount_cents"],
                file_no=row["file_no"],
                receipt_no=row["line_no"],
            )
        )
    run.desk(connection).open(questions)


def _what(row: dict[str, object]) -> str:
    text = " ".join(str(row[n]) for n in ("reference", "text") if row[n])
    return (
        f"{format_cents(int(str(row['amount_cents'])))} of {row['value_date']} on account"
        f" {row['bank_account']} (type {row['type_code']}, {text[:80]})"
    )


def _came_before(connection: Connection, row: dict[str, object]) -> bool:
    """Whether a line of the same account, type, amount and text brought a deposit before."""
    line, clearing = schema.bank_line.c, schema.clearing.c
    found = connection.execute(
        select(line.value_date)
        .join(
            schema.clearing,
            (clearing.file_no == line.file_no) & (clearing.ordinal == line.ordinal),
        )
        .where(
            line.bank_account == row["bank_account"],
            line.amount_cents == row["amount_cents"],
            line.type_code == row["type_code"],
            func.coalesce(line.text, "") == (row["text"] or ""),
            line.value_date <= str(row["value_date"]),
        )
        .order_by(line.value_date.desc())
        .limit(1)
    ).first()
    if found is None:
        return False
    gap = np.datetime64(str(row["value_date"])) - np.datetime64(found[0])
    return bool(gap <= np.timedelta64(REPEAT_DAYS, "D"))


# --- debits ---------------------------------------------------------------------------------------


def book_fees(
    connection: Connection,
    run: Run,
    lines: pa.Table,
    rule: str = "fee",
    evidence: str = "a fee by its type code",
) -> None:
    """Fees of the bank: Dr fees, Cr bank."""
    if lines.num_rows == 0:
        return
    count = lines.num_rows
    rows = lines.select(["file_no", "ordinal", "value_date", "line_no"])
    rows = rows.append_column("cents", lines["amount_cents"])
    rows = rows.append_column("deposit_no", pa.nulls(count, pa.int64()))
    rows = rows.append_column("rule", pa.repeat(pa.scalar(rule), count))
    rows = rows.append_column("evidence", pa.repeat(pa.scalar(evidence), count))
    accounts = pa.repeat(pa.scalar(run.chart.fees), count)
    entries = bankbook.book(connection, run, rows, accounts, "fees of the bank")
    bankbook.remember(connection, run, rows.append_column("entry_no", pa.array(entries)))
    bankbook.close_lines(connection, ints(lines["line_no"]))


def answer_debits(
    connection: Connection, run: Run, lines: pa.Table, words: str = "a returned item explains it"
) -> None:
    """Close the questions about debits among these lines (`file_no`, `ordinal`, `amount_cents`)
    that are explained now."""
    debits = lines.filter(pc.less(lines["amount_cents"], 0))
    if not debits.num_rows:
        return
    names = ids.files_of(connection, set(pc.unique(debits["file_no"]).to_pylist()))
    keys = [
        exception_id(code, f"L{names[row['file_no']][1:]}-{row['ordinal']}")
        for row in debits.select(["file_no", "ordinal"]).to_pylist()
        for code in DEBITS
    ]
    question = schema.exception.c
    numbers = list(
        connection.scalars(select(question.exception_no).where(question.exception_id.in_(keys)))
    )
    run.desk(connection).resolve(numbers, words)


def _patient(run: Run, row: dict[str, Any]) -> bool:
    """Items that the bank takes back may come as a file some days later."""
    if row["type_code"] not in TAKEN_BACK:
        return False
    days = run.calendar.bank_days_between(row["value_date"], run.today)
    return days < run.home.settings.clearing.late_days


def _ask_debits(
    connection: Connection, run: Run, lines: pa.Table, doubts: dict[int, tuple[str, str]]
) -> int:
    """Ask once about each debit that nothing explains."""
    names = ids.files_of(connection, set(pc.unique(lines["file_no"]).to_pylist()))
    questions = []
    for row in lines.to_pylist():  # debits that nobody explains, a few a day
        if _patient(run, row):
            continue
        code, words_ = doubts.get(row["line_no"], (DEBIT, "nothing explains this debit"))
        questions.append(
            Question(
                code,
                f"L{names[row['file_no']][1:]}-{row['ordinal']}",
                f"{_what(row)}: {words_}; it is in no account of the journal yet",
                -row["amount_cents"],
                file_no=row["file_no"],
            )
        )
    wanted = {exception_id(q.code, q.subject): q for q in questions}
    question = schema.exception.c
    known = set(connection.scalars(select(question.exception_id).where(question.code.in_(DEBITS))))
    return run.desk(connection).open([q for key, q in wanted.items() if key not in known])
