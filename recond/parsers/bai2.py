"""BAI2 cash management reports: bank lines and balances (formats.md section 1).

A state machine over logical records: 01 (02 (03 16* 49)* 98)* 99. Records 16 are read as columns
(`bai2_details`); the other records are few and are read one by one (`bai2_reader`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from recond.model import BANK_LINES, Format, Parsed, Transmission
from recond.parsers.bai2_codes import NON_MONETARY, Meanings, TypeCodes, meanings
from recond.parsers.bai2_details import Details, read_details
from recond.parsers.bai2_reader import Reader, Run
from recond.parsers.bai2_records import CONTINUATION, DETAIL, Records, logical_records
from recond.parsers.columns import Ints, Mask
from recond.parsers.dates import NO_DATE, PIVOT, date_column
from recond.parsers.notes import Notes

_CODE_TEXT = pa.array([f"{code:03d}" for code in range(1000)])


class Layout(BaseModel):
    """What a bank's profile of BAI2 may say; the defaults are the specification's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: TypeCodes = Field(description="type codes by level and direction")
    year_pivot: int = Field(
        default=PIVOT, ge=0, le=99, description="two-digit years below it are 20xx"
    )
    other_currency: Literal["hold", "show"] = Field(
        default="hold",
        description="accounts in another currency: hold the file, or show them and never post",
    )
    totals_without_summaries: bool = Field(
        default=False, description="control totals of accounts leave out the amounts of record 03"
    )
    group_without_accounts: bool = Field(
        default=False, description="record 98 has no number of accounts"
    )


class _Digest:
    """SHA-256 over the records of the groups, whatever their line ends, padding and slashes."""

    def __init__(self) -> None:
        self._content, self._lengths = hashlib.sha256(), hashlib.sha256()

    def update(self, records: Records, kept: Mask) -> None:
        start, end = records.start[kept], records.end[kept]
        if not len(start):
            return
        bounds = np.empty(2 * len(start) + 1, dtype=np.int32)
        bounds[0:-1:2], bounds[1::2], bounds[-1] = start, end, end[-1]
        both = pa.BinaryArray.from_buffers(
            pa.binary(), 2 * len(start), [None, pa.py_buffer(bounds), pa.py_buffer(records.data)]
        )
        packed = both.take(pa.array(np.arange(0, 2 * len(start), 2)))
        size = int((end - start).sum())
        self._content.update(memoryview(packed.buffers()[2])[:size])
        self._lengths.update((end - start).astype("<i8").tobytes())

    def hexdigest(self) -> str:
        return hashlib.sha256(self._content.digest() + self._lengths.digest()).hexdigest()


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a BAI2 file into bank_lines, bank_balances and controls, a chunk a megabyte.

    Lines are the 16s whose type code is a detail; amounts are cents, signed by the code's
    direction; all of them count in the control totals, unsigned. Totals and counts of 49, 98
    and 99 are CONTROLS rows of the codes FILE_TOTAL_WRONG and FILE_COUNT_WRONG: statements are
    held whole. Never raises for bad data.

    Problems that hold: FILE_STRUCTURE, FILE_TRUNCATED, HEADER_WRONG, RECORD_UNREADABLE,
    RECORD_TOO_LONG, NUL_BYTES, AMOUNT_OUT_OF_RANGE, CURRENCY_WRONG. STATEMENT_NOT_FINAL asks.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} has no BAI2 layout")
    notes = Notes()
    reader = Reader(layout, fmt.currency, fmt.encoding, notes)
    known = meanings(layout.codes)
    digest, ordinal, found_details = _Digest(), 1, 0
    for records in logical_records(source, notes):
        chunk = _chunk(records, reader, fmt, known, notes)
        if chunk is None:
            break
        details, runs, kept = chunk
        digest.update(records, kept)
        found_details += len(details.head)
        lines = _lines(records, details, runs, known, ordinal)
        ordinal += lines.num_rows
        tables = {
            "bank_lines": lines,
            "bank_balances": reader.balances(),
            "controls": reader.controls.drain(),
        }
        yield Parsed(tables, notes.drain())
    reader.finish(found_details)
    yield Parsed(
        {"controls": reader.controls.drain()},
        notes.drain() + notes.rest(),
        Transmission(reader.identity, digest.hexdigest() if found_details else None),
    )


