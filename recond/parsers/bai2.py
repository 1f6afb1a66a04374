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
from recond.parsers.bai2_physical import UNKNOWN, physical_length
from recond.parsers.bai2_reader import Reader, Run
from recond.parsers.bai2_records import DETAIL, begins_record, logical_records
from recond.parsers.columns import LF, Ints, Mask, raw_column
from recond.parsers.dates import NO_DATE, PIVOT, date_column
from recond.parsers.notes import Notes
from recond.parsers.records import Records
from recond.parsers.spans import gathered, repeated

_CODES = np.array([b"%03d" % code for code in range(1000)]).view("V3")
_MANY = 16  # records for each break in them, from which on runs are worth it


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
        self._content = hashlib.sha256()

    def update(self, records: Records, kept: Mask) -> None:
        """Take the records of a chunk that are kept: their bytes, each with a line feed."""
        data, start, end = records.data, records.start, records.end
        if not kept.all():
            start, end = start[kept], end[kept]
        if not len(start):
            return
        if (start[1:] == end[:-1]).any():  # records that fill their physical length
            data = np.insert(data, end, np.uint8(LF))
            start, end = start + np.arange(len(start)), end + np.arange(len(end))
        # Runs of records between which there is nothing but one line feed are taken as they stand.
        apart = start[1:] - end[:-1] != 1
        apart |= data[end[:-1]] != LF
        breaks = np.flatnonzero(apart)
        if len(breaks) * _MANY > len(start):
            data = np.append(data, np.uint8(LF))
            data[end] = LF
            packed = gathered(data, start, end + 1, np.array([len(start)], dtype=np.int64))
            size = int((end + 1 - start).sum())
            self._content.update(memoryview(packed.buffers()[2])[:size])
            return
        view = memoryview(data.data)
        firsts, lasts = [0, *(breaks + 1).tolist()], [*breaks.tolist(), len(start) - 1]
        for first, last in zip(firsts, lasts, strict=True):
            self._content.update(view[int(start[first]) : int(end[last])])
            self._content.update(b"\n")

    def hexdigest(self) -> str:
        return self._content.hexdigest()


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a BAI2 file into bank_lines, bank_balances and controls, a chunk a megabyte.

    Lines are the 16s whose type code is a detail; amounts are cents, signed by the code's
    direction; all of them count in the control totals, unsigned. Totals and counts of 49, 98
    and 99 are CONTROLS rows of the codes FILE_TOTAL_WRONG and FILE_COUNT_WRONG: statements are
    held whole. Never raises for bad data.

    Problems that hold: FILE_STRUCTURE, FILE_TRUNCATED, HEADER_WRONG, RECORD_UNREADABLE,
    RECORD_TOO_LONG, NUL_BYTES, AMOUNT_OUT_OF_RANGE, CURRENCY_WRONG. STATEMENT_NOT_FINAL and
    CODE_WITHOUT_DIRECTION ask.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} has no BAI2 layout")
    notes = Notes()
    reader = Reader(layout, fmt.currency, fmt.encoding, notes)
    known = meanings(layout.codes)
    digest, ordinal, found_details = _Digest(), 1, 0
    stream, length = physical_length(source)
    if length == UNKNOWN:
        reader.refuse()
    for records in () if length == UNKNOWN else logical_records(stream, notes, length=length):
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
    heads = np.flatnonzero(begins_record(records.code))
    if not reader.begins(records, heads):
        return None
    nexts = np.append(heads[1:], len(records))
    code = records.code[heads]
    is_detail = code == DETAIL
    rows = slice(None) if is_detail.all() else np.flatnonzero(is_detail)
    details = read_details(
        records, heads[rows], nexts[rows], fmt.encoding, reader.layout.year_pivot, notes
    )
    _warn_wrapped(records, heads, nexts, is_detail, notes)
    runs = reader.walk(records, heads, nexts, details, known)
    _warn_codes(records, details, known, notes)
    return details, runs, _within(code, nexts - heads)


def _within(code: Ints, sizes: Ints) -> Mask:
    """Which records stand between those of the file, 01 and 99: what the digest covers."""
    within = (code != 1) & (code != 99)
    if within.all():
        return np.ones(int(sizes.sum()), dtype=np.bool_)
    return np.repeat(within, sizes)


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
    rows = np.flatnonzero(known.odd[details.code])
    if not len(rows):
        return
    code = details.code[rows]
    money = ~known.line[code] & (details.amount[rows] > 0)
    told = [
        (
            "CODE_UNKNOWN",
            ~known.known[code],
            "Type code {code:03d} is not listed; its direction is that of its range.",
        ),
        (
            "CODE_WITHOUT_DIRECTION",
            money,
            (
                "A transaction of {amount} minor units has type code {code:03d}, which says "
                "neither that money came nor that it went: it is no statement line. Ask the bank; "
                "then say what the code is in [layout.codes] of the format file for the files to "
                "come, and bring in this line with a bank CSV."
            ),
        ),
        (
            "RECORD_DEVIATES",
            known.known[code] & ~known.line[code] & ~money & (code != NON_MONETARY),
            (
                "A transaction has type code {code:03d}, which is a summary or a balance: it is no "
                "statement line."
            ),
        ),
    ]
    for name, where, sentence in told:
        for row in rows[where & ~details.bad[rows]]:
            head = int(details.head[row])
            notes.add(
                name,
                sentence.format(code=int(details.code[row]), amount=int(details.amount[row])),
                line=int(records.line[head]),
                byte_offset=records.offset + int(records.start[head]),
                field="type code",
            )


def _lines(
    records: Records, details: Details, runs: list[Run], known: Meanings, ordinal: int
) -> pa.Table:
    """The statement lines of a chunk: details of open accounts, signed by their type code."""
    sizes = np.array([run.stop - run.start for run in runs], dtype=np.int64)
    kept = known.line[details.code] & ~details.bad
    if not kept.all() or int(sizes.sum()) < len(kept):  # lines that are none, or of no account
        spans = [np.flatnonzero(kept[run.start : run.stop]) + run.start for run in runs]
        sizes = np.array([len(span) for span in spans], dtype=np.int64)
        details = details.take(np.concatenate([np.zeros(0, dtype=np.int64), *spans]))
    head, day, count = details.head, details.day, len(details.head)
    start = records.start[head]
    if (day == NO_DATE).any():
        day = np.where(day == NO_DATE, np.repeat([run.day for run in runs], sizes), day)
    cents = details.amount * known.sign[details.code]
    if any(run.scale != 1 for run in runs):
        cents *= np.repeat([run.scale for run in runs], sizes)
    return pa.table(
        [
            pa.array(np.arange(ordinal, ordinal + count)),
            pa.array(records.line[head]),
            pa.array(records.offset + start),
            pa.array(records.stop[details.last] - start),
            repeated([run.account for run in runs], sizes),
            date_column(day),
            raw_column(_CODES[details.code].view(np.uint8).reshape(count, 3), plain=True),
            pa.array(cents),
            details.reference,
            details.customer_reference,
            details.text,
            pa.array(np.repeat(np.array([run.same_day for run in runs], dtype=np.bool_), sizes)),
            pa.nulls(count, pa.string()),
        ],
        schema=BANK_LINES,
    )
