"""Deposits meet statement lines: what the bank brought, in the books the same day.

A line that brings deposits moves their money from the clearing account to the bank. A credit
without a deposit is money in suspense with a question; a deposit without a credit is asked about
after some bank days (contract section 5). Runs after every pass and by `recond clear`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.clearing import cascade
from recond.clearing.kinds import ADJUSTED, TAKEN_BACK
from recond.clearing.tables import PAIRS, Cleared, Limits
from recond.pipeline import (
    brought,
    deposit_questions,
    deposits,
    drawers,
    returns,
    settlements,
    statement_numbers,
    statements,
    suspense,
    unreconciled,
)
from recond.pipeline.carry import carry
from recond.pipeline.run import Run
from recond.store import schema

line = schema.bank_line


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
    statement_numbers.ask_numbers(connection, run)
    made = settlements.make(connection, run) + drawers.settle(connection, run)
    _carry(connection, run)
    returned = returns.take(connection, run)
    every = unreconciled.open_lines(connection, run)
    lines, named = _named_items(connection, run, every)
    found = _pair(connection, run, lines)
    brought.write(connection, run, lines, found.pairs)
    left, back, repeated = _take_back(connection, run, _without(lines, found.pairs))
    returned += named + back
    doubts = deposit_questions.beside_held(connection, left)
    doubts |= {doubt.line_no: deposit_questions.told(connection, doubt) for doubt in found.doubts}
    cleared = every.num_rows - left.num_rows
    if not left.num_rows:
        asked = deposit_questions.ask_late(connection, run)
        return Done(made, cleared, returned, 0, 0, asked)
    done = suspense.take(connection, run, left, doubts | repeated)
    asked = deposit_questions.ask_late(connection, run)
    return Done(made, cleared, returned, done.suspense, done.fees, done.asked + asked)


def _carry(connection: Connection, run: Run) -> None:
    """The credits of replaced files go to the deposits in their place; a rest is asked about."""
    left = carry(connection, run)
    differ = [number for number, cents in left.items() if cents]
    deposit_questions.answer(connection, run, sorted(set(left) - set(differ)))
    if differ:
        deposit_questions.ask_differing(connection, run, differ, left)


def _named_items(connection: Connection, run: Run, lines: pa.Table) -> tuple[pa.Table, int]:
    """Checks that go back or come again, before any deposit: a line that names a check's number
    and has its amount is that check's, though a deposit or a return on its way has the same
    amount. Returns the lines that are left, and how many receipts went back."""
    gone, _ = returns.of_lines(connection, run, _taken_back(lines, TAKEN_BACK))
    brought.write(connection, run, lines, gone)
    left = _without(lines, gone)
    again = returns.again(connection, run, left.filter(pc.greater(left["amount_cents"], 0)))
    brought.write(connection, run, left, again)
    return _without(left, again), gone.num_rows


def _take_back(
    connection: Connection, run: Run, left: pa.Table
) -> tuple[pa.Table, int, dict[int, tuple[str, str]]]:
    """Items that the bank takes back and brings again, by their lines, as long as one follows
    from the other. Returns the lines that are left, receipts returned, doubts by line."""
    count = 0
    while True:
        debits, doubts = returns.of_lines(connection, run, _taken_back(left))
        count += debits.num_rows
        brought.write(connection, run, left, debits)
        left = _without(left, debits)
        credits_ = left.filter(pc.greater(left["amount_cents"], 0))
        said = returns.announced_debits(connection, run, _taken_back(left))
        pairs = pa.concat_tables([said, returns.again(connection, run, credits_)])
        brought.write(connection, run, left, pairs)
        left = _without(left, pairs)
        if not pairs.num_rows:
            return left, count, doubts


def _pair(connection: Connection, run: Run, lines: pa.Table) -> Cleared:
    if not lines.num_rows:
        return Cleared(PAIRS.empty_table(), ())
    expected = unreconciled.open_deposits(connection, run)
    if not expected.num_rows:
        return Cleared(PAIRS.empty_table(), ())
    known = unreconciled.sources(connection)
    return cascade.clear(expected, unreconciled.for_cascade(lines, run), limits(run), known)


def _without(lines: pa.Table, pairs: pa.Table) -> pa.Table:
    return lines.filter(pc.invert(pc.is_in(lines["line_no"], value_set=brought.lines_of(pairs))))


def _taken_back(
    lines: pa.Table, type_codes: frozenset[str] = TAKEN_BACK | ADJUSTED
) -> list[dict[str, Any]]:
    """Debits by which the bank takes items back, as their type code says."""
    codes = pa.array(sorted(type_codes))
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


# --- what a person pairs --------------------------------------------------------------------------


def cannot_pair(connection: Connection, run: Run, deposit_no: int, line_key: int) -> str | None:
    """Why a line cannot be linked to a deposit, in words; None when it can."""
    row = connection.execute(
        select(line.c.value_date, line.c.same_day).where(
            line.c.file_no == line_key >> schema.ORDINAL_BITS,
            line.c.ordinal == line_key & ((1 << schema.ORDINAL_BITS) - 1),
        )
    ).first()
    if row is None:
        return "there is no such bank line"
    if row.same_day:
        return "the line is shown only (same-day, or sent again with other content)"
    if row.value_date > run.today.isoformat():
        return (
            f"the bank's line has the value date {row.value_date} and is in the books from that day"
            " on; answer then"
        )
    if deposits.left_of(connection, deposit_no) == 0:
        return "the deposit is reconciled already"
    if not _line(connection, run, line_key).num_rows:
        return "the bank line is explained already, or an item of another line's total"
    return None


def cents_of(connection: Connection, run: Run, line_key: int) -> int:
    """Cents of an open line."""
    return int(_line(connection, run, line_key)["amount_cents"][0].as_py())


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
    brought.write(connection, run, row, pa.Table.from_pylist([made], schema=PAIRS))


def _line(connection: Connection, run: Run, line_key: int) -> pa.Table:
    lines = unreconciled.open_lines(connection, run)
    return lines.filter(pc.equal(lines["line_no"], line_key))