def _chunk(
    records: Records, reader: Reader, fmt: Format, known: Meanings, notes: Notes
) -> tuple[Details, list[Run], Mask] | None:
    """Take one chunk through the state machine; None when this is no BAI2 file."""
    heads = np.flatnonzero((records.code != CONTINUATION) & (records.code != 0))
    if not reader.begins(records, heads):
        return None
    nexts = np.append(heads[1:], len(records))
    code = records.code[heads]
    is_detail = code == DETAIL
    layout = reader.layout
    details = read_details(
        records, heads[is_detail], nexts[is_detail], fmt.encoding, layout.year_pivot, notes
    )
    _warn_wrapped(records, heads, nexts, is_detail, notes)
    runs = reader.walk(records, heads, nexts, details, known)
    _warn_codes(records, details, known, notes)
    within = (code != 1) & (code != 99)
    return details, runs, np.repeat(within, nexts - heads)


def _warn_wrapped(
    records: Records, heads: Ints, nexts: Ints, is_detail: Mask, notes: Notes
) -> None:
    """Lines without a record code: wrapped text under a 16, a fault anywhere else."""
    loose = np.flatnonzero(records.code == 0)
    if not len(loose):
        return
    owner = np.searchsorted(heads, loose, side="right") - 1
    for row, is_text in zip(loose, is_detail[owner], strict=True):
        code = "RECORD_DEVIATES" if is_text else "FILE_STRUCTURE"
        what = (
            "The text of a transaction goes on in a line without a record code (88)."
            if is_text
            else "The line begins with no record code of BAI2. Ask the bank for a new file."
        )
        place = records.offset + int(records.start[row])
        notes.add(code, what, line=int(records.line[row]), byte_offset=place, field="record code")


def _warn_codes(records: Records, details: Details, known: Meanings, notes: Notes) -> None:
    code = details.code
    sign, line = known.sign[code], known.line[code]
    told = [
        (
            "CODE_UNKNOWN",
            ~known.known[code],
            "Type code {code:03d} is not listed; its direction is that of its range.",
        ),
        (
            "RECORD_DEVIATES",
            known.known[code] & ~line & (code != NON_MONETARY),
            (
                "A transaction has type code {code:03d}, which is a summary or a balance: it is no "
                "statement line."
            ),
        ),
        (
            "RECORD_UNREADABLE",
            (sign == 0) & ~known.status[code] & (details.amount > 0),
            (
                "A transaction of type code {code:03d} has an amount, and nothing says whether it "
                "came or went. Say so in [layout.codes] of the format file."
            ),
        ),
    ]
    for name, where, sentence in told:
        for row in np.flatnonzero(where & ~details.bad):
            head = int(details.head[row])
            notes.add(
                name,
                sentence.format(code=int(code[row])),
                line=int(records.line[head]),
                byte_offset=records.offset + int(records.start[head]),
                field="type code",
            )


def _lines(
    records: Records, details: Details, runs: list[Run], known: Meanings, ordinal: int
) -> pa.Table:
    """The statement lines of a chunk: details of open accounts, signed by their type code."""
    sizes = [run.stop - run.start for run in runs]
    rows = np.concatenate([np.arange(run.start, run.stop) for run in runs] or [np.zeros(0, int)])
    owner = np.repeat(np.arange(len(runs)), sizes)
    kept = known.line[details.code[rows]] & ~details.bad[rows]
    rows, owner = rows[kept], owner[kept]
    scale = np.array([run.scale for run in runs], dtype=np.int64)[owner]
    as_of = np.array([run.day for run in runs], dtype=np.int64)[owner]
    same_day = np.array([run.same_day for run in runs], dtype=np.bool_)[owner]
    accounts = pa.array([run.account for run in runs], type=pa.string())
    head = details.head[rows]
    last = details.last[rows]
    code, day = details.code[rows], details.day[rows]
    take = pa.array(rows)
    return pa.table(
        [
            pa.array(np.arange(ordinal, ordinal + len(rows), dtype=np.int64)),
            pa.array(records.line[head]),
            pa.array(records.offset + records.start[head]),
            pa.array(records.stop[last] - records.start[head]),
            accounts.take(pa.array(owner)),
            date_column(np.where(day == NO_DATE, as_of, day)),
            _CODE_TEXT.take(pa.array(code)),
            pa.array(details.amount[rows] * known.sign[code] * scale),
            details.reference.take(take),
            details.customer_reference.take(take),
            details.text.take(take),
            pa.array(same_day),
            pa.nulls(len(rows), pa.string()),
        ],
        schema=BANK_LINES,
    )
