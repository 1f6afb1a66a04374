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
from recond.parsers.columns import Ints
from recond.parsers.dates import NO_DATE, PIVOT, date_column
from recond.parsers.mt940_fields import fields, heads_of
from recond.parsers.mt940_lines import Lines, read_lines
from recond.parsers.mt940_reader import Reader, Run
from recond.parsers.notes import Notes
from recond.parsers.records import Records
from recond.parsers.spans import repeated


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
    statement_numbers: Literal["year", "month", "day", "free"] = Field(
        default="year",
        description="numbers of statements (28C) begin again every year, month or day, or are "
        "unique in a year and follow each other in no way",
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


def _table(found: Records, lines: Lines, runs: list[Run], ordinal: int) -> pa.Table:
    """The statement lines of a chunk, those of statements that could be opened."""
    sizes = np.array([run.stop - run.start for run in runs], dtype=np.int64)
    spans = [np.arange(run.start, run.stop) for run in runs]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *spans])
    owner = np.repeat(np.arange(len(runs)), sizes)
    index = rows - np.repeat([run.start - run.first for run in runs], sizes).astype(np.int64)
    kept = ~lines.bad[rows]
    if not kept.all():
        rows, owner, index = rows[kept], owner[kept], index[kept]
        sizes = np.bincount(owner, minlength=len(runs))
    if len(rows) < len(lines.head):  # all of them but in a damaged file
        lines = lines.take(rows)
    day = np.where(lines.day == NO_DATE, lines.entry, lines.day)
    if (day == NO_DATE).any():
        day = np.where(day == NO_DATE, np.repeat([run.day for run in runs], sizes), day)
    scale, factor = (
        np.repeat(np.array([getattr(run, name) for run in runs], dtype=np.int64), sizes)
        for name in ("scale", "factor")
    )
    shown = np.repeat(np.array([run.shown_only for run in runs], dtype=np.bool_), sizes)
    start = found.start[lines.head]
    return pa.table(
        [
            pa.array(np.arange(ordinal, ordinal + len(rows))),
            pa.array(found.line[lines.head]),
            pa.array(found.offset + start),
            pa.array(found.end[lines.last] - start),
            repeated([run.account for run in runs], sizes),
            date_column(day),
            lines.kind,
            pa.array(lines.sign * (lines.milli // scale) * factor),
            lines.reference,
            lines.customer_reference,
            lines.text,
            pa.array(shown | lines.expected),
            _identities(runs, sizes, index),
        ],
        schema=BANK_LINES,
    )


def _identities(runs: list[Run], sizes: Ints, index: Ints) -> pa.StringArray:
    """Of each line: its statement's key and its number in it; null where there is no key."""
    parts = []
    numbers = pa.array(index + 1).cast(pa.string())
    place = 0
    for run, size in zip(runs, sizes.tolist(), strict=True):
        parts.append(_numbered(run.key, numbers.slice(place, size)))
        place += size
    return pa.concat_arrays(parts) if parts else pa.array([], type=pa.string())


def _numbered(key: str | None, numbers: pa.StringArray) -> pa.StringArray:
    if key is None or not len(numbers):
        return pa.nulls(len(numbers), pa.string())
    return pc.binary_join_element_wise(pa.scalar(key), numbers, ":")
