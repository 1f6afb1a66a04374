"""Deposits meet statement lines: what the bank brought, in the books the same day.

A line that brings deposits moves their money from the clearing account to the bank. A credit
without a deposit is money in suspense with a question; a deposit without a credit is asked about
after some bank days (contract section 5). Runs after every pass and by `recond clear`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, case, delete, func, select

from recond import posting
from recond.arrays import Ints, ints
from recond.clearing import cascade
from recond.clearing.kinds import OF_CHANNEL, TAKEN_BACK, kinds_of
from recond.clearing.tables import (
    OPEN_DEPOSITS,
    OPEN_LINES,
    PAIRS,
    RETURN,
    Cleared,
    Doubt,
    Limits,
)
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.model import SUSPENSE
from recond.money import format_cents
from recond.pipeline import (
    bankbook,
    deposits,
    drawers,
    moves,
    returns,
    settlements,
    statements,
    suspense,
)
from recond.pipeline.carry import carry
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table, stage

deposit, line, clearing = schema.deposit, schema.bank_line, schema.clearing
DIFFERS, LATE = "DEPOSIT_AMOUNT_DIFFERS", "DEPOSIT_NOT_CREDITED"
LOW = (1 << schema.ORDINAL_BITS) - 1


@dataclass(frozen=True, slots=True)
class Done:
    """What one run of clearing did, in numbers."""

    deposits: int  # made
    cleared: int  # lines that brought deposits
    returned: int  # receipts that came back
    suspense: int  # lines that became money in suspense
    fees: int  # lines booked as fees
    asked: int  # questions opened


def clear(connection: Connection, run: Run) -> Done:
    """Make the deposits that are due, pair what can be paired, ask about the rest."""
    statements.ask_chain(connection, run)
    made = settlements.make(connection, run) + drawers.settle(connection, run)
    _carry(connection, run)
    returned = returns.take(connection, run)
    lines = open_lines(connection, run)
    found = _pair(connection, run, lines)
    _write(connection, run, lines, found.pairs)
    doubts = {doubt.line_no: _told(connection, doubt) for doubt in found.doubts}
    left, back, repeated = _take_back(connection, run, _without(lines, found.pairs))
    cleared = lines.num_rows - left.num_rows
    if not left.num_rows:
        return Done(made, cleared, returned + back, 0, 0, _ask_late(connection, run))
    done = suspense.take(connection, run, left, doubts | repeated)
    asked = _ask_late(connection, run)
    return Done(made, cleared, returned + back, done.suspense, done.fees, done.asked + asked)


def _carry(connection: Connection, run: Run) -> None:
    """The credits of replaced files go to the deposits in their place; a rest is asked about."""
    left = carry(connection, run)
    differ = [number for number, cents in left.items() if cents]
    _answer(connection, run, [number for number, cents in left.items() if not cents])
    if differ:
        _ask_differing(connection, run, differ, left)


def _take_back(
    connection: Connection, run: Run, left: pa.Table
) -> tuple[pa.Table, int, dict[int, tuple[str, str]]]:
    """Items that the bank takes back and brings again, by their lines, as long as one follows
    from the other. Returns the lines that are left, receipts returned, doubts by line."""
    count = 0
    while True:
        debits, doubts = returns.of_lines(connection, run, _taken_back(left))
        if debits:
            count += len(debits)
            pairs = _pair(connection, run, left).pairs
            _write(connection, run, left, pairs)
            left = _without(left, pairs)
        pairs = pa.concat_tables(
            [
                returns.announced_debits(connection, run, _taken_back(left)),
                returns.again(connection, run, left.filter(pc.greater(left["amount_cents"], 0))),
            ]
        )
        _write(connection, run, left, pairs)
        left = _without(left, pairs)
        if not pairs.num_rows:
            return left, count, doubts


def _pair(connection: Connection, run: Run, lines: pa.Table) -> Cleared:
    if not lines.num_rows:
        return Cleared(PAIRS.empty_table(), ())
    expected = _open_deposits(connection, run)
    return cascade.clear(expected, _for_cascade(lines, run), limits(run))


def _without(lines: pa.Table, pairs: pa.Table) -> pa.Table:
    return lines.filter(pc.invert(pc.is_in(lines["line_no"], value_set=_lines(pairs))))


def _taken_back(lines: pa.Table) -> list[dict[str, Any]]:
    """Debits by which the bank takes items back, as their type code says."""
    codes = pa.array(sorted(TAKEN_BACK))
    chosen = pc.and_(
        pc.less(lines["amount_cents"], 0),
        pc.fill_null(pc.is_in(lines["type_code"], value_set=codes), False),
    )
    found: list[dict[str, Any]] = lines.filter(chosen).to_pylist()
    return found


def limits(run: Run) -> Limits:
    """How far lines are looked for, as recond.toml says."""
    chosen = run.home.settings.clearing
    return Limits(before=chosen.days_before, after=chosen.days_after)


def _lines(pairs: pa.Table) -> pa.Array:
    return pc.unique(pairs["line_no"]).cast(pa.int64())


# --- what is open ---------------------------------------------------------------------------------

_LINES = pa.schema(
    [
        pa.field("line_no", pa.int64()),
        pa.field("file_no", pa.int64()),
        pa.field("ordinal", pa.int64()),
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("byte_length", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("value_date", pa.date32()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
        pa.field("reference", pa.string()),
        pa.field("customer_reference", pa.string()),
        pa.field("text", pa.string()),
        pa.field("suspended", pa.bool_()),  # it is a receipt in suspense
    ]
)


def open_lines(connection: Connection, run: Run) -> pa.Table:
    """Lines that nothing explains yet, up to today; with those that stand in suspense. Money in
    suspense that somebody has placed since is explained."""
    opened = schema.open_line
    names = [f.name for f in _LINES if f.name not in {"line_no", "suspended"}]
    rows = fetch_arrow(
        connection,
        select(*(line.c[name] for name in names))
        .join(opened, (opened.c.file_no == line.c.file_no) & (opened.c.ordinal == line.c.ordinal))
        .where(line.c.value_date <= run.today.isoformat())
        .order_by(line.c.file_no, line.c.ordinal),
        pa.schema([_LINES.field(name) for name in names]),
    )
    key = pc.add(pc.shift_left(rows["file_no"], schema.ORDINAL_BITS), rows["ordinal"])
    rows = rows.add_column(0, "line_no", key)
    standing, whole = _receipts_of(connection, rows)
    placed = np.setdiff1d(standing, whole)
    if len(placed):
        bankbook.close_lines(connection, placed)
        rows = rows.filter(pc.invert(pc.is_in(rows["line_no"], value_set=pa.array(placed))))
    suspended = pc.is_in(rows["line_no"], value_set=pa.array(whole, pa.int64()))
    return rows.append_column("suspended", suspended).cast(_LINES)


def _receipts_of(connection: Connection, lines: pa.Table) -> tuple[Ints, Ints]:
    """Lines that are receipts (their keys are the receipts'), and those wholly in suspense."""
    placement, receipt = schema.placement.c, schema.receipt.c
    staged = stage(connection, "open_lines", lines.select(["line_no"]), key=("line_no",))
    rows = connection.execute(
        select(
            receipt.receipt_no,
            receipt.amount_cents,
            func.sum(placement.cents).filter(placement.bucket == SUSPENSE),
        )
        .join(staged, staged.c.line_no == receipt.receipt_no)
        .join(schema.placement, placement.receipt_no == receipt.receipt_no)
        .group_by(receipt.receipt_no, receipt.amount_cents)
        .order_by(receipt.receipt_no)
    ).all()
    every = np.array([row[0] for row in rows], np.int64)
    whole = np.array([row[0] for row in rows if row[1] == (row[2] or 0)], np.int64)
    return every, whole


def _for_cascade(lines: pa.Table, run: Run) -> pa.Table:
    day = run.calendar.bank_day_numbers(ints(lines["value_date"].cast(pa.int32())))
    cents = ints(lines["amount_cents"])
    texts = [pc.fill_null(lines[n], "") for n in ("reference", "customer_reference", "text")]
    return pa.table(
        {
            "line_no": lines["line_no"],
            "kinds": kinds_of(lines["type_code"], cents),
            "day": day,
            "cents": cents,
            "words": pc.binary_join_element_wise(*texts, " "),
        },
        schema=OPEN_LINES,
    )


def _open_deposits(connection: Connection, run: Run) -> pa.Table:
    opened, batch = schema.open_deposit.c, schema.batch.c
    held = (
        select(batch.file_no)
        .where(batch.file_no == deposit.c.file_no, batch.state == "held")
        .exists()
    )
    rows = fetch_arrow(
        connection,
        select(
            opened.deposit_no, deposit.c.channel, deposit.c.kind, deposit.c.expected_date,
            opened.left_cents, deposit.c.own, deposit.c.streams,
            case((opened.left_cents != deposit.c.amount_cents, 1), else_=0).label("touched"),
            case((held, 1), else_=0).label("held"),
        )
        .join(deposit, deposit.c.deposit_no == opened.deposit_no)
        .order_by(opened.deposit_no),
        _DEPOSITS,
    )  # fmt: skip
    coded = rows["channel"].combine_chunks().dictionary_encode()
    bits = np.array([OF_CHANNEL[name] for name in coded.dictionary.to_pylist()], np.int64)
    kinds = bits[coded.indices.to_numpy(zero_copy_only=False)] if rows.num_rows else bits
    back = pc.equal(rows["kind"], "return").to_numpy(zero_copy_only=False)
    kinds = np.where(back, RETURN, kinds)
    return pa.table(
        {
            "deposit_no": rows["deposit_no"],
            "kinds": kinds,
            "day": run.calendar.bank_day_numbers(ints(rows["expected_date"].cast(pa.int32()))),
            "cents": rows["left_cents"],
            "own": pc.fill_null(rows["own"], ""),
            "streams": pc.fill_null(rows["streams"], ""),
            "touched": rows["touched"].cast(pa.bool_()),
            "held": rows["held"].cast(pa.bool_()),
        },
        schema=OPEN_DEPOSITS,
    )


_DEPOSITS = pa.schema(
    [
        pa.field("deposit_no", pa.int64()),
        pa.field("channel", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("expected_date", pa.date32()),
        pa.field("left_cents", pa.int64()),
        pa.field("own", pa.string()),
        pa.field("streams", pa.string()),
        pa.field("touched", pa.int64()),
        pa.field("held", pa.int64()),
    ]
)


# --- what is paired -------------------------------------------------------------------------------


def _write(connection: Connection, run: Run, lines: pa.Table, pairs: pa.Table) -> int:
    """Book pairs and remember them; money that stood in suspense leaves it first."""
    if pairs.num_rows == 0:
        return 0
    paired = _lines(pairs)
    mine = lines.filter(pc.is_in(lines["line_no"], value_set=paired))
    waited = mine.filter(mine["suspended"])["line_no"].to_pylist()
    if waited:
        moves.take_out(connection, run, waited, "settled", "the deposit that it brings came")
    rows = pairs.join(mine.select(["line_no", "file_no", "ordinal", "value_date"]), "line_no")
    rows = rows.join(_channels(connection, pairs), "deposit_no")
    rows = rows.sort_by([("line_no", "ascending"), ("deposit_no", "ascending")]).combine_chunks()
    accounts = posting.clearing_account(rows["channel"].combine_chunks(), run.chart)
    entries = bankbook.book(connection, run, rows, accounts, "deposits credited by the bank")
    bankbook.remember(connection, run, rows.append_column("entry_no", pa.array(entries)))
    bankbook.close_lines(connection, ints(paired))
    suspense.answer_debits(connection, run, mine)
    _bring(connection, run, rows)
    return len(paired)


def _channels(connection: Connection, pairs: pa.Table) -> pa.Table:
    numbers = pc.unique(pairs["deposit_no"]).cast(pa.int64()).sort()
    staged = stage(connection, "paired", pa.table({"deposit_no": numbers}), key=("deposit_no",))
    return fetch_arrow(
        connection,
        select(deposit.c.deposit_no, deposit.c.channel)
        .join(staged, staged.c.deposit_no == deposit.c.deposit_no)
        .order_by(deposit.c.deposit_no),
        pa.schema([pa.field("deposit_no", pa.int64()), pa.field("channel", pa.string())]),
    )


def _bring(connection: Connection, run: Run, rows: pa.Table) -> None:
    """What is left of the deposits, and the questions that this answers or raises."""
    sums = rows.group_by("deposit_no").aggregate([("cents", "sum")]).sort_by("deposit_no")
    staged = stage(connection, "brought", sums, key=("deposit_no",))
    opened = schema.open_deposit.c
    found = connection.execute(
        select(opened.deposit_no, opened.left_cents - staged.c.cents_sum)
        .join(staged, staged.c.deposit_no == opened.deposit_no)
        .order_by(opened.deposit_no)
    ).all()
    left = {row[0]: int(row[1]) for row in found}
    _set_left(connection, staged, left)
    open_rest = [
        number
        for number, cents in left.items()
        if cents and not settlements.round_off(connection, run, number, cents)
    ]
    _answer(connection, run, sorted(set(left) - set(open_rest)))
    if open_rest:
        _ask_differing(connection, run, open_rest, left)


def _set_left(connection: Connection, staged: Any, left: dict[int, int]) -> None:
    opened = schema.open_deposit
    found = select(staged.c.deposit_no).where(staged.c.deposit_no == opened.c.deposit_no)
    connection.execute(delete(opened).where(found.exists()))
    rows = [{"deposit_no": number, "left_cents": cents} for number, cents in left.items() if cents]
    if rows:
        insert_table(connection, opened, pa.Table.from_pylist(rows))


# --- what a person pairs --------------------------------------------------------------------------


def open_cents(connection: Connection, run: Run, deposit_no: int, line_key: int) -> int | None:
    """Cents of an open line that could bring an open deposit; None when either is not open."""
    row = _line(connection, run, line_key)
    if row.num_rows == 0 or deposits.left_of(connection, deposit_no) == 0:
        return None
    return int(row["amount_cents"][0].as_py())


def pair(connection: Connection, run: Run, deposit_no: int, line_key: int, actor: str) -> None:
    """Pair a deposit with a line because a person says so; a difference is asked about."""
    row = _line(connection, run, line_key)
    made = {
        "deposit_no": deposit_no,
        "line_no": line_key,
        "cents": row["amount_cents"][0].as_py(),
        "rule": "linked",
        "evidence": f"linked by {actor}",
    }
    _write(connection, run, row, pa.Table.from_pylist([made], schema=PAIRS))


def _line(connection: Connection, run: Run, line_key: int) -> pa.Table:
    lines = open_lines(connection, run)
    return lines.filter(pc.equal(lines["line_no"], line_key))


# --- questions ------------------------------------------------------------------------------------


def _open_questions(connection: Connection) -> dict[str, int]:
    question = schema.exception.c
    rows = connection.execute(
        select(question.exception_id, question.exception_no).where(
            question.code.in_((DIFFERS, LATE)), question.status != "resolved"
        )
    )
    return {row.exception_id: row.exception_no for row in rows}


def _facts(connection: Connection, numbers: list[int]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(numbers), 500):
        found += connection.execute(
            select(deposit)
            .where(deposit.c.deposit_no.in_(numbers[start : start + 500]))
            .order_by(deposit.c.deposit_no)
        ).all()
    return found


def _answer(connection: Connection, run: Run, numbers: list[int]) -> None:
    """Close the questions about deposits that are credited in full now."""
    asked = _open_questions(connection)
    if not asked:
        return
    done = [
        asked[key]
        for row in _facts(connection, numbers)
        for code in (DIFFERS, LATE)
        if (key := exception_id(code, row.deposit_id)) in asked
    ]
    run.desk(connection).resolve(done, "the bank has credited it")


def _ask_differing(
    connection: Connection, run: Run, numbers: list[int], left: dict[int, int]
) -> None:
    asked = _open_questions(connection)
    desk = run.desk(connection)
    for row in _facts(connection, numbers):
        brought = row.amount_cents - left[row.deposit_no]
        words = (
            f"{row.kind} deposit {row.reference} of {row.business_date}: expected"
            f" {format_cents(row.amount_cents)}, the bank credited {format_cents(brought)}. Ask the"
            " bank to correct it; its correction clears the rest."
        )
        number = asked.get(exception_id(DIFFERS, row.deposit_id))
        if number is not None:
            desk.restate(number, words, -left[row.deposit_no])
            continue
        desk.open(
            [Question(DIFFERS, row.deposit_id, words, -left[row.deposit_no], file_no=row.file_no)]
        )
        late = asked.get(exception_id(LATE, row.deposit_id))
        if late is not None:
            desk.resolve([late], "the bank has credited another amount")


def _ask_late(connection: Connection, run: Run) -> int:
    """Deposits that no line brought some bank days after they were expected (contract 5)."""
    opened = schema.open_deposit.c
    days = run.home.settings.clearing.late_days
    rows = connection.execute(
        select(deposit)
        .join(schema.open_deposit, opened.deposit_no == deposit.c.deposit_no)
        .where(
            deposit.c.expected_date < run.today.isoformat(),
            deposit.c.amount_cents > 0,
            deposit.c.kind != "return",
            opened.left_cents == deposit.c.amount_cents,
        )
        .order_by(deposit.c.deposit_no)
    ).all()
    late = [
        row
        for row in rows
        if run.calendar.bank_days_between(dt.date.fromisoformat(row.expected_date), run.today)
        >= days
    ]
    known = _known(connection, [exception_id(LATE, row.deposit_id) for row in late])
    questions = [
        Question(
            LATE,
            row.deposit_id,
            f"{row.kind} deposit {row.reference} of {row.business_date} over"
            f" {format_cents(row.amount_cents)} was expected at the bank on {row.expected_date} and"
            " is on no statement. Ask the bank; link the line that brought it.",
            row.amount_cents,
            file_no=row.file_no,
        )
        for row in late
        if exception_id(LATE, row.deposit_id) not in known
    ]
    return run.desk(connection).open(questions)


def _known(connection: Connection, wanted: list[str]) -> set[str]:
    question = schema.exception.c
    found: set[str] = set()
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        found.update(
            connection.scalars(select(question.exception_id).where(question.exception_id.in_(part)))
        )
    return found


def _told(connection: Connection, doubt: Doubt) -> tuple[str, str]:
    """Code and words of a doubt about a line."""
    names = [
        f"{row.deposit_id} ({row.kind} {row.reference} of {row.business_date},"
        f" {format_cents(row.amount_cents)})"
        for row in _facts(connection, list(doubt.deposits))
    ]
    if doubt.code == "CREDIT_ELSEWHERE":
        return doubt.code, f"it fits {', '.join(names)}, but names another source"
    return doubt.code, f"it fits more than one of {', '.join(names)}"
