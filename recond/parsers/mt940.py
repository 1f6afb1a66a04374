"""MT940 statements and MT942 interim reports: bank lines and balances (formats.md section 7).

Transactions (61 with their 86) are read as columns (`mt940_lines`); the other fields are few and
are read one by one (`mt940_reader`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from recond.model import BANK_LINES, Format, Parsed, Transmission
from recond.parsers.dates import NO_DATE, PIVOT, date_column
from recond.parsers.mt940_fields import Fields, fields, heads_of
from recond.parsers.mt940_lines import Lines, read_lines
from recond.parsers.mt940_reader import Reader, Run
from recond.parsers.notes import Notes


class Layout(BaseModel):
    """What a bank's profile of MT940 may say; the defaults are the specification's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    year_pivot: int = Field(
        default=PIVOT, ge=0, le=99, description="two-digit years below it are 20xx"
    )
    other_currency: Literal["hold", "show"] = Field(
        default="hold",
        description="statements in another currency: hold the file, or show and never post them",
    )
    statement_numbers: Literal["year", "day"] = Field(
        default="year",
        description="numbers of statements (28C) repeat after a year, or every day",
    )


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read MT940 and MT942 messages into bank_lines, bank_balances and controls.

    Amounts are cents, signed by effect: C and RD credit, D and RC debit. Controls: opening
    balance and lines make the closing balance, pages join (BALANCE_WRONG), the sums of an MT942
    (FILE_COUNT_WRONG, FILE_TOTAL_WRONG). Lines of an MT942, of expected entries and of other
    currencies are shown and never posted. Never raises for bad data.

    Problems that hold: FILE_STRUCTURE, FILE_TRUNCATED, NO_STATEMENT, RECORD_UNREADABLE,
    RECORD_TOO_LONG, NUL_BYTES, AMOUNT_OUT_OF_RANGE, CURRENCY_WRONG.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} has no MT940 layout")
    notes = Notes()
    reader = Reader(layout, fmt.currency, fmt.encoding, notes)
    ordinal = 1
    for found in fields(source, notes):
        heads, nexts, is_line = heads_of(found)
        lines = read_lines(
            found, heads[is_line], nexts[is_line], fmt.encoding, layout.year_pivot, notes
        )
        runs = reader.walk(found, heads, nexts, lines)
        table = _table(found, lines, runs, ordinal)
        ordinal += table.num_rows
        controls, balances = reader.gathered.drain()
        tables = {"bank_lines": table, "bank_balances": balances, "controls": controls}
        yield Parsed(tables, notes.drain())
    reader.finish()
    controls, balances = reader.gathered.drain()
    yield Parsed(
        {"controls": controls, "bank_balances": balances},
        notes.drain() + notes.rest(),
        Transmission(reader.identity),
    )


def _table(found: Fields, lines: Lines, runs: list[Run], ordinal: int) -> pa.Table:
    """The statement lines of a chunk, those of statements that could be opened."""
    sizes = [run.stop - run.start for run in runs]
    rows = np.concatenate([np.arange(run.start, run.stop) for run in runs] or [np.zeros(0, int)])
    owner = np.repeat(np.arange(len(runs)), sizes)
    index = rows - np.array([run.start - run.first for run in runs], dtype=np.int64)[owner]
    kept = ~lines.bad[rows]
    if not kept.all():
        rows, owner, index = rows[kept], owner[kept], index[kept]
    scale = np.array([run.scale for run in runs], dtype=np.int64)[owner]
    factor = np.array([run.factor for run in runs], dtype=np.int64)[owner]
    opened = np.array([run.day for run in runs], dtype=np.int64)[owner]
    shown = np.array([run.shown_only for run in runs], dtype=np.bool_)[owner]
    owners = pa.array(owner)
    accounts = pa.array([run.account for run in runs], type=pa.string()).take(owners)
    keys = pa.array([run.key for run in runs], type=pa.string()).take(owners)
    day = np.where(lines.day[rows] == NO_DATE, lines.entry[rows], lines.day[rows])
    head, last = lines.head[rows], lines.last[rows]
    columns = (lines.kind, lines.reference, lines.customer_reference, lines.text)
    if len(rows) < len(lines.head):  # all of them but in a damaged file
        columns = tuple(column.take(pa.array(rows)) for column in columns)
    return pa.table(
        [
            pa.array(np.arange(ordinal, ordinal + len(rows), dtype=np.int64)),
            pa.array(found.line[head]),
            pa.array(found.offset + found.start[head]),
            pa.array(found.end[last] - found.start[head]),
            accounts,
            date_column(np.where(day == NO_DATE, opened, day)),
            columns[0],
            pa.array(lines.sign[rows] * (lines.milli[rows] // scale) * factor),
            *columns[1:],
            pa.array(shown | lines.expected[rows]),
            pc.binary_join_element_wise(keys, pa.array(index + 1).cast(pa.string()), ":"),
        ],
        schema=BANK_LINES,
    )
